"""Contacts that live in the emulator, as raw MSNP clients meet them."""

from __future__ import annotations

import hashlib
import re
import struct
from itertools import count
from pathlib import Path

import pytest
from msnp_place import Service
from twisted.internet.task import Clock

from emulator.catalog import load
from emulator.services.contacts import move_in
from emulator.services.contacts.living import RETRY, Living
from emulator.services.msnp.house import House
from emulator.wire import slp, tags
from emulator.wire.msnp.switchboard import CONTACT
from emulator.world.errors import WrongPassword
from emulator.world.world import World

VECTORS = Path(__file__).parent.parent / "vectors"
ALICE = "alice@example.com"
ECHO, FILES, VOICE, SHY = "echo@example.com", "files@example.com", "voice.of@example.com", "shy@example.com"
TEXT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nX-MMS-IM-Format: FN=Arial\r\n\r\n"


class Place(Service):
    """A service with the contacts of a cast, and alice in a conversation with one of them."""

    def __init__(self) -> None:
        super().__init__()
        for address in (ECHO, FILES, VOICE, SHY):
            self.world.accounts.create(address, "", name=address, resident=True, hidden=address == SHY)
        network = self.contacts[0].network
        for address in (ECHO, FILES, VOICE):
            Living(network, address).start()
        network.soon.drain()

    def board(self, callee: str):
        if not self.world.online(ALICE):
            self.alice = self.person(ALICE)
        cookie = self.alice.send(b"XFR 20 SB\r\n").split(b"XFR 20 SB ")[1].split()[2]
        board = self.line()
        board.send(b"USR 1 alice@example.com " + cookie + b"\r\n")
        joined = board.send(b"CAL 2 " + callee.encode() + b"\r\n")
        assert re.fullmatch(rb"CAL 2 RINGING \d+\r\nJOI " + callee.encode() + rb" \S+ 2007629868\r\n", joined), joined
        return board


@pytest.fixture
def place() -> Place:
    return Place()


def say(board, payload: bytes, flag: bytes = b"A", trid: int = 5) -> list[tuple[bytes, bytes]]:
    """A message, and what comes back: lines and payloads."""
    return split(board.send(b"MSG %d %s %d\r\n%s" % (trid, flag, len(payload), payload)))


def split(raw: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while raw:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line.split()[-1]) if line[:3] in (b"MSG", b"UBN") else 0
        found.append((line, raw[:size]))
        raw = raw[size:]
    return found


def test_all_residents_but_the_hidden_are_online_at_once():
    clock = Clock()
    entropy = lambda size: hashlib.shake_128(str(next(numbers)).encode()).digest(size)  # noqa: E731
    numbers = count(1)
    world = World(now=clock.seconds, entropy=entropy)
    for address in (ECHO, FILES, VOICE, SHY):
        world.accounts.create(address, "", name=address, resident=True, hidden=address == SHY)
    house = House(world, lambda: world.take_changes() and None)
    move_in(house, load(), call_later=clock.callLater, now=clock.seconds, entropy=entropy)
    online = [one for one in (ECHO, FILES, VOICE, SHY, CONTACT) if world.online(one)]
    assert online == [ECHO, FILES, VOICE, CONTACT]
    assert not world.presence.places(SHY)


@pytest.mark.parametrize("password", ["", "x", "wrong", "opal-Kite7"])
def test_nobody_signs_in_as_a_contact(place, password):
    with pytest.raises(WrongPassword):
        place.world.accounts.authenticate(ECHO, password)
    line = place.line()
    line.send(b"VER 1 MSNP7 CVR0\r\n")
    assert b"USR 3 MD5 S" in line.send(b"USR 3 MD5 I echo@example.com\r\n")
    assert line.send(b"USR 4 MD5 S d41d8cd98f00b204e9800998ecf8427e\r\n") == b"911 4\r\n"
    assert place.world.online(ECHO)


def test_echo_shows_that_it_writes_and_repeats_word_for_word(place):
    board = place.board(ECHO)
    payload = TEXT + "Olá, Ω!".encode()
    ack, typing, answer = say(board, payload)
    assert ack == (b"ACK 5", b"")
    assert b"TypingUser: echo@example.com\r\n" in typing[1]
    assert answer[0].startswith(b"MSG echo@example.com echo@example.com ")
    assert answer[1] == payload
    nudge = b"MIME-Version: 1.0\r\nContent-Type: text/x-msnmsgr-datacast\r\n\r\nID: 1\r\n\r\n"
    assert [one[1] for one in say(board, nudge, b"N", 6)] == [nudge]
    typing = b"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgscontrol\r\nTypingUser: alice@example.com\r\n\r\n\r\n"
    assert say(board, typing, b"U", 7) == []


def test_contacts_that_answer_everything_do_not_answer_each_other(place):
    board = place.board(ECHO)
    assert b"CAL 9 RINGING" in board.send(b"CAL 9 contact@hotmail.com\r\n")
    assert b"CAL 10 RINGING" in board.send(f"CAL 10 {FILES}\r\n".encode())
    said = [one[0].split(b" ")[1] for one in say(board, TEXT + b"hello")]
    assert said == [b"5", b"echo@example.com", b"echo@example.com", b"contact@hotmail.com", FILES.encode()]


def test_a_contact_leaves_when_it_is_alone(place):
    board = place.board(ECHO)
    assert place.world.switchboards.sessions_of(ECHO)
    board.send(b"OUT\r\n")
    assert not place.world.switchboards.sessions_of(ECHO)
    other = place.board(ECHO)
    other.hang_up()
    place.clock.advance(0)
    assert not place.world.switchboards.sessions_of(ECHO)


def invite(to: str, size: int = 11) -> bytes:
    text = (VECTORS / "slp-inv.txt").read_bytes()
    text = text.replace(b"bob@example.test", to.encode()).replace(b"alice@example.test", ALICE.encode())
    context = slp.file_context("hello.txt", size).encode()
    return re.sub(rb"Context: \S+", b"Context: " + context, text)


def peer(data: bytes, to: str, app: int = 0) -> bytes:
    head = f"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\nP2P-Dest: {to}\r\n\r\n".encode()
    return head + data + struct.pack(">I", app)


def offer(board, to: str) -> list[tuple[bytes, bytes]]:
    """The file invitation of the dossier in two chunks."""
    text = invite(to)
    out = []
    for trid, at in ((10, 0), (11, 1202)):
        piece = text[at : at + 1202]
        header = struct.pack("<IIQQIIIIQ", 0, 1000, at, len(text), len(piece), 0, 0xCAFEBABE, 0, 0)
        out += say(board, peer(header + piece, to), b"D", trid)
    return out


def test_files_takes_a_file_and_tells_its_digest(place):
    board = place.board(FILES)
    lines = offer(board, FILES)
    assert [line for line, _ in lines if line.startswith(b"ACK")] == [b"ACK 10", b"ACK 11"]
    ack, ok = (payload.partition(b"\r\n\r\n")[2] for line, payload in lines if line.startswith(b"MSG"))
    size = len(invite(FILES))
    assert ack[8:48] == struct.pack("<QQIIIIQ", 0, size, 0, 2, 1000, 0xCAFEBABE, size)
    assert ok[48:].startswith(b"MSNSLP/1.0 200 OK\r\nTo: <msnmsgr:alice@example.com>\r\n")
    data = struct.pack("<IIQQIIIIQ", 305419896, 1001, 0, 11, 11, 0x01000030, 9, 0, 0) + b"Hello there"
    lines = say(board, peer(data, FILES, 2), b"D", 12)
    told = next(payload for _, payload in lines if b"text/plain" in payload)
    assert told.endswith(b"hello.txt, 11 bytes, SHA-1 " + hashlib.sha1(b"Hello there").hexdigest().encode())


def test_a_plain_contact_only_acknowledges_and_makes_up_its_mind_later(place):
    board = place.board(CONTACT)
    lines = offer(board, CONTACT)
    messages = [payload for line, payload in lines if line.startswith(b"MSG")]
    assert len(messages) == 1
    place.clock.advance(3.0)
    later = [payload for _, payload in split(board.read())]
    assert b"MSNSLP/1.0 200 OK" in later[0]


def test_a_conversation_that_ends_meanwhile_leaves_nothing_behind(place):
    board = place.board(CONTACT)
    before = len(place.clock.getDelayedCalls())
    offer(board, CONTACT)
    assert len(place.clock.getDelayedCalls()) > before
    board.send(b"OUT\r\n")
    assert len(place.clock.getDelayedCalls()) <= before


def test_files_answers_words(place):
    board = place.board(FILES)
    lines = say(board, TEXT + b"what can you do?")
    assert b'Write "send 5000"' in lines[1][1]
    lines = say(board, TEXT + b"send 5000", trid=6)
    invitation = lines[1][1].partition(b"\r\n\r\n")[2]
    assert b"INVITE MSNMSGR:alice@example.com MSNSLP/1.0" in invitation


def test_voice_picks_up_a_sip_call(place):
    place.person(ALICE).read()
    line = place.person("bob@example.com")
    line.read()
    request = (VECTORS / "sip-invite.txt").read_bytes()
    out = line.send(b"UUN 9 voice.of@example.com 2 %d\r\n%s" % (len(request), request))
    (ok, _), *answers = split(out)
    assert ok == b"UUN 9 OK"
    assert [line for line, _ in answers] == [b"UBN voice.of@example.com 2 %d" % len(payload) for _, payload in answers]
    assert [payload.split(b"\r\n")[0] for _, payload in answers] == [
        b"SIP/2.0 100 Trying",
        b"SIP/2.0 180 Ringing",
        b"SIP/2.0 200 OK",
    ]
    final = answers[-1][1]
    head, _, body = final.partition(b"\r\n\r\n")
    assert b"i: ffeeddccbbaa99887766554433221100\r\n" in final
    assert b"CSeq: 1 INVITE\r\n" in final
    assert b"t: <sip:bob@example.test>;tag=" in head
    assert b"l: %d" % len(body) in head
    assert re.search(rb"m=audio \d+ RTP/AVP 8\r\n", body)
    notice = b"INVITE 203.0.113.20 vp.sip.messenger.msn.com"  # three words of 8.1: there is no server to go to
    assert line.send(b"UUN 10 voice.of@example.com 2 %d\r\n%s" % (len(notice), notice)) == b"UUN 10 OK\r\n"


def test_voice_accepts_an_invitation_of_older_clients(place):
    board = place.board(VOICE)
    payload = (
        b"MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinvite; charset=UTF-8\r\n\r\n"
        b"Application-Name: an audio conversation\r\nApplication-GUID: {02D3C01F-BF30-4825-A83A-DE7AF41648AA}\r\n"
        b"Session-Protocol: SM1\r\nContext-Data: Requested:SIP_A,;Capabilities:SIP_A,SIP_V,;\r\n"
        b"Invitation-Command: INVITE\r\nInvitation-Cookie: 33267\r\n"
        b"Session-ID: {11111111-2222-3333-4444-555555555555}\r\nConn-Type: Direct-Connect\r\nSip-Capability: 1\r\n\r\n"
    )
    answer = say(board, payload, b"N")[0][1]
    assert b"Invitation-Command: ACCEPT\r\nInvitation-Cookie: 33267\r\n" in answer
    assert b"Session-ID: {11111111-2222-3333-4444-555555555555}\r\n" in answer
    other = payload.replace(b"INVITE\r\nInv", b"CANCEL\r\nInv")
    assert say(board, other, b"N", 6) == []


def test_whoever_adds_a_contact_is_added_in_turn(place):
    place.world.accounts.create("eve@example.com", "x", name="Eve")
    place.world.books.add_contact("eve@example.com", ECHO)
    place.house.settle()
    place.clock.advance(0)
    assert place.world.lists.bits(ECHO, "eve@example.com") & 3 == 3
    eve = place.person("eve@example.com")
    assert place.world.sees(ECHO, "eve@example.com")
    assert place.world.online(ECHO)
    assert eve.send(b"PNG\r\n").endswith(b"QNG 60\r\n")


def test_accounts_of_probes_are_not_added(place):
    probe = tags.account(bytes(range(16)))
    place.world.account(probe)
    place.world.books.add_contact(probe, ECHO)
    place.house.settle()
    place.clock.advance(0)
    assert not place.world.lists.bits(ECHO, probe) & 1


def test_a_contact_whose_session_ends_comes_back(place):
    place.house.oust(place.world.presence.places(ECHO))
    place.clock.advance(0)
    assert not place.world.online(ECHO)
    place.clock.advance(RETRY + 0.1)
    assert place.world.online(ECHO)
    board = place.board(ECHO)
    assert say(board, TEXT + b"again?")[2][1] == TEXT + b"again?"


def test_nobody_comes_back_when_the_service_goes_down(place):
    place.house.close()
    place.clock.advance(0)
    assert not place.world.online(ECHO)
    place.clock.advance(RETRY * 3)
    assert not place.world.online(ECHO)
    assert not place.clock.getDelayedCalls()


def test_idle_contacts_do_next_to_nothing(place):
    fired = []
    place.clock.callLater(0, fired.append, 1)
    for _ in range(8):
        place.clock.advance(600.0)
    assert all(place.world.online(one) for one in (ECHO, FILES, CONTACT))
    assert len(place.clock.getDelayedCalls()) < 40
