"""What a Messenger client needs of its surroundings: byte streams, HTTP connections, a clock, random bytes.

Not an implementation: sockets, tunnels, the gateway and memory each bring their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from emulator.wire import http
from emulator.wire.errors import WireError

Data = Callable[[bytes], None]
Ended = Callable[[Exception], None]


class ClientError(Exception):
    """Why the client could not go on; `detail` is a phrase for a log."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class StreamEnded(ClientError):
    """The connection is over: closed in good order, or failed (`__cause__` may say how)."""


class Unexpected(ClientError, WireError):
    """The server said something else than the protocol lets hope for.

    `verb` is the command that came ("" when none), `number` an MSNP error number (0: none), `status` an HTTP status
    (0: none), `code` the code of a SOAP fault or of a refused sign-in ("" when none).
    """

    def __init__(self, detail: str, *, verb: str = "", number: int = 0, status: int = 0, code: str = "") -> None:
        super().__init__(detail)
        self.verb = verb
        self.number = number
        self.status = status
        self.code = code


class Stream(Protocol):
    """A byte stream to a server: TCP, TLS, a tunnel, the gateway, or memory."""

    def attach(self, data: Data, ended: Ended) -> None:
        """Say where bytes go, and the end. Called once; bytes that came before are delivered at once."""

    def send(self, data: bytes) -> None:
        """Put bytes on the wire, in order. After the end nothing happens."""

    def close(self) -> None:
        """Close in good order. `ended` is not called for it."""


class Web(Protocol):
    """A keep-alive HTTP connection to one host; one request at a time."""

    async def ask(self, request: http.Request) -> http.Response:
        """Put a request (origin-form target) and wait for the answer. Raises ClientError."""

    def close(self) -> None:
        """Close the connection; an `ask` under way raises StreamEnded."""


class Call(Protocol):
    """A call that is due later, as Twisted's IDelayedCall."""

    def cancel(self) -> None:
        """Do not call."""

    def active(self) -> bool:
        """True as long as it was neither made nor cancelled."""


CallLater = Callable[[float, Callable[[], None]], Any]  # seconds, what to call; answers a `Call`


class Network(Protocol):
    """Everything a client needs of the outside."""

    async def stream(self, host: str, port: int) -> Stream:
        """A new connection. Raises ClientError."""

    async def web(self, host: str, *, secure: bool) -> Web:
        """A new HTTP connection, inside TLS if `secure`. Raises ClientError."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        """Call later; the answer is a `Call`."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def entropy(self, count: int) -> bytes:
        """`count` random bytes."""
