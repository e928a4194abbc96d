"""MSNP as a client sees it: lines, payloads by the rule that third-party clients use, on any stream of bytes.

Not a client: who says what stands beside it. Source: msnp.md 1.1 to 1.3.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

LIMIT = 15.0  # seconds for any answer
PORT = 1863
CARRYING = frozenset({"MSG", "GCF", "UBX", "UBN", "UBM", "NOT", "IPG", "FQY", "ADL", "RML", "NFY", "PUT", "SDG"})


def payload_length(line: str) -> int:
    """Bytes that follow a line. A number as last word counts for these verbs, and for errors with three words."""
    words = line.split(" ")
    carries = words[0] in CARRYING or (words[0].isdigit() and len(words) >= 3)
    return int(words[-1]) if carries and words[-1].isdigit() else 0


class Wire:
    """Lines on a stream: `send` puts bytes there, `receive` waits for at least one byte (b"" at its end).

    Who signs in on a wire with `ahead` says VER, CVR and USR before it waits for an answer.
    """

    ahead = False

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[], bytes]) -> None:
        self.send = send
        self._receive = receive
        self._buffer = b""
        self.payload = b""  # of the line that was read last
        self.close: Callable[[], None] = lambda: None

    def say(self, line: str, payload: bytes = b"") -> None:
        """Send one command."""
        self.send(line.encode() + b"\r\n" + payload)

    def read(self) -> str:
        """The next line, its payload in `payload`; "" at the end of the stream."""
        while b"\r\n" not in self._buffer:
            more = self._receive()
            if not more:
                assert not self._buffer, f"the stream ends within {self._buffer[:60]!r}"
                return ""
            self._buffer += more
        raw, _, self._buffer = self._buffer.partition(b"\r\n")
        line = raw.decode()
        wanted = payload_length(line)
        while len(self._buffer) < wanted:
            more = self._receive()
            assert more, f"the stream ends within the payload of {line}"
            self._buffer += more
        self.payload, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
        return line

    def wait(self, wanted: str) -> str:
        """The first line that begins so; what comes before it is read over."""
        return self.collect(wanted)[-1][0]

    def collect(self, wanted: str) -> list[tuple[str, bytes]]:
        """All lines up to the first that begins so, with their payloads."""
        found: list[tuple[str, bytes]] = []
        for _ in range(400):
            line = self.read()
            assert line, f"closed instead of {wanted!r}, after {[one for one, _ in found]}"
            found.append((line, self.payload))
            if line.startswith(wanted):
                return found
        raise AssertionError(f"no {wanted!r}")

    def ask(self, line: str, wanted: str, payload: bytes = b"") -> str:
        """Send, and wait for an answer."""
        self.say(line, payload)
        return self.wait(wanted)

    def until_quiet(self) -> list[tuple[str, bytes]]:
        """Everything that was sent before the answer to a PNG."""
        self.say("PNG")
        return self.collect("QNG")[:-1]

    def ends(self) -> list[str]:
        """The lines that are left when the server closes."""
        found = []
        for _ in range(400):
            line = self.read()
            if not line:
                return found
            found.append(line)
        raise AssertionError("the server does not close")


def connect(address: str, port: int = PORT) -> Wire:
    """A TCP connection."""
    stream = socket.create_connection((address, port), LIMIT)

    def receive() -> bytes:
        try:
            return stream.recv(65536)
        except ConnectionResetError:
            return b""

    wire = Wire(stream.sendall, receive)
    wire.close = stream.close
    return wire
