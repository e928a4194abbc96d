"""SIP transactions and calls between two ends of ours, over a wire that loses what the test says, by its clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from emulator.client.call_dialog import Call, invite
from emulator.client.call_sip import Transactions
from emulator.client.network import Unexpected
from emulator.wire import sip
from emulator.wire.receipt import Endpoint

ONE, OTHER = Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060)


class Ends:
    """A caller and a called end over datagrams. `lose(message)` says which ones vanish."""

    def __init__(self, lose: Callable[[bytes], bool] = lambda data: False) -> None:
        self.clock = Clock()
        self.sent: list[str] = []
        self._lose = lose
        self.near = self._end(ONE, lambda data: self._carry(data, self.far))
        self.far = self._end(OTHER, lambda data: self._carry(data, self.near))
        self.calls: list[Call] = []
        self.far.on_request = self._requested

    def _end(self, seen: Endpoint, send: Callable[[bytes], None]) -> Transactions:
        return Transactions(
            send,
            via=f"UDP {seen.address}:5060",
            observed=seen,
            call_later=self.clock.callLater,
            entropy=os.urandom,
            reliable=False,
        )

    def _carry(self, data: bytes, to: Transactions) -> None:
        self.sent.append(data.split(b"\r\n")[0].decode())
        if not self._lose(data):
            self.clock.callLater(0.001, lambda: to.take(sip.decode(data)))

    def _requested(self, request: sip.Message) -> None:
        known = next((call for call in self.calls if call.id == request.need("Call-ID")), None)
        if known is not None:
            known.request(request)
        else:
            self.calls.append(Call.taken(self.far, request))
            self.calls[-1].ring()

    def call(self, started: Callable[[Call], None] = lambda call: None) -> Any:
        work = invite(
            self.near,
            caller="<sip:a@x>",
            to="b@x",
            contact="<sip:a@192.0.2.1>",
            body=b"offer",
            call_id="c1",
            started=started,
        )
        found: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(found.append)
        return found

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 100)):
            self.clock.advance(0.01)


def test_a_call_is_made_taken_and_ended_by_the_one_who_was_called() -> None:
    ends = Ends()
    found = ends.call()
    ends.pass_time(0.1)
    (far,) = ends.calls
    far.accept("<sip:b@192.0.2.2>", b"answer")
    ends.pass_time(0.1)
    (call,) = found
    assert (call.state, call.answer, call.heard) == ("up", b"answer", ["100 Trying", "180 Ringing", "200 OK"])
    assert ends.sent[-1] == "ACK sip:b@192.0.2.2 SIP/2.0"
    ended: list[str] = []
    call.on_over = ended.append
    ends.near.on_request = call.request
    Deferred.fromCoroutine(far.hang_up())
    ends.pass_time(0.1)
    assert ended == ["BYE"]
    ends.pass_time(70)
    assert ends.sent.count("INVITE sip:b@x SIP/2.0") == 1
    assert not ends.clock.getDelayedCalls()


def test_what_is_lost_is_repeated_and_taken_once() -> None:
    gone = {"INVITE": 2, "SIP/2.0 200": 1, "ACK": 1}

    def lose(data: bytes) -> bool:
        for start in gone:
            if data.startswith(start.encode()) and gone[start]:
                gone[start] -= 1
                return True
        return False

    ends = Ends(lose)
    found = ends.call()
    ends.pass_time(2)
    (far,) = ends.calls
    far.accept("<sip:b@192.0.2.2>", b"answer")
    ends.pass_time(4)
    assert found[0].state == "up"
    assert ends.sent.count("INVITE sip:b@x SIP/2.0") == 3
    ends.pass_time(70)
    assert ends.sent.count("SIP/2.0 200 OK") == 3  # one was lost, and the ACK of the second
    assert ends.sent.count("ACK sip:b@192.0.2.2 SIP/2.0") == 2


def test_a_call_that_is_cancelled_is_answered_487() -> None:
    ends = Ends()
    begun: list[Call] = []
    found = ends.call(begun.append)
    ends.pass_time(0.1)
    Deferred.fromCoroutine(begun[0].cancel())
    ends.pass_time(0.1)
    assert found[0].check(Unexpected)
    assert found[0].value.status == 487
    assert ends.calls[0].state == "over"
    assert ends.sent[-1].startswith("ACK ")
    ends.pass_time(70)
    assert not ends.clock.getDelayedCalls()


def test_nobody_answers() -> None:
    ends = Ends(lambda data: True)
    found = ends.call()
    ends.pass_time(33)
    assert found[0].check(Unexpected)
    assert len(ends.sent) == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s (RFC 3261 17.1.1.2)


@pytest.mark.parametrize("status", ["486 Busy Here", "603 Decline"])
def test_refusals(status: str) -> None:
    ends = Ends()
    found = ends.call()
    ends.pass_time(0.1)
    ends.calls[0].refuse(status)
    ends.pass_time(0.1)
    assert found[0].value.status == int(status[:3])
