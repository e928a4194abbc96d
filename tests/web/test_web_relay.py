"""The emulated HTTP relay: order, limits, expiry."""

from __future__ import annotations

import re

from twisted.internet.task import Clock
from web_place import NOW, TAG, ask, scene

from emulator.services.web import relay, relay_sessions, site
from emulator.wire import (
    http,
    passport,
    tags,
    webfiles,
)
from emulator.wire.http import Response

TICKET = tags.ticket(TAG)


class Relay:
    """One session of the relay, driven by plain requests."""

    URL = "http://relay.data.edge.messenger.live.com" + webfiles.RELAY_PATH

    def __init__(self) -> None:
        self.now = NOW
        self.scene = scene(now=lambda: self.now, crl=lambda: b"")
        self.id, self.a, self.b = "", "", ""

    def open(self) -> int:
        shown = (("Authorization", passport.presented(TICKET)),)
        response = ask("POST", self.URL, shown, at=self.scene).response
        if response.status == 201:
            self.id = re.findall(rb'"id":"([0-9a-f]{32})"', response.body)[0].decode()
            self.a, self.b = (
                token.decode() for token in re.findall(rb'"([0-9a-f]{32})"', response.body.partition(b"writer")[2])
            )
        return response.status

    def push(self, side: str, token: str, offset: int, data: bytes) -> int:
        ranged = (("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*"),)
        return ask("POST", f"{self.URL}/{self.id}/{side}/{token}", ranged, data, at=self.scene).response.status

    def pull(self, side: str, token: str, offset: int) -> Response:
        ranged = (("Range", f"bytes={offset}-"),)
        return ask("GET", f"{self.URL}/{self.id}/{side}/{token}", ranged, at=self.scene).response

    def poll(self, clock: Clock, side: str, token: str, offset: int, wait: str = "") -> list[Response]:
        """A pull as a connection makes it: at once, or when it is answered."""
        url = f"{self.URL}/{self.id}/{side}/{token}" + (f"?wait={wait}" if wait else "")
        target = "/" + url.partition("//")[2].partition("/")[2]
        headers = (("Host", "relay.data.edge.messenger.live.com"), ("Range", f"bytes={offset}-"))
        request = http.Request("GET", target, headers)
        got: list[Response] = []

        def answer() -> http.Answered:
            return site.answer(request, self.scene)

        later = relay.hold(request, self.scene, clock.callLater, answer)
        if later is None:
            got.append(answer().response)
        else:
            later.start(lambda answered: got.append(answered.response))
        return got

    def close(self, side: str, token: str) -> int:
        return ask("DELETE", f"{self.URL}/{self.id}/{side}/{token}", at=self.scene).response.status


def test_the_relay_carries_both_ways_in_order() -> None:
    there = Relay()
    assert there.open() == 201
    assert there.pull("b", there.b, 0).status == 204
    assert there.push("a", there.a, 0, b"abc") == 204
    assert there.push("a", there.a, 3, b"def") == 204
    assert there.push("a", there.a, 3, b"def") == 409
    assert there.push("b", there.b, 0, b"xyz") == 204
    got = there.pull("b", there.b, 2)
    assert (got.status, got.body, got.header("Content-Range")) == (206, b"cdef", "bytes 2-5/*")
    assert there.pull("b", there.b, 0).status == 409  # dropped when 2 was asked for
    assert there.pull("a", there.a, 0).body == b"xyz"
    assert there.close("b", there.b) == 204
    assert there.pull("a", there.a, 3).status == 410


def test_the_relay_has_limits() -> None:
    there = Relay()
    assert ask("POST", Relay.URL, at=there.scene).response.status == 401
    assert there.open() == 201
    assert there.push("a", there.b, 0, b"x") == 403
    assert there.push("a", there.a, 0, bytes(relay_sessions.PUSH_LIMIT + 1)) == 413
    piece = bytes(relay_sessions.PUSH_LIMIT)
    results = [there.push("a", there.a, number * len(piece), piece) for number in range(17)]
    assert results == [204] * 16 + [429]
    known = there.id
    there.id = "0" * 32
    assert there.push("a", there.a, 0, b"x") == 404
    there.id = known
    there.now += relay_sessions.LIFETIME + 1
    assert there.pull("b", there.b, 0).status == 410


def test_the_relay_table_is_bounded_and_dead_sessions_make_room() -> None:
    there = Relay()
    results = [there.open() for _ in range(relay_sessions.SESSIONS + 1)]
    assert results == [201] * relay_sessions.SESSIONS + [503]
    there.now += relay_sessions.LIFETIME + 1
    assert there.open() == 201
    assert len(there.scene.relay_sessions) == 1


def test_a_pull_waits_for_the_push_of_the_other_side() -> None:
    clock, there = Clock(), Relay()
    assert there.open() == 201
    waiting = there.poll(clock, "b", there.b, 0)
    assert waiting == []
    there.push("b", there.b, 0, b"not for itself")
    assert waiting == []
    there.push("a", there.a, 0, b"abc")
    assert [(one.status, one.body) for one in waiting] == [(206, b"abc")]
    assert there.poll(clock, "b", there.b, 0)[0].body == b"abc"  # it is there: at once
    assert not clock.getDelayedCalls()


def test_it_waits_so_long_and_no_longer() -> None:
    clock, there = Clock(), Relay()
    there.open()
    for wait, seconds in (("", 25.0), ("3", 3.0), ("9999", 25.0)):
        waiting = there.poll(clock, "b", there.b, 0, wait)
        clock.advance(seconds - 0.1)
        assert waiting == []
        clock.advance(0.2)
        assert [one.status for one in waiting] == [204]
    assert there.poll(clock, "b", there.b, 0, "0")[0].status == 204
    assert there.poll(clock, "b", there.a, 0)[0].status == 403
    assert there.poll(clock, "b", there.b, 7)[0].status == 409
    there.push("a", there.a, 0, b"late")  # nobody waits any more
    assert there.poll(clock, "b", there.b, 0)[0].body == b"late"


def test_the_end_is_told_and_a_side_waits_once() -> None:
    clock, there = Clock(), Relay()
    there.open()
    first = there.poll(clock, "b", there.b, 0)
    second = there.poll(clock, "b", there.b, 0)
    assert [one.status for one in first] == [204]
    assert there.close("a", there.a) == 204
    assert [one.status for one in second] == [410]
    assert not clock.getDelayedCalls()
