"""Media of a call between two ends of ours over loopback, with losses that the test itself makes and counts."""

from __future__ import annotations

import os
from typing import Any

import pytest_twisted
from calling import FAR, NEAR, Lossy, near_line, phone_on, telephone
from twisted.internet import reactor, task

from emulator.client.call_line import Line
from emulator.client.call_telephone import Telephone
from emulator.services.phone import Phone
from emulator.wire import sdp, tags


async def talking(phone: Phone, line: Line, seconds: float, *, checks: bool = True) -> tuple[Telephone, Any]:
    caller = telephone(reactor, phone)
    tag = os.urandom(16)
    assert await caller.register(tags.ticket(tag), tag.hex()) == 900
    media = line.description(NEAR, checks=checks)
    call = await caller.call("voice@example.com", sdp.encode(sdp.Session(NEAR, (media,))), os.urandom(16).hex())
    line.connect(sdp.decode(call.answer).audio, FAR)
    if checks:
        mapped = await line.check()
        assert mapped.address == NEAR
        assert mapped.port == line.ports[0].number
    line.start()
    line.control()
    await task.deferLater(reactor, seconds, lambda: None)  # the length of the call itself
    await line.settle()
    return caller, call


@pytest_twisted.ensureDeferred
async def test_both_ends_measure_the_same_where_nothing_is_lost() -> None:
    with phone_on(reactor) as phone:
        line = near_line(reactor)
        caller, call = await talking(phone, line, 0.5)
        (far,) = phone.lines
        there, here = far.measured(), line.measured()
        await call.hang_up()
        assert not phone.lines
        caller.close()
        line.close()
    assert here["sent"] == there["received"] >= 24
    assert here["received"] >= 24
    assert (here["lost"], there["lost"], here["reported"]["lost"]) == (0, 0, 0)
    assert abs(here["reported"]["jitter_ms"] - there["jitter_ms"]) < 1
    assert here["control"]["asked"] == here["control"]["answered"] >= 4


@pytest_twisted.ensureDeferred
async def test_what_is_lost_and_overtaken_is_counted_by_the_other_end() -> None:
    fates = {5: "lose", 6: "lose", 11: "hold", 17: "twice"}

    ports: list[Lossy] = []

    def through(port: Any) -> Lossy:
        ports.append(Lossy(port, lambda count: fates.get(count, "pass")))
        return ports[0]

    with phone_on(reactor) as phone:
        line = near_line(reactor, through)
        caller, _ = await talking(phone, line, 0.5)
        (far,) = phone.lines
        there, here = far.measured(), line.measured()
        caller.close()
        assert not phone.lines  # the connection was the call's
        line.close()
    assert ports[0].lost == there["lost"] == 2
    assert there["reordered"] == 1
    assert there["repeated"] == 1
    assert here["reported"]["lost"] == 1  # RFC 3550 counts the repeated one as received
    assert here["lost"] == 0


@pytest_twisted.ensureDeferred
async def test_a_peer_without_checks_is_met_at_its_address() -> None:
    with phone_on(reactor) as phone:
        line = near_line(reactor)
        caller, _ = await talking(phone, line, 0.2, checks=False)
        assert line.measured()["received"] >= 9
        assert line.measured()["reported"]["lost"] == 0
        caller.close()
        line.close()
