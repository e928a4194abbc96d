"""The limits of a connection against a model that keeps one timer for each, and what they cost on the clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msnp_place import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from emulator.services.msnp.deadlines import (
    CHALLENGE,
    LOOK,
    NOTIFICATION_IDLE,
    PARTIAL,
    SIGN_IN,
    SWITCHBOARD_IDLE,
    Limit,
    Patience,
)

LIMITS = (SIGN_IN, CHALLENGE, PARTIAL, NOTIFICATION_IDLE, SWITCHBOARD_IDLE)
ALICE = "alice@example.com"
CHANGE = b"CHG 9 NLN 2007498796 0\r\n"


class Model:
    """One timer of the clock for every limit, moved at every touch."""

    def __init__(self, clock: Clock, late: Callable[[str], None]) -> None:
        self._clock = clock
        self._late = late
        self._timers: dict[Limit, IDelayedCall] = {}

    def touch(self, limit: Limit) -> None:
        self.rest(limit)
        self._timers[limit] = self._clock.callLater(limit.seconds, self._passed, limit)

    def rest(self, limit: Limit) -> None:
        timer = self._timers.pop(limit, None)
        if timer is not None:
            timer.cancel()

    def end(self) -> None:
        for limit in tuple(self._timers):
            self.rest(limit)

    def _passed(self, limit: Limit) -> None:
        del self._timers[limit]
        self._late(limit.reason)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("touch"), st.sampled_from(LIMITS)),
        st.tuples(st.just("rest"), st.sampled_from(LIMITS)),
        st.tuples(st.just("end"), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 120)),  # seconds
    ),
    max_size=60,
)


@given(steps)
def test_who_is_late_is_told_in_the_very_second(script):
    clock = Clock()
    told: list[tuple[float, str]] = []
    wanted: list[tuple[float, str]] = []
    patience = Patience(clock.callLater, clock.seconds, lambda reason: told.append((clock.seconds(), reason)))
    model = Model(clock, lambda reason: wanted.append((clock.seconds(), reason)))
    for word, what in [*script, ("wait", 1000)]:
        if word == "wait":
            clock.pump([1.0] * what)
        else:
            for one in (patience, model):
                getattr(one, word)(*([what] if what is not None else []))
    assert sorted(told) == sorted(wanted)
    assert not clock.getDelayedCalls()


def test_the_first_limit_that_passes_may_end_all_others():
    clock, told = Clock(), []

    def late(reason: str) -> None:
        told.append(reason)
        patience.end()

    patience = Patience(clock.callLater, clock.seconds, late)
    patience.touch(SIGN_IN)
    patience.touch(CHALLENGE)
    clock.advance(2000)
    assert told == ["not signed in"]
    assert not clock.getDelayedCalls()


def test_no_limit_is_shorter_than_a_look():
    assert min(limit.seconds for limit in LIMITS) >= LOOK


def test_without_a_clock_nobody_is_late():
    patience = Patience(None, Clock().seconds, pytest.fail)
    for limit in LIMITS:
        patience.touch(limit)
    patience.end()


def test_a_busy_session_has_one_timer_that_is_not_moved():
    service = Service()
    before = set(service.clock.getDelayedCalls())
    line = service.person(ALICE)
    (timer,) = set(service.clock.getDelayedCalls()) - before
    due = timer.getTime()
    for _ in range(100):
        line.send(b"PNG\r\n")
    assert set(service.clock.getDelayedCalls()) - before == {timer}
    assert timer.active()
    assert timer.getTime() == due


def test_who_changes_too_often_does_not_slow_down_others():
    service = Service()
    alice, bob = service.person(ALICE), service.person("bob@example.com")
    assert alice.send(CHANGE * 60).endswith(b"800 9\r\n")
    assert bob.send(CHANGE).startswith(b"CHG 9 NLN")
    assert alice.send(b"PRP 10 MFN Alice\r\n").startswith(b"PRP 10 MFN")  # another command, another measure


def test_a_new_session_is_not_blamed_for_the_former_one():
    service = Service()
    line = service.person(ALICE)
    assert line.send(CHANGE * 60).endswith(b"800 9\r\n")
    line.send(b"OUT\r\n")
    assert b"CHG 5 NLN" in service.person(ALICE, status="").send(CHANGE.replace(b"9", b"5", 1))
