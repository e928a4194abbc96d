"""A game between two peers: invited to as an activity, moves both ways as blobs of text, and what both ends compare.

Not its rules (`noughts`), not how messages travel (`channel`). Source: media.md 8.2.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1

import msgspec

from emulator.client.channel import Channel
from emulator.client.direct_passage import Passage
from emulator.client.network import Unexpected
from emulator.client.noughts import Grid
from emulator.client.sessions import Sessions
from emulator.wire import activity, p2p, slp
from emulator.wire.activity import Activity
from emulator.wire.errors import WireError
from emulator.wire.slp import Slp


class Round(msgspec.Struct, frozen=True):
    """One round that was played to its end. `sha1` is over all blobs in their order; `size` is theirs together."""

    moves: int
    size: int
    sha1: str
    blobs: tuple[bytes, ...]
    passage: Passage


class Game:
    """One session of an activity. `begins`: this end makes the first move of each round."""

    def __init__(self, channel: Channel, played: Activity, *, begins: bool) -> None:
        self.channel = channel
        self.activity = played
        self.begins = begins
        self.under_way = False  # a round has begun

    async def play(self, now: Callable[[], float]) -> Round:
        """One round. Raises ClientError: the session ended, or the peer made a move that is none (BYE is sent then)."""
        grid, blobs = Grid(), list[bytes]()
        mine, started = self.begins, 0.0
        try:
            while not grid.over:
                if mine:
                    square, self.under_way = grid.choice(), True
                    blobs.append(activity.blob(square))
                    started = started or now()
                    await self.channel.send(blobs[-1])
                else:
                    blobs.append(await self.channel.message())
                    self.under_way = True
                    started = started or now()
                    square = activity.read_blob(blobs[-1])
                grid.place(square)
                mine = not mine
        except WireError as problem:
            self.channel.close()
            raise problem if isinstance(problem, Unexpected) else Unexpected(str(problem)) from problem
        self.under_way = False
        whole = b"".join(blobs)
        passage = self.channel.passage(now() - started)
        return Round(len(blobs), len(whole), sha1(whole).hexdigest(), tuple(blobs), passage)


async def invite(sessions: Sessions, to: str, played: Activity) -> Game:
    """Invite somebody. Raises Unexpected (`code` 603: declined)."""
    context = activity.context(played)
    return Game(await sessions.open_channel(to, slp.ACTIVITY, context, app=p2p.ACTIVITY), played, begins=True)


def accept(sessions: Sessions, invitation: Slp) -> Game:
    """Accept an invitation to an activity. Raises WireError: it is to something else, or names none."""
    if invitation.field("EUF-GUID").upper() != slp.ACTIVITY:
        raise WireError("an invitation to something else")
    played = activity.read_context(invitation.field("Context"))
    return Game(sessions.admit(invitation, app=p2p.ACTIVITY), played, begins=False)
