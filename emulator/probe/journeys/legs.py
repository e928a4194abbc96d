"""The connections of a journey: dialled, tunnelled and secured like every flow's, held open over several steps.

Not the client that talks on them: that is `emulator.client`, which sees a `Stream` or a `Web`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import h11
import msgspec
from twisted.internet.defer import Deferred

from emulator.client.network import Data, Ended, StreamEnded, Unexpected
from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.net.link import LinkEnded
from emulator.probe.place import Place
from emulator.probe.recorder import Recorder
from emulator.probe.speakers import Refused, client_context, from_proxy
from emulator.probe.streams import StreamAttempt
from emulator.probe.web.context import Differs
from emulator.wire import http
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Some, Talk

T = TypeVar("T")
LINGER = 1.0  # seconds that a stream stays open after its last word, for the peer to close first


class Passed(Protocol):
    """A connection that a step used, whoever opened it."""

    flow: Flow
    tag: bytes

    @property
    def failed(self) -> bool:
        """It is over, and not by a good end."""

    def end(self, problem: Exception | None = None) -> None:
        """Close it."""

    def cancel(self, why: str) -> None:
        """Interrupted."""

    async def finished(self) -> Observation:
        """What was seen of it, once it is over."""


class Leg:
    """One connection. It is the speaker of its own attempt, so that all evidence is gathered in one way."""

    def __init__(self, place: Place, flow: Flow, tag: bytes, *, raw: bool) -> None:
        self.flow = flow
        self.tag = tag
        self.raw = raw
        self.observation: Observation | None = None
        self._ready: Deferred[None] = Deferred()
        self._over: Deferred[None] = Deferred()
        self._gone: Deferred[None] = Deferred()
        self._attempt = StreamAttempt(place, flow, tag, self)
        self._recorder: Recorder | None = None
        self._run: Deferred[None] | None = None
        self._busy = False  # a question is under way
        self._named = False  # a gateway session has said who it is
        self._lingering: Any = None  # the call that ends it at last

    async def open(self) -> None:
        """Dial, and whatever lies between dialling and the first byte. Raises StreamEnded; the observation says why."""
        self._run = Deferred.fromCoroutine(self._observe())
        await self._ready

    async def speak(self, attempt: StreamAttempt, recorder: Recorder) -> dict[str, object]:
        """Hand the open connection over, and wait until the journey has done with it."""
        self._recorder = recorder
        self._ready.callback(None)
        await self._over
        return {}

    def end(self, problem: Exception | None = None) -> None:
        """Close it; `problem` is what it ended with, None for a good end. Only the first call counts."""
        if not self._over.called:
            if problem is None:
                self._over.callback(None)
            else:
                self._over.errback(_recordable(problem))

    def cancel(self, why: str) -> None:
        """Interrupted."""
        self._attempt.cancel(why)
        self.end(LinkEnded("cancelled", why))

    @property
    def local(self) -> Endpoint | None:
        """This end of the open connection."""
        return None if self._recorder is None else self._recorder.local

    def linger(self) -> None:
        """This end has nothing more to say: close when the peer has, so that every byte of it is received."""
        if self._lingering is None and not self._over.called:
            self._lingering = self._attempt.place.reactor.callLater(LINGER, self.end)
            self._gone.addCallback(lambda _: self.end())

    async def finished(self) -> Observation:
        """What was seen of it, once it is over; a question under way is waited for, within its time-out."""
        if self._busy:
            self.linger()  # the client closes when it has the answer
        elif self._lingering is None:
            self.end()
        if self._run is not None and self.observation is None:
            await self._run
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        assert self.observation is not None
        return self.observation

    @property
    def failed(self) -> bool:
        """It is over, and not by a good end."""
        return self.observation is not None and self.observation.ending != "completed"

    async def ask(self, connection: h11.Connection, request: http.Request) -> http.Response:
        """One request and its answer, within the time-out of a stage. Raises StreamEnded."""
        link = self._attempt.link
        assert self._recorder is not None
        self._busy = True
        try:
            done = await self._attempt.guarded(link, link.run(http.exchange(connection, request)))
            response = done.result
            assert response is not None
            self._recorder.http_status = response.status
            if from_proxy(response, self._attempt):
                raise Refused(f"the proxy answered {response.status}", status=response.status, proxy=True)
            if response.status == 407:
                raise Refused("407 without a proxy in the path", status=407)
        except (LinkEnded, WireError) as problem:
            self.end(problem)
            raise StreamEnded(str(problem)) from problem
        finally:
            self._busy = False
        self._recorder.pair(request.body, response.body, f"{request.method} {request.target[:80]}")
        if self.flow.exchange == "gateway" and not self._named:
            self._named = b"USR " in request.body  # a notification session or a switchboard: from here on it is known
            if not self._named:
                self._recorder.facts["anonymous"] = len(self._recorder.exchanged)
        return response

    async def talk(self, client: Callable[[ClientContext], Talk[T]]) -> T:
        """One exchange of the survey's kind, within the time-out of a stage. Raises StreamEnded, WireError."""
        link = self._attempt.link
        try:
            done = await self._attempt.guarded(link, link.run(client(client_context(self._attempt))))
        except LinkEnded as problem:
            self.end(problem)
            raise StreamEnded(str(problem)) from problem
        return cast(T, done.result)

    @property
    def proxy_headers(self) -> http.Headers:
        """What a request in clear carries through a proxy."""
        proxy = self._attempt.place.proxy
        extra: http.Headers = (("Proxy-Connection", "Keep-Alive"),)
        if proxy is not None and proxy.authorization and self.flow.credentials:
            extra = (*extra, ("Proxy-Authorization", proxy.authorization))
        return extra

    def pour(self, data: Data, ended: Ended) -> None:
        """Hand over bytes as they come, and the end."""
        Deferred.fromCoroutine(self._pour(data, ended))

    def write(self, data: bytes) -> None:
        """Put bytes on the wire."""
        self._attempt.link.send(data)

    async def _pour(self, data: Data, ended: Ended) -> None:
        said = "the peer closed the connection"
        try:
            await self._attempt.link.run(_pour(data))
        except LinkEnded as problem:
            said = problem.detail
            if problem.how != "closed":
                self.end(problem)  # an orderly close may be what the client waits for
        except WireError as problem:
            said = str(problem)
        if not self._gone.called:
            self._gone.callback(None)
        ended(StreamEnded(said))

    async def _observe(self) -> None:
        self.observation = await self._attempt.run()
        if not self._ready.called:
            said = self.observation.detail or self.observation.ending
            self._ready.errback(StreamEnded(f"{self.flow.host}:{self.flow.port}: {said}"))


class LinkStream:
    """A leg as the client's byte stream."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def attach(self, data: Data, ended: Ended) -> None:
        self._leg.pour(data, ended)

    def send(self, data: bytes) -> None:
        self._leg.write(data)

    def close(self) -> None:
        self._leg.linger()


class LinkWeb:
    """A leg as the client's HTTP connection. Through a proxy in clear the target is absolute."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=http.HEAD_LIMIT)

    async def ask(self, request: http.Request) -> http.Response:
        connection, flow = self._connection, self._leg.flow
        if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
            connection.start_next_cycle()
        if connection.our_state is not h11.IDLE:
            raise StreamEnded("the server closed the connection after its last answer")
        if flow.via and not flow.tls:
            headers = tuple((name, value) for name, value in request.headers if name.lower() != "connection")
            target = f"http://{flow.host}{request.target}"
            request = msgspec.structs.replace(request, target=target, headers=(*headers, *self._leg.proxy_headers))
        return await self._leg.ask(connection, request)

    def close(self) -> None:
        self._leg.end()


def _pour(deliver: Data) -> Talk[None]:
    while data := (yield Some()):
        deliver(data)


def _recordable(problem: Exception) -> Any:
    """What an attempt knows how to write down: an answer that is well-formed but unwanted counts as refused."""
    if isinstance(problem, Unexpected | Differs):
        return Refused(str(problem), status=problem.status)
    if isinstance(problem, LinkEnded | WireError):
        return problem
    if isinstance(problem, StreamEnded):
        return LinkEnded("closed", problem.detail)
    return LinkEnded("fault", f"{type(problem).__name__}: {problem}")
