"""One open session between peers: its call, who takes its data, and the connection that it may have for itself.

Not what is transferred in it (`transfer`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from emulator.client.direct import Direct
from emulator.client.direct_passage import TCP, Passage
from emulator.client.network import ClientError
from emulator.client.peers import Sink
from emulator.wire.p2p import Header
from emulator.wire.slp import Slp

Stop = Callable[[ClientError], None]


class Messages(Protocol):
    """Who takes the messages of a session that has them both ways."""

    peer: str

    def sink(self, header: Header) -> Sink:
        """Who takes the message that begins so."""


class Session:
    """An open session: its call, who takes its data, what breaks it off, the connection that it has for itself."""

    def __init__(self, call: Slp | None, sink: Sink | None, stop: Stop) -> None:
        self.call = call
        self.sink = sink
        self.stop = stop
        self.messages: Messages | None = None
        self.direct: Direct | None = None
        self.started = 0.0  # when its first chunk came

    def has(self, call_id: str) -> bool:
        """Whether it is that call's."""
        return self.call is not None and self.call.call_id.upper() == call_id.upper()


def passage_of(direct: Direct | None, seconds: float, why: str) -> Passage:
    """How data went; without a connection, by the switchboard."""
    if direct is None:
        return Passage(seconds=seconds, why=why)
    return Passage(bridge=TCP, listened=not direct.connects, seconds=seconds)


def nothing(error: ClientError) -> None:
    """Nobody waits."""


def failing(waiting: Deferred[Any]) -> Stop:
    """Breaks a wait off, unless it is over."""

    def stop(error: ClientError) -> None:
        if not waiting.called:
            waiting.errback(error)

    return stop
