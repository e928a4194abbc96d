"""NATs made of a few lines, and two echo servers in the dossier's raw bytes. Not our codecs, and not a test.

Bytes: dossier media.md 2.2. A NAT has a mapping and a filter, each after RFC 5780 4.3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.wire.receipt import Endpoint
from emulator.wire.timed import Outgoing, Timed

INNER = Endpoint("10.0.0.5", 40123)
OUTER = "198.51.100.7"
ONE, TWO = Endpoint("203.0.113.1", 7001), Endpoint("203.0.113.2", 7001)
TRIP = 0.05  # seconds there and back

Served = list[tuple[bytes, Endpoint]]  # answers, and where they come from
Server = Callable[[bytes, Endpoint, Endpoint], Served]


class Nat:
    """`mapping`: "none", "independent", "address" or "both"; `filtering`: "independent", "address" or "both".

    `dropped` are destination ports that nothing gets out to. `opened` remembers who was written to.
    """

    def __init__(self, mapping: str, filtering: str, dropped: tuple[int, ...] = ()) -> None:
        self._mapping, self._filtering, self._dropped = mapping, filtering, dropped
        self._outer: dict[tuple[Any, ...], Endpoint] = {}
        self._inner: dict[Endpoint, Endpoint] = {}
        self._opened: set[tuple[Any, ...]] = set()

    def out(self, inner: Endpoint, to: Endpoint) -> Endpoint | None:
        if to.port in self._dropped or 0 in self._dropped:
            return None
        key = {"none": (), "independent": (), "address": (to.address,), "both": (to.address, to.port)}
        outer = self._outer.get((inner, key[self._mapping]))
        if outer is None:
            count = len(self._outer)
            outer = inner if self._mapping == "none" else Endpoint(OUTER, inner.port + 7 * count)
            self._outer[inner, key[self._mapping]] = outer
            self._inner[outer] = inner
        self._opened |= {(outer, "independent"), (outer, "address", to.address), (outer, "both", to.address, to.port)}
        return outer

    def back(self, outer: Endpoint, source: Endpoint) -> Endpoint | None:
        wanted = {
            "independent": (outer, "independent"),
            "address": (outer, "address", source.address),
            "both": (outer, "both", source.address, source.port),
        }
        return self._inner.get(outer) if wanted[self._filtering] in self._opened else None


def masked(value: bytes) -> bytes:
    return bytes(byte ^ 0x41 if at % 2 == 0 else byte ^ 0x31 for at, byte in enumerate(value))


def four(address: str) -> bytes:
    return bytes(int(part) for part in address.split("."))


def described(observed: Endpoint, other: Endpoint, transaction: bytes) -> bytes:
    """An answer in raw bytes."""
    return (
        b"\x02\x02"
        + masked(observed.port.to_bytes(2, "big"))
        + masked(four(observed.address))
        + masked(b"\x00\x09")
        + masked(other.port.to_bytes(2, "big"))
        + masked(four(other.address))
        + transaction
    )


def echo_servers(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
    """Both servers: code 1 is answered from where it went, code 3 from the other one; UDP 9 never."""
    if local.port != 7001 or len(data) != 20 or data[1] == 4:
        return []
    me, other = (ONE, TWO) if local == ONE else (TWO, ONE)
    answer = described(observed, other, data[16:])
    return [(answer, me if data[1] == 1 else other)]


class Passed:
    """One dialogue through one NAT: what was sent when, and what came of it."""

    def __init__(self, timed: Timed[Any], nat: Nat, servers: Server, noise: Callable[[], Served] | None = None) -> None:
        self.sent: list[tuple[float, Outgoing]] = []
        self.seconds = 0.0
        waiting: list[tuple[float, bytes, Endpoint]] = []
        beside = Endpoint(INNER.address, INNER.port + 1)

        def carry(datagrams: tuple[Outgoing, ...], now: float) -> None:
            for one in datagrams:
                self.sent.append((round(now, 3), one))
                source = beside if one.beside else INNER
                outer = nat.out(source, one.to)
                if outer is None:
                    continue
                if one.to.address == OUTER:  # a hairpin: back to the translator itself
                    answers = [(one.data, outer, one.to)]
                else:
                    answers = [(data, came, outer) for data, came in servers(one.data, outer, one.to)]
                for data, came, to in answers:
                    if nat.back(to, came) == INNER:
                        waiting.append((now + TRIP, data, came))

        carry(timed.start(0.0), 0.0)
        now = 0.0
        for _ in range(200):
            if timed.done:
                break
            for data, source in noise() if noise is not None else ():
                carry(timed.received(data, source, now), now)
            waiting.sort(key=lambda item: item[0])
            if waiting and (timed.wake is None or waiting[0][0] <= timed.wake):
                now, data, source = waiting.pop(0)
                carry(timed.received(data, source, now), now)
            else:
                assert timed.wake is not None
                assert timed.wake >= now
                now = timed.wake
                carry(timed.due(now), now)
        assert timed.done
        self.seconds = now
        self.result = timed.result
