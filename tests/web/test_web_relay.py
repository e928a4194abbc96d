"""The emulated HTTP relay: order, limits, expiry."""

from __future__ import annotations

import re

from web_place import NOW, TAG, ask, scene

from emulator.services.web import relay_sessions
from emulator.wire import (
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

    def close(self, side: str, token: str) -> int:
        return ask("DELETE", f"{self.URL}/{self.id}/{side}/{token}", at=self.scene).response.status


def test_the_relay_carries_both_ways_in_order() -> None:
    relay = Relay()
    assert relay.open() == 201
    assert relay.pull("b", relay.b, 0).status == 204
    assert relay.push("a", relay.a, 0, b"abc") == 204
    assert relay.push("a", relay.a, 3, b"def") == 204
    assert relay.push("a", relay.a, 3, b"def") == 409
    assert relay.push("b", relay.b, 0, b"xyz") == 204
    got = relay.pull("b", relay.b, 2)
    assert (got.status, got.body, got.header("Content-Range")) == (206, b"cdef", "bytes 2-5/*")
    assert relay.pull("b", relay.b, 0).status == 409  # dropped when 2 was asked for
    assert relay.pull("a", relay.a, 0).body == b"xyz"
    assert relay.close("b", relay.b) == 204
    assert relay.pull("a", relay.a, 3).status == 410


def test_the_relay_has_limits() -> None:
    relay = Relay()
    assert ask("POST", Relay.URL, at=relay.scene).response.status == 401
    assert relay.open() == 201
    assert relay.push("a", relay.b, 0, b"x") == 403
    assert relay.push("a", relay.a, 0, bytes(relay_sessions.PUSH_LIMIT + 1)) == 413
    piece = bytes(relay_sessions.PUSH_LIMIT)
    results = [relay.push("a", relay.a, number * len(piece), piece) for number in range(17)]
    assert results == [204] * 16 + [429]
    known = relay.id
    relay.id = "0" * 32
    assert relay.push("a", relay.a, 0, b"x") == 404
    relay.id = known
    relay.now += relay_sessions.LIFETIME + 1
    assert relay.pull("b", relay.b, 0).status == 410


def test_the_relay_table_is_bounded_and_dead_sessions_make_room() -> None:
    relay = Relay()
    results = [relay.open() for _ in range(relay_sessions.SESSIONS + 1)]
    assert results == [201] * relay_sessions.SESSIONS + [503]
    relay.now += relay_sessions.LIFETIME + 1
    assert relay.open() == 201
    assert len(relay.scene.relay_sessions) == 1
