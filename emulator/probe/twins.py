"""The random twin of a flow whose payload died: as many random bytes to the same port, to tell protocol from port.

Glasnost's control experiment; not a flow of its own, and no verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import Deferred, DeferredList

from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.dial import DialFailed, dial
from emulator.net.link import LinkEnded
from emulator.net.tally import digest
from emulator.probe.place import Place
from emulator.wire.errors import WireError
from emulator.wire.receipt import Receipt
from emulator.wire.talk import Send, Some, Talk

FIRST = b"\xee"  # no protocol of this network begins so: the far end takes it for what it is
LEAST = 16  # bytes


def suspects(flows: Iterable[Flow], observations: dict[str, Observation]) -> list[Flow]:
    """TCP flows that were open, unencrypted and direct, and whose exchange then died."""
    return [
        flow
        for flow in flows
        if flow.transport == "tcp"
        and not flow.via
        and not flow.tls
        and (seen := observations.get(flow.id)) is not None
        and seen.stage == "exchange"
        and seen.ending in ("silence", "reset", "closed")
    ]


async def try_twins(
    place: Place,
    flows: list[Flow],
    observations: dict[str, Observation],
    receipts: Callable[[], Awaitable[Iterable[Receipt]]],
) -> dict[str, str]:
    """Send the twins, then look what arrived: "arrived" or "died" by flow id."""
    sent: dict[str, str] = {}

    async def one(flow: Flow) -> None:
        seen = observations[flow.id]
        size = max(LEAST, seen.sent.size if seen.sent is not None else 0)
        data = FIRST + place.entropy(size - 1)
        sent[flow.id] = digest(data).sha256
        await _send(place, flow, data)

    await DeferredList([Deferred.fromCoroutine(one(flow)) for flow in flows])
    arrived = {receipt.received.sha256 for receipt in await receipts() if receipt.received is not None}
    return {name: "arrived" if mark in arrived else "died" for name, mark in sent.items()}


async def _send(place: Place, flow: Flow, data: bytes) -> None:
    try:
        link = await dial(place.reactor, place.join.address(flow.host), flow.port, place.timeout)
    except DialFailed:
        return
    ended = LinkEnded("silence", "the twin was not answered, as it should be")
    call = place.reactor.callLater(place.timeout / 2, link.fail, ended)
    try:
        await link.run(_say(data))
    except (LinkEnded, WireError):
        pass  # the far end closes on what it does not know, or a device kills it: the receipts tell
    finally:
        if call.active():
            call.cancel()
        link.close()


def _say(data: bytes) -> Talk[None]:
    yield Send(data)
    yield Some()
