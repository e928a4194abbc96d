"""Media of a call between two ends of ours over loopback, with losses that the test itself makes and counts."""

from __future__ import annotations

import os
from typing import Any

import pytest_twisted
from calling import FAR, NEAR, Lossy, near_line, phone_on, telephone
from twisted.internet import reactor, task

from emulator.client import call_stream
from emulator.client.call_line import Line
from emulator.client.call_telephone import Telephone
from emulator.services.phone import Phone
from emulator.wire import rtp, sdp, tags


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


@pytest_twisted.ensureDeferred
async def test_pictures_beside_the_voice_are_lost_and_overtaken_on_their_own() -> None:
    ports: list[Lossy] = []

    def through(port: Any) -> Lossy:
        ports.append(Lossy(port, lambda count: {3: "lose", 7: "hold"}.get(count, "pass")))
        return ports[0]

    with phone_on(reactor) as phone:
        voice, picture = near_line(reactor), near_line(reactor, through, kind=call_stream.VIDEO)
        caller = telephone(reactor, phone)
        tag = os.urandom(16)
        await caller.register(tags.ticket(tag), tag.hex())
        offer = sdp.Session(NEAR, (voice.description(NEAR), picture.description(NEAR)))
        assert b"m=video" in sdp.encode(offer)
        call = await caller.call("voice@example.com", sdp.encode(offer), os.urandom(16).hex())
        answer = sdp.decode(call.answer)
        assert [(one.kind, one.formats, bool(one.port)) for one in answer.media] == [
            ("audio", ("0",), True),
            ("video", ("34",), True),
        ]
        for line, media in zip((voice, picture), answer.media, strict=True):
            line.connect(media, FAR)
            await line.check()
            line.start()
        await task.deferLater(reactor, 0.5, lambda: None)
        for line in (voice, picture):
            await line.settle()
        far = {line.out.kind.name: line.measured() for line in phone.lines}
        here = picture.measured()
        assert far["video"]["lost"] == here["reported"]["lost"] == 1
        assert far["video"]["reordered"] == 1
        assert (far["audio"]["lost"], far["audio"]["reordered"]) == (0, 0)
        assert here["received"] >= 12
        assert (here["lost"], here["reordered"]) == (0, 0)
        await call.hang_up()
        assert not phone.lines
        caller.close()
        voice.close()
        picture.close()


def test_a_picture_is_packets_of_one_time_with_the_marker_on_the_last() -> None:
    out = call_stream.Outgoing(7, call_stream.VIDEO, 65535)
    packets = [rtp.unpack(data) for data in (*out.due(0.0), *out.due(0.07))]
    assert [(one.sequence, one.timestamp, one.marker) for one in packets] == [
        (65535, 0, False),
        (0, 0, True),
        (1, 6000, False),
        (2, 6000, True),
    ]
    assert {one.payload_type for one in packets} == {34}
    assert [one.payload[4:7] for one in packets[:2]] == [bytes((0, 0, 0x80)), bytes((0, 0, 0x84))]
    assert len(out.due(60.0)) <= 2 * 16  # a second is made up for, not a minute
