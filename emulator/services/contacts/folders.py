"""The contact that shares a folder: it agrees when asked, asks when told to, and compares lists of files.

Emulated beyond the SNM documents. Nothing is kept of the other's list but its SHA-1.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from hashlib import sha1

from emulator.client import folders
from emulator.client.board import Board, Heard
from emulator.client.direct_bridge import NoWay
from emulator.client.folders import Folder
from emulator.client.network import ClientError, StreamEnded
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import Host, Manners, by
from emulator.wire import tags
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.msnp import message as mime
from emulator.wire.shared_folder import Listed
from emulator.wire.slp import Slp

HELP = 'Share a folder with me: I tell you which list of files I got. Write "share" and I ask you to.'
AGREED = 256  # folders that were agreed on; the oldest is forgotten first


def content() -> tuple[Listed, ...]:
    """What the contact's folder holds: always the same."""
    names = ("Álbum de férias.jpg", "notes.txt", "report 2007.doc", "Ω.wma")
    return tuple(Listed(name, 1000 * at, sha1(filler(name.encode(), 64)).hexdigest()) for at, name in enumerate(names))


class Folders(Manners):
    """`share`, and folders of others; anything else is answered with help."""

    hesitation = 0.0

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._agreed: OrderedDict[tuple[str, str], None] = OrderedDict()

    def shares(self, sender: str, csid: str) -> bool:
        self._agreed[sender.lower(), csid.upper()] = None
        if len(self._agreed) > AGREED:
            self._agreed.popitem(last=False)
        return True

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.TEXT and heard.message.text.strip().lower() == "share":
            self.host.spawn(self._share(board, transfers, heard.sender))
        elif heard.kind == mime.TEXT:
            self.host.spawn(board.say(HELP))

    def invited(self, board: Board, transfers: Transfers, invitation: Slp) -> None:
        known = invitation.caller.lower()
        try:
            folder = folders.accept(transfers, invitation, lambda csid: (known, csid.upper()) in self._agreed)
        except WireError:
            transfers.calls.decline(invitation)
            return
        self.host.spawn(self._compare(board, folder))

    async def _share(self, board: Board, transfers: Transfers, peer: str) -> None:
        csid = tags.guid(self.host.network.entropy(16))
        try:
            await folders.ask(self.host.messenger, peer, csid)
            folder = await folders.invite(transfers, peer, csid, self.host.network.entropy)
        except (ClientError, WireError) as error:
            await board.say(f"You do not share a folder: {error}")
            return
        with suppress(NoWay):  # then the lists go over the switchboard, as clients do
            await folder.channel.connect()
        if await self._lists(board, folder):
            folder.channel.close()

    async def _compare(self, board: Board, folder: Folder) -> None:
        """Lists until whoever invited ends the session."""
        while await self._lists(board, folder):
            pass

    async def _lists(self, board: Board, folder: Folder) -> bool:
        mine = content()
        try:
            found = await folder.compare(mine, self.host.network.now)
        except ClientError as error:
            if folder.first or not isinstance(error, StreamEnded):
                await board.say(f"The folder is not shared: {error}")
            return False
        await board.say(
            f"Folder {folder.csid}: got {len(found.files)} files, SHA-1 {found.theirs}; "
            f"sent {len(mine)}, SHA-1 {found.ours}{by(found.passage, found.size)}"
        )
        return True
