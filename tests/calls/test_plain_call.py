"""A client of 2003 calls the listener that an invitation named: our caller, our contact, real sockets between them."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import pytest_twisted
from calling import FAR, NEAR, near_line, phone_on
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from emulator.client.call_plain import PlainCall
from emulator.client.network import StreamEnded
from emulator.net.datagrams import BoundDatagrams
from emulator.services.phone import Phone
from emulator.services.phone_listener import PhoneListener
from emulator.wire import sdp


def caller(port: int, at: str = NEAR) -> PlainCall:
    later: Any = reactor.callLater  # type: ignore[attr-defined]
    return PlainCall(
        lambda receive: BoundDatagrams(reactor, at, 0, receive),
        "alice@example.com",
        at,
        (FAR, port),
        call_later=later,
        entropy=os.urandom,
    )


def seen(phone: Phone) -> list[dict[str, Any]]:
    return [line.measured() for line in phone.lines]


@pytest_twisted.ensureDeferred
async def test_voice_both_ways_and_bye() -> None:
    with phone_on(reactor) as phone:
        listener = PhoneListener(phone, (NEAR,))
        mine, line = caller(listener.address.port), near_line(reactor)
        offer = sdp.encode(sdp.Session(NEAR, (line.description(NEAR, checks=False),)))
        call = await mine.invite(offer, "c1")
        assert call.heard == ["100 Trying", "180 Ringing", "200 OK"]
        answer = sdp.decode(call.answer).audio
        assert not answer.candidates
        line.connect(answer, FAR, send=False)
        line.start()
        await task.deferLater(reactor, 0.3, lambda: None)
        await line.settle()
        here, (there,) = line.measured(), seen(phone)
        assert here["sent"] == there["received"] >= 12
        assert here["received"] >= 12
        assert here["lost"] == there["lost"] == here["reported"]["lost"] == 0
        await call.hang_up()
        assert not phone.lines
        mine.close()
        line.close()


@pytest_twisted.ensureDeferred
async def test_whoever_closes_waits_no_longer() -> None:
    with phone_on(reactor) as phone:
        listener = PhoneListener(phone, ("127.0.0.99",))  # which does not hear this caller
        mine, line = caller(listener.address.port), near_line(reactor)
        offer = sdp.encode(sdp.Session(NEAR, (line.description(NEAR, checks=False),)))
        waiting = Deferred.fromCoroutine(mine.invite(offer, "c1"))
        await task.deferLater(reactor, 0.7, lambda: None)  # asked twice by then
        mine.close()
        with pytest.raises(StreamEnded):
            await waiting
        line.close()


@pytest_twisted.ensureDeferred
async def test_what_others_say_to_the_callers_port_is_not_heard() -> None:
    with phone_on(reactor) as phone:
        listener = PhoneListener(phone, (NEAR,))
        mine, line = caller(listener.address.port), near_line(reactor)
        offer = sdp.encode(sdp.Session(NEAR, (line.description(NEAR, checks=False),)))
        call = await mine.invite(offer, "c1")
        over: list[str] = []
        call.on_over = over.append
        bye = (
            f"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP {FAR}:9;branch=z9hG4bKx\r\n"
            f"From: {call.remote}\r\nTo: {call.local}\r\nCall-ID: c1\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((FAR, 0))
            for data in (bye, b"", b"\r\n\r\n", b"no SIP at all\r\n\r\n", bytes(2000)):
                other.sendto(data, (NEAR, mine.local.port))
        await task.deferLater(reactor, 0.1, lambda: None)
        assert (over, call.state) == ([], "up")
        await call.hang_up()
        mine.close()
        line.close()
