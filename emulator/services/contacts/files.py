"""The contact that takes and sends files: it tells what arrived, and sends one of any size when asked.

Nothing is kept but size and SHA-1.
"""

from __future__ import annotations

import re

from emulator.client.board import Board, Heard
from emulator.client.legacy_file import LegacyFiles, LegacyLimits, LegacyOffer
from emulator.client.network import ClientError
from emulator.client.transfer import Incoming, Transfers
from emulator.services.contacts.manners import HURRIED, Host, Manners, by
from emulator.wire.filler import filler
from emulator.wire.msnp import message as mime
from emulator.world.names import is_volatile

LARGEST = 1 << 20  # bytes of a file that it sends; most clients refuse larger messages between peers
HURRIED_OLD = LegacyLimits(connect=HURRIED.whole)  # with probes, whose journeys have no time to lose (ours)
HELP = (
    "Send me a file: I take it and tell you its size and SHA-1. "
    'Write "send 5000" and I send you a file of 5000 bytes (at most 1048576), "send 5000 old" and it goes by MSNFTP, '
    '"send 5000 old dial" and I connect to you for that.'
)
_SEND = re.compile(r"\s*send\s+([0-9]{1,9})(\s+old(\s+dial)?)?\s*", re.IGNORECASE)


def content(size: int) -> bytes:
    """What a file of that size holds: always the same bytes, and none that can be compressed."""
    return filler(b"files", size, "content")


class Files(Manners):
    """`send <size>` and files of others; anything else is answered with help."""

    hesitation = 0.0

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._old: dict[Board, LegacyFiles] = {}

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.TEXT:
            self.host.spawn(self._answer(board, transfers, heard))
            return
        old = self._legacy(board)
        if old is not None:
            old.take(heard)

    def _legacy(self, board: Board) -> LegacyFiles | None:
        """Files by MSNFTP in this conversation; None where contacts have no sockets."""
        ways = self.host.network.ways
        if ways is None:
            return None
        if board not in self._old:
            board.at_end(lambda error: self._forget(board))
            limits = HURRIED_OLD if any(is_volatile(guest.address) for guest in board.guests) else LegacyLimits()
            self._old[board] = LegacyFiles(board, self.host.network, ways, limits)
            self._old[board].on_offer = lambda offer: self.host.spawn(self._take_old(board, offer))
        return self._old[board]

    def offered(self, board: Board, incoming: Incoming) -> None:
        self.host.spawn(self._take(board, incoming))

    def _forget(self, board: Board) -> None:
        self._old.pop(board, None)

    async def _answer(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        asked = _SEND.fullmatch(heard.message.text)
        if asked is None:
            await board.say(HELP)
            return
        size = int(asked[1])
        if size > LARGEST:
            await board.say(f"{size} bytes are too many for me: {LARGEST} at most.")
            return
        name = f"emulator-{size}.bin"
        if asked[2]:
            await self._send_old(board, name, size, listen=not asked[3])
            return
        try:
            sent = await transfers.send_file(heard.sender, name, content(size))
        except ClientError as error:
            await board.say(f"{name} was not taken: {error}")
            return
        await board.say(f"Sent {sent.name}, {sent.size} bytes, SHA-1 {sent.sha1}{by(sent.passage, sent.size)}")

    async def _send_old(self, board: Board, name: str, size: int, *, listen: bool) -> None:
        old = self._legacy(board)
        if old is None:
            await board.say("I have no way to send files by MSNFTP.")
            return
        try:
            sent = await old.send(name, content(size), listen=listen)
        except ClientError as error:
            await board.say(f"{name} was not taken: {error}")
            return
        await board.say(f"Sent {sent.name}, {sent.size} bytes, SHA-1 {sent.sha1}, by MSNFTP on port {sent.port}")

    async def _take_old(self, board: Board, offer: LegacyOffer) -> None:
        try:
            got = await offer.accept()
        except ClientError as error:
            await board.say(f"{offer.name} did not arrive: {error}")
            return
        await board.say(f"{got.name}, {got.size} bytes, SHA-1 {got.sha1}, by MSNFTP on port {got.port}")

    async def _take(self, board: Board, incoming: Incoming) -> None:
        try:
            got = await incoming.accept(keep=False)
        except ClientError as error:
            await board.say(f"{incoming.name} did not arrive: {error}")
            return
        await board.say(f"{got.name}, {got.size} bytes, SHA-1 {got.sha1}{by(got.passage, got.size)}")
