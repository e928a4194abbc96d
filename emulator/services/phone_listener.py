"""A temporary SIP listener on UDP, as the one who accepts an invitation of the older kind opens it. Not a registrar.

Source: dossier media.md 4.4: the ACCEPT names the port, the inviter sends a plain SIP INVITE there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from emulator.net.datagrams import BoundDatagrams
from emulator.services.phone import HIGH, LOW, TRIES, Desk, Phone
from emulator.wire import sip
from emulator.wire.errors import WireError
from emulator.wire.filler import number
from emulator.wire.receipt import Endpoint

WAITING = 60.0  # seconds for the INVITE to come
SOURCES = 16  # addresses and ports that may speak; more are not heard


class PhoneListener:
    """One port for one invitation. `only`: addresses that may call, empty for any. Raises OSError without a port.

    It closes by itself: when nobody calls in time, and when the last call is over.
    """

    def __init__(self, phone: Phone, only: Collection[str] = ()) -> None:
        self._phone = phone
        self._only = frozenset(only)
        self._desks: dict[tuple[str, int], Desk] = {}
        self._socket = self._bound()
        self.address = Endpoint(phone.address, self._socket.number)
        self._timer: Any = phone.reactor.callLater(WAITING, self._too_late)
        self._forget: Callable[[], None] = phone.at_close(self.close)

    def close(self) -> None:
        """End its calls and close; safe to call twice."""
        self._forget()
        if self._timer.active():
            self._timer.cancel()
        desks, self._desks = self._desks, {}
        for desk in desks.values():
            desk.end("the listener is closed")
        self._socket.close()

    def _bound(self) -> BoundDatagrams:
        for _ in range(TRIES):
            port = LOW + number(self._phone.entropy(8), "sip port") % (HIGH - LOW)
            try:
                return BoundDatagrams(self._phone.reactor, self._phone.address, port, self._received)
            except OSError:
                continue
        raise OSError(f"no port free in {TRIES} tries")

    def _received(self, data: bytes, source: tuple[str, int]) -> None:
        if not data.strip(b"\r\n") or (self._only and source[0] not in self._only):
            return
        desk = self._desks.get(source)
        if desk is None:
            if len(self._desks) >= SOURCES:
                return
            desk = self._desks[source] = self._new(source)
        try:
            desk.take(sip.decode(data))
        except WireError:
            return  # no answer to what is no SIP

    def _new(self, source: tuple[str, int]) -> Desk:
        def send(data: bytes) -> None:
            self._socket.send(data, source)

        desk = Desk(self._phone, send, "UDP", self.address, Endpoint(*source))
        desk.on_idle = self._idle
        return desk

    def _idle(self) -> None:
        """The last call of a peer is over: its BYE may still come again, so the port stays a little."""
        if not any(desk.lines for desk in self._desks.values()) and self._timer.active():
            self._timer.reset(1.0)

    def _too_late(self) -> None:
        if any(desk.lines for desk in self._desks.values()):
            self._timer = self._phone.reactor.callLater(WAITING, self._too_late)
        else:
            self.close()
