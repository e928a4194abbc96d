"""A contact that comes to others: it invites them to draw, or offers help, and connects to the place that they name.

The other direction of the invitations that it takes (`voice`). Not a way to reach strangers: `ways` dials people only
where they are seen. Source: media.md 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.client import invitations
from emulator.client.board import Board
from emulator.client.camera import TalkOn
from emulator.client.invitations import Invitation, Program
from emulator.client.network import ClientError, Unexpected
from emulator.wire import rdp, t120
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Talk

DIAL = 1.0  # seconds, as the contacts' other connections to probes take
SILENCE = 5.0  # seconds for the whole talk
Client = Callable[[ClientContext], Talk[dict[str, object]]]
VISITS: dict[str, tuple[Program, Client, int]] = {  # by the word that asks for it; the size of the tag
    "whiteboard": (invitations.WHITEBOARD, t120.client, t120.TAG_SIZE),
    "share": (invitations.SHARING, t120.client, t120.TAG_SIZE),
    "help": (invitations.OFFER, rdp.client, rdp.TAG_SIZE),
}


async def visit(board: Board, network: Any, peer: str, word: str, here: str) -> None:
    """Invite `peer`, connect, talk, and say on the board what came of it."""
    program, client, size = VISITS[word]
    try:
        answer = await invitations.invite(board, network, program, here)
        if network.ways is None or not answer.places:
            raise Unexpected("nobody said where to, or there is no way")
        facts = await _talk(network, peer, answer, client, answer.tag(size))
    except (ClientError, WireError) as problem:
        if board.over is None:
            await board.say(f"I did not come: {problem}")
    else:
        await board.say(f"I came as user {facts['user']}: {word}.")


async def _talk(network: Any, peer: str, answer: Invitation, client: Client, tag: bytes) -> dict[str, object]:
    place = answer.places[0]
    link = await network.ways.dial(peer, place.address, place.port, DIAL)
    nowhere = Endpoint("0.0.0.0", 0)
    context = ClientContext(
        tag=tag,
        host=place.address,
        local=nowhere,
        remote=place,
        relay_key=b"",
        entropy=network.entropy,
        now=network.now,
    )
    talk = TalkOn(link, client(context))
    timer = network.call_later(SILENCE, talk.done.cancel)
    try:
        return await talk.done
    finally:
        if timer.active():
            timer.cancel()
