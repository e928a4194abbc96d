"""The contact that shares a folder: it agrees when asked, asks when told to, and compares lists of files.

Emulated beyond the SNM documents. Nothing is kept of the other's list but its SHA-1.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha1

from emulator.client import folders
from emulator.client.board import Board
from emulator.client.folders import Folder
from emulator.client.network import ClientError, StreamEnded
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import Host, by
from emulator.services.contacts.partner import Partner
from emulator.wire import tags
from emulator.wire.filler import filler
from emulator.wire.shared_folder import Listed
from emulator.wire.slp import Slp

AGREED = 256  # folders that were agreed on; the oldest is forgotten first


def content() -> tuple[Listed, ...]:
    """What the contact's folder holds: always the same."""
    names = ("Álbum de férias.jpg", "notes.txt", "report 2007.doc", "Ω.wma")
    return tuple(Listed(name, 1000 * at, sha1(filler(name.encode(), 64)).hexdigest()) for at, name in enumerate(names))


class Folders(Partner[Folder]):
    """`share`, and folders of others."""

    word = "share"
    help = 'Share a folder with me: I tell you which list of files I got. Write "share" and I ask you to.'
    refused = "You do not share a folder"

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._agreed: OrderedDict[tuple[str, str], None] = OrderedDict()

    def shares(self, sender: str, csid: str) -> bool:
        self._agreed[sender.lower(), csid.upper()] = None
        if len(self._agreed) > AGREED:
            self._agreed.popitem(last=False)
        return True

    async def propose(self, transfers: Transfers, peer: str) -> Folder:
        csid = tags.guid(self.host.network.entropy(16))
        await folders.ask(self.host.messenger, peer, csid)
        return await folders.invite(transfers, peer, csid, self.host.network.entropy)

    def admit(self, transfers: Transfers, invitation: Slp) -> Folder:
        known = invitation.caller.lower()
        return folders.accept(transfers, invitation, lambda csid: (known, csid.upper()) in self._agreed)

    async def turn(self, board: Board, meeting: Folder) -> bool:
        mine = content()
        try:
            found = await meeting.compare(mine, self.host.network.now)
        except ClientError as error:
            if meeting.first or not isinstance(error, StreamEnded):
                await board.say(f"The folder is not shared: {error}")
            return False
        await board.say(
            f"Folder {meeting.csid}: got {len(found.files)} files, SHA-1 {found.theirs}; "
            f"sent {len(mine)}, SHA-1 {found.ours}{by(found.passage, found.size)}"
        )
        return True
