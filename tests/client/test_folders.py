"""Shared folders with the contact that has one: SNM, the session, lists both ways; and what breaks them."""

from __future__ import annotations

import base64
import hashlib
import re
import struct

import pytest
from client_place import ALICE, ECHO, FOLDERS, GAMES, SHY, Person, Town

from emulator.client import folders
from emulator.client.board import Board
from emulator.client.calls import Calls
from emulator.client.direct_bridge import Limits, NoWay
from emulator.client.direct_ways import Harbour, MemoryWays
from emulator.client.folders import Compared, Folder
from emulator.client.network import StreamEnded, Unexpected
from emulator.client.transfer import Transfers
from emulator.services.contacts import folders as contact
from emulator.wire import shared_folder, slp
from emulator.wire.errors import WireError
from emulator.wire.shared_folder import Listed, Opening, Snm

LIMITS = Limits(whole=2.0, dial=0.5, handshake=1.0)
HERE, THERE = "10.0.0.1", "10.0.0.2"
CSID = "{00112233-4455-6677-8899-AABBCCDDEEFF}"
OTHER = "{FF112233-4455-6677-8899-AABBCCDDEEFF}"
MINE = (Listed("férias.jpg", 123456, "ab" * 20), Listed("a b.txt", 0, "00" * 20))
DOSSIER = f'<SNM opcode="SNM" csid="{CSID}" priority="1"/>'.encode()


class Table:
    """Alice and the contact with a folder, in one conversation, both with ways to each other."""

    def __init__(self, *, over_gateway: bool = False) -> None:
        self.town = Town()
        self.harbour = Harbour(self.town.clock.callLater)
        self.town.contacts[0].network.ways = MemoryWays(self.harbour, THERE)
        person = Person(self.town, ALICE, over_gateway=over_gateway)
        self.messenger = self.town.run(person.online())
        made: list[Transfers] = []
        self.board = self.town.run(person.chat(FOLDERS, lambda board: made.append(self.sessions(board))))
        self.mine = made[0]

    def sessions(self, board: Board) -> Transfers:
        return Transfers(board, self.town.network, MemoryWays(self.harbour, HERE), LIMITS)

    def ask(self, csid: str = CSID, peer: str = FOLDERS) -> None:
        self.town.run(folders.ask(self.messenger, peer, csid))

    def folder(self, csid: str = CSID) -> Folder:
        return self.town.run(folders.invite(self.mine, FOLDERS, csid, self.town.entropy))

    def compare(self, folder: Folder, files: tuple[Listed, ...] = MINE) -> Compared:
        return self.town.run(folder.compare(files, self.town.now))

    def told(self) -> str:
        return self.town.run(self.board.heard()).message.text

    def agrees(self, found: Compared, csid: str = CSID) -> str:
        told = self.told()
        said = re.fullmatch(r"Folder (\S+): got (\d+) files, SHA-1 (\w{40}); sent (\d+), SHA-1 (\w{40})(.*)", told)
        assert said, told
        ours = hashlib.sha1(shared_folder.write_list(MINE)).hexdigest()
        theirs = hashlib.sha1(shared_folder.write_list(contact.content())).hexdigest()
        assert (said[1], said[2], said[3]) == (csid, str(len(MINE)), ours)
        assert (said[4], said[5]) == (str(len(contact.content())), theirs)
        assert (found.ours, found.theirs, found.files) == (ours, theirs, contact.content())
        return said[6]


@pytest.mark.parametrize("over_gateway", [False, True])
def test_lists_are_compared_over_the_switchboard(over_gateway: bool) -> None:
    table = Table(over_gateway=over_gateway)
    table.ask()
    found = table.compare(table.folder())
    assert found.passage.bridge == "SBBridge"
    assert table.agrees(found) == ""


def test_lists_go_directly_where_a_connection_comes_up() -> None:
    table = Table()
    table.ask()
    folder = table.folder()
    table.town.run(folder.channel.connect())
    found = table.compare(folder)
    assert found.passage.bridge == "TCPv1"
    assert table.agrees(found).startswith(", by TCPv1, I listened")
    folder.channel.close()
    table.town.turn(0.5)
    assert not table.harbour.doors


def test_without_a_path_lists_stay_on_the_switchboard() -> None:
    table = Table()
    table.harbour.refuses = lambda address, port: True
    table.ask()
    folder = table.folder()
    with pytest.raises(NoWay):
        table.town.run(folder.channel.connect())
    found = table.compare(folder)
    assert "cannot be reached" in found.passage.why
    assert table.agrees(found) == ""


def test_the_contact_asks_when_told_to_and_dials() -> None:
    table = Table()
    invited: list[slp.Slp] = []
    table.mine.on_invited = invited.append
    asked = table.messenger.handed(shared_folder.KIND)
    table.town.run(table.board.say("share"))
    sender, kind, payload = table.town.run(asked)
    assert (sender, kind) == (FOLDERS, 1)
    snm = shared_folder.read_snm(payload)
    assert snm.opcode == "SNM"
    table.town.run(table.messenger.uun(FOLDERS, 1, folders.answered(payload, agreed=lambda csid: True)))
    table.town.turn()
    folder = folders.accept(table.mine, invited[0], lambda csid: csid == snm.csid)
    found = table.compare(folder)
    assert [address for address, _ in table.harbour.dialled] == [HERE]
    assert table.agrees(found, snm.csid).startswith(", by TCPv1, you listened")
    table.town.turn()
    assert isinstance(folder.channel.over, StreamEnded)


def test_a_refusal_is_told_with_its_reason() -> None:
    table = Table()
    asked = table.messenger.handed(shared_folder.KIND)
    table.town.run(table.board.say("share"))
    _, _, payload = table.town.run(asked)
    nak = folders.answered(payload, agreed=lambda csid: False)
    csid = shared_folder.read_snm(payload).csid
    assert shared_folder.read_snm(nak) == Snm(opcode="NAK", csid=csid, reason="0x80070000")
    table.town.run(table.messenger.uun(FOLDERS, 1, nak))
    assert table.told() == "You do not share a folder: the folder was answered NAK 0x80070000"


def test_whoever_is_away_is_not_asked() -> None:
    table = Table()
    with pytest.raises(Unexpected) as away:
        table.ask(peer=SHY)
    assert away.value.number == 217


def test_an_answer_about_another_folder_is_not_taken_for_this_one() -> None:
    table = Table()
    table.ask(OTHER)
    table.ask(CSID, peer=ECHO)  # agrees too, and is somebody else
    with pytest.raises(Unexpected) as declined:
        table.folder(CSID)
    assert declined.value.code == "603", "only a folder that was agreed on is opened"
    assert table.agrees(table.compare(table.folder(OTHER)), OTHER) == ""


def test_a_contact_without_a_folder_declines_the_session() -> None:
    table = Table()
    town, person = table.town, Person(table.town, ALICE)
    person.messenger = table.messenger
    made: list[Transfers] = []
    town.run(person.chat(GAMES, lambda board: made.append(table.sessions(board))))
    with pytest.raises(Unexpected) as declined:
        town.run(folders.invite(made[0], GAMES, CSID, town.entropy))
    assert declined.value.code == "603"


ROW = b"ab" * 20 + b" 1 x\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut short"),
        (b"folder 2\n", "begins with 'folder 2'"),
        (b"folder 1\n" + ROW[:-1], "cut short"),
        (b"folder 1\n" + ROW + ROW, "stands twice"),
        (b"folder 1\n" + ROW.replace(b"x", b"../x"), "cannot be listed"),
        (b"folder 1\n" + ROW.replace(b" 1 ", b" -1 "), "cannot be listed"),
        (b"folder 1\n" + ROW.replace(b"x", b"x" * 256), "cannot be listed"),
        (b"folder 1\n" + ROW.replace(b"x", b"\xff"), "UTF-8"),
        (b"folder 1\n" + b"".join(b"ab" * 20 + b" 1 %d\n" % at for at in range(1001)), "1001 files; 1000 at most"),
        (b"folder 1\n" + b"y" * 70_000, "70009 bytes; 65536 at most"),
    ],
)
def test_a_list_that_is_none_or_too_large_ends_the_session_with_a_reason(data: bytes, why: str) -> None:
    table = Table()
    table.ask()
    folder = table.folder()
    table.town.run(folder.channel.send(data))
    assert re.match(rf"The folder is not shared: .*{re.escape(why)}", table.told())
    table.town.turn()
    assert isinstance(folder.channel.over, StreamEnded)
    with pytest.raises(WireError, match=re.escape(why)):
        shared_folder.read_list(data)


def test_a_list_of_ours_that_is_too_large_is_not_sent() -> None:
    table = Table()
    table.ask()
    folder = table.folder()
    with pytest.raises(WireError, match="1001 files"):
        table.compare(folder, tuple(Listed(str(at), 1, "ab" * 20) for at in range(1001)))
    assert table.agrees(table.compare(folder)) == "", "the session is still good"


def test_snm_is_the_document_of_the_dossier() -> None:
    assert shared_folder.write_snm(Snm(opcode="SNM", csid=CSID)) == DOSSIER
    assert len(DOSSIER) == 78
    assert folders.answered(DOSSIER, agreed=lambda csid: csid == CSID) == DOSSIER.replace(b'"SNM"', b'"ACK"')
    info = f'<SNM opcode="INFO" csid="{CSID}" reason="0x8F450005"/>'.encode()
    assert shared_folder.read_snm(info).reason == "0x8F450005"
    assert folders.answered(info, agreed=lambda csid: True) == b"", "answers are not answered"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<SNM",
        b"goawyplzthxbye",
        DOSSIER.replace(b' csid="', b' id="'),
        DOSSIER.replace(b"<SNM", b"<X"),
        DOSSIER.replace(b'"SNM"', b'"RUN"'),
        DOSSIER.replace(b"{0", b"{Z"),
        DOSSIER.replace(b'"1"', b'"-1"'),
        DOSSIER.replace(b"/>", b">" + b" " * 1100 + b"</SNM>"),
        b'<!DOCTYPE x [<!ENTITY e "x">]>' + DOSSIER,
    ],
)
def test_what_is_no_snm_is_refused_and_gets_no_answer(data: bytes) -> None:
    with pytest.raises(WireError):
        shared_folder.read_snm(data)
    assert folders.answered(data, agreed=lambda csid: True) == b""


def test_the_context_has_its_numbers_where_they_were_seen() -> None:
    opening = Opening(CSID, 0x11223344, 0x55667788)
    raw = base64.b64decode(shared_folder.context(opening))
    assert raw.startswith(bytes.fromhex("01100800cccccccc"))
    assert struct.unpack_from("<Q", raw, 8)[0] == len(raw) - 16
    assert [struct.unpack_from("<I", raw, at)[0] for at in (24, 52)] == [0x11223344, 0x55667788]
    assert base64.b64decode(shared_folder.copied(opening)) == raw[24:28] + raw[52:56]
    assert shared_folder.read_context(shared_folder.context(opening)) == opening
    for bad in (raw[:-1], raw + b"\0", b"\x02" + raw[1:], raw[:8] + bytes(8) + raw[16:]):
        with pytest.raises(WireError):
            shared_folder.read_context(base64.b64encode(bad).decode())
    with pytest.raises(WireError):
        shared_folder.read_context("%")


def test_an_acceptance_that_copies_other_numbers_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    table.ask()
    real = Calls.accept
    monkeypatch.setattr(
        Calls, "accept", lambda calls, asked, more=(): real(calls, asked, (("Context", "AAAAAAAAAAA="),))
    )
    with pytest.raises(Unexpected, match="other numbers"):
        table.folder()
