"""Sharing a folder with a peer: asked for by SNM, a session of its own, and the lists of both sides.

Emulated beyond the SNM documents: what the original sent to keep folders alike is not known. Source: media.md 8.1.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1

import msgspec

from emulator.client.channel import Channel
from emulator.client.direct_passage import Passage
from emulator.client.messenger import Messenger
from emulator.client.network import Unexpected
from emulator.client.sessions import Sessions
from emulator.wire import p2p, shared_folder, slp
from emulator.wire.errors import WireError
from emulator.wire.shared_folder import Listed, Opening, Snm
from emulator.wire.slp import Slp


class Compared(msgspec.Struct, frozen=True):
    """Both lists, once each side has the other's; SHA-1 and size of what travelled each way."""

    ours: str
    theirs: str
    size: int
    files: tuple[Listed, ...]
    passage: Passage


class Folder:
    """One session of a shared folder. `first`: this end sends its list first."""

    def __init__(self, channel: Channel, csid: str, *, first: bool) -> None:
        self.channel = channel
        self.csid = csid
        self.first = first

    async def compare(self, files: tuple[Listed, ...], now: Callable[[], float]) -> Compared:
        """Send one's list, get the other's. Raises WireError for a list of ours that is too large, else ClientError."""
        mine, started = shared_folder.write_list(files), 0.0
        if self.first:
            started = now()
            await self.channel.send(mine)
        theirs = await self.channel.message()
        try:
            found = shared_folder.read_list(theirs)
        except WireError as problem:
            self.channel.close()
            raise Unexpected(str(problem)) from problem
        if not self.first:
            started = now()
            await self.channel.send(mine)
        passage = self.channel.passage(now() - started)
        return Compared(sha1(mine).hexdigest(), sha1(theirs).hexdigest(), len(mine) + len(theirs), found, passage)


async def ask(messenger: Messenger, peer: str, csid: str) -> None:
    """SNM, and the answer to it. Raises Unexpected (`code`: the reason of a NAK or INFO; `number` 217: offline)."""
    answered = messenger.handed(shared_folder.KIND)
    try:
        await messenger.uun(peer, shared_folder.KIND, shared_folder.write_snm(Snm(opcode=shared_folder.ASK, csid=csid)))
        while True:
            sender, _, payload = await answered
            found = shared_folder.read_snm(payload)
            if sender.lower() == peer.lower() and found.csid.upper() == csid.upper():
                break
            answered = messenger.handed(shared_folder.KIND)
    finally:
        answered.addErrback(lambda failure: None)
        answered.cancel()
    if found.opcode != shared_folder.AGREED:
        raise Unexpected(f"the folder was answered {found.opcode} {found.reason}".rstrip(), code=found.reason)


def answered(payload: bytes, *, agreed: Callable[[str], bool]) -> bytes:
    """What answers an SNM document; b"" for an answer. One that cannot be read gets nothing, as it names no folder."""
    try:
        asked = shared_folder.read_snm(payload)
    except WireError:
        return b""
    if asked.opcode != shared_folder.ASK:
        return b""
    if agreed(asked.csid):
        return payload.replace(b'opcode="SNM"', b'opcode="ACK"')
    return shared_folder.write_snm(Snm(opcode=shared_folder.REFUSED, csid=asked.csid, reason=shared_folder.UNWANTED))


async def invite(sessions: Sessions, to: str, csid: str, entropy: Callable[[int], bytes]) -> Folder:
    """Open the session of a folder that was agreed on. Raises Unexpected (`code` 603: declined)."""
    drawn = entropy(8)
    opening = Opening(csid, int.from_bytes(drawn[:4], "little"), int.from_bytes(drawn[4:], "little"))
    channel = await sessions.open_channel(
        to, slp.SHARED_FOLDER, shared_folder.context(opening), app=p2p.NEGOTIATION, flags=p2p.OBJECT_DATA
    )
    copied = channel.answer.field("Context") if channel.answer is not None else ""
    if copied and copied != shared_folder.copied(opening):
        channel.close()
        raise Unexpected("the folder was accepted with other numbers than were sent")
    return Folder(channel, csid, first=True)


def accept(sessions: Sessions, invitation: Slp, agreed: Callable[[str], bool]) -> Folder:
    """Accept the session of a folder. Raises WireError: something else, no context of ours, not agreed on before."""
    if invitation.field("EUF-GUID").upper() != slp.SHARED_FOLDER:
        raise WireError("an invitation to something else")
    opening = shared_folder.read_context(invitation.field("Context"))
    if not agreed(opening.csid):
        raise WireError("a folder that was not agreed on")
    more = (("Context", shared_folder.copied(opening)),)
    channel = sessions.admit(invitation, app=p2p.NEGOTIATION, flags=p2p.OBJECT_DATA, more=more)
    return Folder(channel, opening.csid, first=False)
