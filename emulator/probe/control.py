"""The near end of the control channel: HTTPS to a pinned certificate, dialled directly, never through a proxy."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import h11
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.defer import DeferredLock

from emulator.net.dial import DialFailed, dial
from emulator.net.link import Link, LinkEnded
from emulator.problems import BadInput
from emulator.wire import control, http
from emulator.wire.errors import WireError
from emulator.wire.join import Join

T = TypeVar("T")

TIMEOUT = 3.0  # seconds for one call


class ControlRefused(BadInput):
    """The control channel answers, and refuses us: wrong token, wrong certificate, another catalog. Bad input."""


class ControlLost(Exception):
    """The control channel does not answer (any more)."""


class Control:
    """One persistent control connection. Calls are made one after another."""

    def __init__(self, reactor: Any, join: Join, *, timeout: float = TIMEOUT) -> None:
        self._reactor = reactor
        self._join = join
        self._timeout = timeout
        self._lock = DeferredLock()
        self._link: Link | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._host = ""
        self._run = ""
        self.next = 0

    async def open(self) -> None:
        """Connect to the first control URL that answers. Raises ControlLost or ControlRefused."""
        problem = "the join file names no control URL"
        for url in self._join.control:
            parts = urlsplit(url)
            self._host = f"{parts.hostname}:{parts.port or 443}"
            try:
                link = await dial(self._reactor, parts.hostname or "", parts.port or 443, self._timeout)
            except DialFailed as failed:
                problem = f"{url}: {failed.detail}"
                continue
            try:
                await self._guarded(link, link.start_tls(_context(), parts.hostname or ""))
            except LinkEnded as ended:
                link.abort()
                problem = f"{url}: {ended.detail}"
                continue
            self._check_pin(link, url)
            self._link, self._http = link, h11.Connection(h11.CLIENT)
            return
        raise ControlLost(problem)

    def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.abort()
            self._link = None

    async def start_run(self, start: control.RunStart) -> control.RunStarted:
        """Open a run."""
        started = await self._call("POST", control.RUNS, control.RunStarted, start)
        self.next = started.serial
        self._run = quote(started.run, safe="")
        return started

    async def announce(self, announced: control.Announce) -> None:
        """Tell what is about to come."""
        await self._call("POST", control.ANNOUNCE, dict, announced)

    async def receipts(self) -> control.Receipts:
        """News since the last call; this is the heartbeat."""
        answer = await self._call("GET", f"{control.RECEIPTS}?after={self.next}&run={self._run}", control.Receipts)
        self.next = answer.next
        return answer

    async def selfcheck(self) -> control.SelfCheck:
        """Ask the emulator to dial its own listeners."""
        return await self._call("POST", control.SELFCHECK, control.SelfCheck, {})

    async def dial(self, wanted: control.Dial) -> control.Dialling:
        """Ask the emulator to open flows to this vantage."""
        return await self._call("POST", control.DIALS, control.Dialling, wanted)

    async def dialled(self) -> control.Dialled:
        """What became of them so far."""
        return await self._call("GET", f"{control.DIALS}?run={self._run}", control.Dialled)

    async def status(self) -> control.Status:
        """What listens where."""
        return await self._call("GET", control.STATUS, control.Status)

    async def _call(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        await self._lock.acquire()
        try:
            response = await self._exchange(method, path, body)
        finally:
            self._lock.release()
        if response.status in (401, 400, 404):
            reason = msgspec.json.decode(response.body).get("error", f"status {response.status}")
            raise ControlRefused(f"{self._host}: {reason}")
        if response.status != 200:
            raise ControlLost(f"{self._host} answered {response.status} to {path}")
        try:
            return msgspec.json.decode(response.body, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError) as problem:
            raise ControlRefused(f"{self._host}: {path}: another version answers: {problem}") from problem

    async def _exchange(self, method: str, path: str, body: object) -> http.Response:
        if self._link is None:
            raise ControlLost("not connected")
        headers = (
            ("Host", self._host),
            ("Authorization", f"Bearer {self._join.token}"),
            ("Content-Type", "application/json"),
        )
        payload = msgspec.json.encode(body) if method == "POST" else b""
        request = http.Request(method, path, headers, payload)
        link = self._link
        try:
            conversation = await self._guarded(link, link.run(http.exchange(self._http, request)))
        except (WireError, LinkEnded) as problem:
            self.close()
            raise ControlLost(f"{self._host}: {problem}") from problem
        self._http.start_next_cycle()
        response: http.Response = conversation.result
        return response

    async def _guarded(self, link: Link, work: Any) -> Any:
        """Await work on a link, at most `timeout` seconds."""
        give_up: Callable[[], None] = lambda: link.fail(LinkEnded("silence", f"no answer within {self._timeout} s"))  # noqa: E731
        call = self._reactor.callLater(self._timeout, give_up)
        try:
            return await work
        finally:
            if call.active():
                call.cancel()

    def _check_pin(self, link: Link, url: str) -> None:
        shown = link.tls.get_peer_certificate(as_cryptography=True) if link.tls is not None else None
        fingerprint = sha256(shown.public_bytes(Encoding.DER)).hexdigest() if shown is not None else ""
        if not hmac.compare_digest(fingerprint, self._join.pin):
            link.abort()
            raise ControlRefused(
                f"{url}: certificate {fingerprint[:16]}… is not the one pinned in the join file "
                f"({self._join.pin[:16]}…): take the join file of the emulator that runs there now"
            )


def _context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_verify(SSL.VERIFY_NONE, lambda *arguments: True)  # the pin decides, not a chain
    return context
