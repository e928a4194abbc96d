"""A file over the switchboard between two clients, in their own bytes, with the exact sequence of acknowledgements."""

from __future__ import annotations

import base64
import hashlib
import struct
import threading

import pytest
from lines import Wire
from over_http import open_gateway
from peers import FILE, Peer, field, invitation, slp
from people import call, go_online, sign_in, sign_off, take_call
from running import Running, needs_root

pytestmark = needs_root
SESSION = 305419896


def offer(peer: Peer, data: bytes, name: str) -> list[int]:
    """The sending end: INVITE, 200, data, BYE; returns its identifiers in the order of the acknowledgements."""
    invite = peer.send(invitation(peer.me, peer.other, SESSION, name, len(data)))
    peer.wait_for(invite)
    _, accepted = peer.message()
    assert accepted.startswith(b"MSNSLP/1.0 200 OK\r\n")
    assert field(accepted, "SessionID") == str(SESSION)
    sent = peer.send(data, session=SESSION, flags=FILE, footer=2)
    peer.wait_for(sent)
    _, bye = peer.message()
    assert bye.startswith(f"BYE MSNMSGR:{peer.me} ".encode())
    return [invite, sent]


def accept(peer: Peer) -> tuple[str, bytes]:
    """The receiving end; the file's name and bytes."""
    first, text = peer.message()
    assert first.total > 1202, "this invitation must come in two chunks"
    assert int(field(text, "SessionID")) == SESSION
    context = base64.b64decode(field(text, "Context"))
    size = struct.unpack_from("<Q", context, 8)[0]
    name = context[20:540].decode("utf-16-le").rstrip("\0")
    body = f"SessionID: {SESSION}\r\n\r\n\0"
    agreed = peer.send(slp("MSNSLP/1.0 200 OK", peer.me, peer.other, 1, "application/x-msnmsgr-sessionreqbody", body))
    peer.wait_for(agreed)
    last, data = peer.message()
    assert (last.session, last.footer, last.flags & 0xFFFF) == (SESSION, 2, 0x30)
    assert len(data) == size
    kind = "application/x-msnmsgr-sessionclosebody"
    bye = peer.send(slp(f"BYE MSNMSGR:{peer.other} MSNSLP/1.0", peer.me, peer.other, 0, kind, "\r\n\0"))
    peer.wait_for(bye)
    return name, data


def transfer(one: Peer, other: Peer, size: int) -> None:
    """Both ends at once; hashes must agree."""
    data = hashlib.shake_128(b"file").digest(size)
    received: list[tuple[str, bytes]] = []
    thread = threading.Thread(target=lambda: received.append(accept(other)), daemon=True)
    thread.start()
    mine = offer(one, data, "Ωλα.txt")
    thread.join(30)
    assert received, "the receiving end did not finish"
    name, got = received[0]
    assert name == "Ωλα.txt"
    assert hashlib.sha1(got).digest() == hashlib.sha1(data).digest()
    assert one.acknowledged == mine, "one ACK for each message, in order, and none besides"
    assert len(other.acknowledged) == 2


@pytest.mark.parametrize(("dialects", "size"), [(("MSNP15", "MSNP15"), 40_000), (("MSNP18", "MSNP15"), 3_000)])
def test_a_file_goes_over_the_switchboard(
    there: Running, pair: tuple[str, str], dialects: tuple[str, str], size: int
) -> None:
    one, other = pair
    wires: list[Wire] = []
    for account, dialect in zip(pair, dialects, strict=True):
        wire, _ = sign_in(there.address, account, dialect)
        go_online(wire)
        wires.append(wire)
    board = call(there.address, wires[0], one, other)
    seat = take_call(wires[1], other, one)
    board.wait(f"JOI {other}")
    transfer(Peer(board, one, other, 1000), Peer(seat, other, one, 5000), size)
    sign_off(*wires)
    board.close()
    seat.close()


def test_a_file_goes_through_the_gateway(there: Running, pair: tuple[str, str]) -> None:
    """With held polls, as the one end of it (clients.md 7)."""
    one, other = pair
    wire = open_gateway(there.address, "bitlbee")
    sign_in(there.address, one, wire=wire)
    go_online(wire)
    friend, _ = sign_in(there.address, other)
    go_online(friend)
    words = wire.ask("XFR 30 SB", "XFR 30 SB").split(" ")
    board = open_gateway(there.address, "bitlbee", "SB", words[3].partition(":")[0])
    board.ask(f"USR 1 {one} {words[5]}", "USR 1 OK")
    board.ask(f"CAL 2 {other}", "CAL 2 RINGING")
    seat = take_call(friend, other, one)
    board.wait(f"JOI {other}")
    transfer(Peer(board, one, other, 1000), Peer(seat, other, one, 5000), 20_000)
    sign_off(friend)
    for gateway in (wire, board):
        gateway.hang_up()
    seat.close()
