"""The contact that takes and sends files: it tells what arrived, and sends one of any size when asked.

Nothing is kept but size and SHA-1.
"""

from __future__ import annotations

import re

from emulator.client.board import Board, Heard
from emulator.client.network import Unexpected
from emulator.client.transfer import Incoming, Transfers
from emulator.services.contacts.manners import Manners
from emulator.wire.filler import filler
from emulator.wire.msnp import message as mime

LARGEST = 1 << 20  # bytes of a file that it sends; most clients refuse larger messages between peers
HELP = (
    "Send me a file: I take it and tell you its size and SHA-1. "
    'Write "send 5000" and I send you a file of 5000 bytes (at most 1048576).'
)
_SEND = re.compile(r"\s*send\s+([0-9]{1,9})\s*", re.IGNORECASE)


def content(size: int) -> bytes:
    """What a file of that size holds: always the same bytes, and none that can be compressed."""
    return filler(b"files", size, "content")


class Files(Manners):
    """`send <size>` and files of others; anything else is answered with help."""

    hesitation = 0.0

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.TEXT:
            self.host.spawn(self._answer(board, transfers, heard))

    def offered(self, board: Board, incoming: Incoming) -> None:
        self.host.spawn(self._take(board, incoming))

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
        try:
            sent = await transfers.send_file(heard.sender, name, content(size))
        except Unexpected as error:
            await board.say(f"{name} was not taken: {error}")
            return
        await board.say(f"Sent {sent.name}, {sent.size} bytes, SHA-1 {sent.sha1}")

    async def _take(self, board: Board, incoming: Incoming) -> None:
        try:
            got = await incoming.accept(keep=False)
        except Unexpected as error:
            await board.say(f"{incoming.name} did not arrive: {error}")
            return
        await board.say(f"{got.name}, {got.size} bytes, SHA-1 {got.sha1}")
