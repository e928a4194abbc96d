"""A server that says raw bytes when a test wants it to, and a network whose random bytes a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from emulator.client.network import StreamEnded
from emulator.wire import http


class Script:
    """A `Stream` whose far end is the test."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._data: Callable[[bytes], None] | None = None
        self._ended: Callable[[Exception], None] | None = None
        self.closed = False

    def attach(self, data, ended) -> None:
        self._data, self._ended = data, ended

    def send(self, data: bytes) -> None:
        assert not self.closed, "sent after closing"
        self._out += data

    def close(self) -> None:
        self.closed = True

    def sent(self) -> bytes:
        """What the client has sent since the last look."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def say(self, data: bytes, *, piece: int = 1 << 20) -> None:
        """Bytes of the server, in pieces."""
        assert self._data is not None
        for at in range(0, len(data), piece):
            self._data(data[at : at + piece])

    def hang_up(self, error: Exception | None = None) -> None:
        """The connection is over."""
        assert self._ended is not None
        self._ended(error or StreamEnded("the peer closed"))


class ScriptWeb:
    """A `Web` that answers from a list of responses, or calls them with the request."""

    def __init__(self, network: ScriptNetwork, host: str, secure: bool) -> None:
        self._network = network
        self._where = (host, secure)
        self.closed = False

    async def ask(self, request: http.Request) -> http.Response:
        self._network.requests.append((*self._where, request))
        answer = self._network.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class ScriptNetwork:
    """Random bytes by their count: those in `bytes` first, then zeros and a counter."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.bytes: dict[int, list[bytes]] = {}
        self.streams: list[tuple[str, int, Script]] = []
        self.requests: list[tuple[str, bool, http.Request]] = []
        self.answers: list[http.Response | Exception] = []
        self._count = 0

    async def stream(self, host: str, port: int) -> Script:
        self.streams.append((host, port, Script()))
        return self.streams[-1][2]

    async def web(self, host: str, *, secure: bool) -> ScriptWeb:
        return ScriptWeb(self, host, secure)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        return self.clock.callLater(seconds, call)

    def now(self) -> float:
        return self.clock.seconds()

    def entropy(self, count: int) -> bytes:
        if self.bytes.get(count):
            return self.bytes[count].pop(0)
        self._count += 1
        return self._count.to_bytes(count, "little") if count else b""
