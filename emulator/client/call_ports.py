"""What a call's media go through, as a `Line` sees it: ports of its own or at a relay, and a witness. No sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from emulator.wire.receipt import Endpoint

Address = tuple[str, int]


class Port(Protocol):
    """One UDP port."""

    @property
    def number(self) -> int:
        """Its number, as peers know it."""

    def send(self, data: bytes, to: Address) -> None:
        """Send; losing it is no error."""

    def close(self) -> None:
        """No more, either way."""


class RelayPort(Port, Protocol):
    """A port at a relay."""

    address: Endpoint

    def activate(self, peer: Address) -> None:
        """This peer is the one that is spoken with."""


class Witness:
    """Who writes down what this end saw; this one does not. `port` is ours."""

    def received(self, port: Port, source: Address, data: bytes) -> None:
        """Something of the peer arrived."""

    def sent(self, port: Port, to: Address, data: bytes) -> None:
        """Something was sent."""

    def sight(self, port: Port, source: Address, protocol: str, tag: str, request: bytes, response: bytes) -> None:
        """A tag was seen for the first time."""

    def ended(self, facts: dict[str, Any]) -> None:
        """The call is over; all that was measured."""


Receive = Callable[[bytes, Address], None]
OpenPair = Callable[[Receive, Receive], tuple[Port, Port]]
