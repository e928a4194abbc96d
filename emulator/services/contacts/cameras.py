"""What a contact does in a webcam's session: it looks, or shows four frames, and tells what both ends can compare.

Directly where a connection comes up, else at the reflector, as clients do.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList

from emulator.client.board import Board
from emulator.client.camera import Camera, Shown, TalkOn, shown, tunnel
from emulator.client.direct_bridge import NoWay
from emulator.client.network import ClientError, StreamEnded
from emulator.services.contacts.inside import Inside
from emulator.wire import reflector, reflector_http, webcam
from emulator.wire.errors import WireError
from emulator.wire.webcam_words import Tunnel

PATIENCE = 15.0  # seconds for a direct connection, as producers wait before they go to the reflector


async def take_part(board: Board, network: Inside, camera: Camera) -> None:
    """Agree, connect, look or show, say what it was."""
    try:
        await camera.agree()
        if camera.produces:
            await board.say(f"Shown: {(await _showed(network, camera)).words}")
        else:
            await board.say(f"Seen: {(await _looked(network, camera)).words}")
    except (ClientError, WireError) as problem:
        if board.over is None:
            await board.say(f"The webcam is over: {problem}")
    finally:
        camera.close()


async def _showed(network: Inside, camera: Camera) -> Shown:
    frames = webcam.frames(network.entropy(8))
    try:
        return await camera.direct(PATIENCE, frames)
    except NoWay:
        stream = network.tunnel()
        if stream is None:
            raise
        met = await tunnel(await network.web(reflector_http.HOST, secure=False))
        await camera.tell(met)
        await TalkOn(stream, reflector.producer(met.tid, frames)).done
        return shown(frames, "through the reflector")


async def _looked(network: Inside, camera: Camera) -> Shown:
    """By whichever way frames come: a direct connection, or the reflector that the producer names."""
    direct = Deferred.fromCoroutine(camera.direct(PATIENCE))
    told = Deferred.fromCoroutine(camera.told())
    both: Any = DeferredList([direct, told], fireOnOneCallback=True, consumeErrors=True)
    timer = network.call_later(2 * PATIENCE, told.cancel)
    try:
        came = await both
    finally:
        if timer.active():
            timer.cancel()
    if isinstance(came, list):  # neither came to anything
        raise StreamEnded(f"no connection, and no word of a reflector: {came[0][1].getErrorMessage()}")
    found, first = came
    if first == 0:
        told.cancel()
        return cast(Shown, found)
    direct.cancel()
    stream = network.tunnel()
    if stream is None:
        raise NoWay("no reflector here")
    return shown(await TalkOn(stream, reflector.viewer(cast(Tunnel, found).tid)).done, "through the reflector")
