"""How a contact behaves towards people: the plain one, and the one that shows that it writes and answers nudges.

Not how it gets online (`living`). What all of them do: acknowledge whatever peers send, show their picture, decline
what they do not know.
"""

from __future__ import annotations

from typing import Any, Protocol

from emulator.client import folders
from emulator.client.board import Board, Heard
from emulator.client.direct_bridge import Limits
from emulator.client.direct_passage import Passage
from emulator.client.transfer import Incoming, Transfers
from emulator.wire import msnobject, shared_folder
from emulator.wire.msnp import message as mime
from emulator.wire.slp import Slp

BOT = 0x20000  # capability of those who are no person (msnp.md 2.10): they never answer each other
HESITATION = 2.0  # seconds in which a person would make up its mind about a file
HURRIED = Limits(whole=1.5, dial=1.0, handshake=1.0)  # with probes, whose journeys have no time to lose (ours)


class Host(Protocol):
    """What manners need of the contact that has them."""

    address: str
    face: bytes
    portrait: msnobject.MsnObject
    network: Any
    messenger: Any

    def spawn(self, work: Any) -> None: ...


class Manners:
    """The plain contact: repeats texts as they came; takes files and forgets them; agrees to share folders."""

    hesitation = HESITATION
    repeated: tuple[str, ...] = (mime.TEXT,)
    writes = False  # shows that it does

    def __init__(self, host: Host) -> None:
        self.host = host

    def sit(self, board: Board, limits: Limits = Limits()) -> Transfers:
        """A conversation begins. `limits` are those of direct connections."""
        transfers = Transfers(board, self.host.network, self.host.network.ways, limits)
        transfers.serve((self.host.portrait, self.host.face))
        transfers.on_file = lambda incoming: self._later(board, lambda: self.offered(board, incoming))
        transfers.on_invited = lambda invitation: self._later(board, lambda: self.invited(board, transfers, invitation))
        board.on_heard = lambda heard: None if _bot(board, heard.sender) else self.heard(board, transfers, heard)
        return transfers

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        """Somebody said something."""
        if heard.kind not in self.repeated:
            return
        if self.writes and heard.kind == mime.TEXT:
            board.typing()
        if heard.message.payload:
            board.post(heard.message.payload)
        else:  # it came in parts
            self.host.spawn(board.pass_on(_whole(heard), heard.message.body))

    def offered(self, board: Board, incoming: Incoming) -> None:
        """Somebody offers a file."""
        self.host.spawn(_taken(incoming))

    def invited(self, board: Board, transfers: Transfers, invitation: Slp) -> None:
        """Somebody invites to a session of another kind: declined, as by everybody who does not know it."""
        transfers.calls.decline(invitation)

    def handed(self, sender: str, kind: int, payload: bytes) -> None:
        """A UUN came: a request for a shared folder is agreed to (emulated beyond the ACK)."""
        if kind == shared_folder.KIND:
            answer = folders.answered(payload, agreed=lambda csid: self.shares(sender, csid))
            if answer:
                self.reply(sender, kind, answer)

    def shares(self, sender: str, csid: str) -> bool:
        """Somebody wants to share a folder (GUID in braces): agreed."""
        return True

    def reply(self, to: str, kind: int, payload: bytes) -> None:
        """Answer by UUN."""
        if self.host.messenger is not None:
            self.host.spawn(self.host.messenger.uun(to, kind, payload))

    def _later(self, board: Board, call: Any) -> None:
        """After the hesitation, if the conversation still goes on then."""
        if not self.hesitation:
            call()
            return
        timer = self.host.network.call_later(self.hesitation, call)
        board.at_end(lambda error: timer.cancel() if timer.active() else None)


class Echo(Manners):
    """Shows that it writes before it repeats, and repeats nudges as well."""

    repeated = (mime.TEXT, mime.DATACAST)
    writes = True


def _bot(board: Board, address: str) -> bool:
    return any(guest.capabilities & BOT for guest in board.guests if guest.address.lower() == address.lower())


def _whole(heard: Heard) -> tuple[tuple[str, str], ...]:
    """Fields of a message in parts, without those of the parts."""
    return tuple(pair for pair in heard.message.fields.pairs if pair[0].lower() not in ("message-id", "chunks"))


def by(passage: Passage, size: int) -> str:
    """The bridge, where it is another than the switchboard that this is said on."""
    return f", by {passage.words(size)}" if passage.direct else ""


async def _taken(incoming: Incoming) -> None:
    await incoming.accept(keep=False)
