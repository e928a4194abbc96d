"""HTTP/1.1 as talks, on h11: classic header spelling, Content-Length always, no chunked answers.

Not a router and not a proxy; HTTPS is the same talk inside TLS. Source: RFC 9112, protocols/http.md 1.2.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from http import HTTPStatus
from urllib.parse import unquote

import h11
import msgspec

from emulator.wire.errors import WireError
from emulator.wire.presentable import presentable_headers, presentable_target
from emulator.wire.talk import Await, Note, Send, Sighting, Some, Talk

HEAD_LIMIT = 16 * 1024  # bytes of request line and headers
BODY_LIMIT = 2 << 20  # bytes
BODILESS = (204, 304)  # no body and no Content-Length (RFC 9110 6.4.1)

Headers = tuple[tuple[str, str], ...]


class Request(msgspec.Struct, frozen=True):
    """A request as it is put on the wire, or as it arrived (header order and spelling kept)."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str, default: str = "") -> str:
        """First value of a header, by any spelling."""
        return _find(self.headers, name, default)

    @property
    def _absolute(self) -> bool:
        """True for an absolute-form target; a query may hold `://` as well."""
        return not self.target.startswith("/") and "://" in self.target.partition("?")[0]

    @property
    def host(self) -> str:
        """Host asked for: authority of an absolute-form target, else the Host header; lower case, no port."""
        authority = self.header("Host")
        if self._absolute:
            authority = self.target.split("/", 3)[2]
        return authority.rpartition("@")[2].partition(":")[0].lower()

    @property
    def path(self) -> str:
        """Path in lower case, duplicate slashes collapsed, no query (IIS hosts ignored case)."""
        raw = self.target
        if self._absolute:
            raw = "/" + ([*raw.split("/", 3), ""])[3]
        path = unquote(raw.partition("?")[0]).lower()
        while "//" in path:
            path = path.replace("//", "/")
        return path or "/"

    @property
    def query(self) -> str:
        """Raw query: everything after the first question mark."""
        return self.target.partition("?")[2]

    def parameter(self, name: str, default: str = "") -> str:
        """First query value of `name`, any case; percent-decoded, `+` stays `+` (tickets hold it)."""
        for pair in self.query.split("&"):
            key, _, value = pair.partition("=")
            if key.lower() == name.lower():
                return unquote(value)
        return default

    def cookie(self, name: str) -> str:
        """Value of one cookie, or ""."""
        for piece in self.header("Cookie").split(";"):
            key, _, value = piece.strip().partition("=")
            if key == name:
                return value
        return ""


class Response(msgspec.Struct, frozen=True):
    """An answer. Content-Length is added when it is written; `reason` defaults to the standard phrase."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    reason: str = ""

    def header(self, name: str, default: str = "") -> str:
        """First value of a header, by any spelling."""
        return _find(self.headers, name, default)


class Answered(msgspec.Struct, frozen=True):
    """What a handler returns: the answer, the tag it found in the request ("" if none), facts for the receipt."""

    response: Response
    tag: str = ""
    facts: dict[str, object] = {}


class Later(msgspec.Struct, frozen=True):
    """What a handler returns that cannot answer yet: `start` is called with a function that takes the answer."""

    start: Callable[[Callable[[Answered], None]], None]


Handler = Callable[[Request], Answered | Later]


def client(request: Request) -> Talk[Response]:
    """One request and its answer. Raises WireError on anything that is not HTTP or over the limits."""
    return (yield from exchange(h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT), request))


def session(requests: Generator[Request, Response, object]) -> Talk[object]:
    """A dialogue of several requests on one connection; the value is what the dialogue returns."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    try:
        request = next(requests)
        while True:
            response = yield from exchange(connection, request)
            if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
                connection.start_next_cycle()
            request = requests.send(response)
    except StopIteration as stop:
        return stop.value


def exchange(connection: h11.Connection, request: Request) -> Talk[Response]:
    """One request and answer on a connection in its idle state."""
    headers = list(request.headers)
    if request.body or request.method in ("POST", "PUT"):
        headers.append(("Content-Length", str(len(request.body))))
    try:
        out = connection.send(h11.Request(method=request.method, target=request.target, headers=headers)) or b""
        if request.body:
            out += connection.send(h11.Data(data=request.body)) or b""
        out += connection.send(h11.EndOfMessage()) or b""
    except h11.LocalProtocolError as error:
        raise WireError(f"cannot send {request.method} {request.target}: {error}") from error
    yield Send(out)
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = yield from _next(connection)
        match event:
            case h11.Response():
                head = event
            case h11.Data(data=data):
                body += data
                if len(body) > BODY_LIMIT:
                    raise WireError(f"an answer body of more than {BODY_LIMIT} bytes")
            case h11.EndOfMessage():
                break
            case h11.ConnectionClosed():
                raise WireError("the connection closed before an answer")
    if head is None:
        raise WireError("no answer head")
    return Response(head.status_code, _headers(head.headers), bytes(body), head.reason.decode("latin-1"))


def server(handle: Handler, *, server_name: str = "Microsoft-IIS/6.0") -> Talk[None]:
    """Answer requests until the peer closes. Bad or oversize input is answered 400, 413 or 431 and ends it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    while True:
        try:
            request = yield from _read_request(connection)
        except WireError as error:
            yield Note({"http_error": str(error)})
            if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                status = 413 if "body" in str(error) else 400
                yield Send(_write(connection, Response(status, (("Connection", "close"),)), server_name))
            return
        if request is None:
            return
        handled = handle(request)
        answered = (yield from _awaited(handled)) if isinstance(handled, Later) else handled
        yield Send(_write(connection, answered.response, server_name, head_only=request.method == "HEAD"))
        yield Sighting(
            "http",
            answered.tag,
            {
                "method": request.method,
                "target": presentable_target(request.target),
                "host": request.host,
                "headers": presentable_headers(request.headers),
                "status": answered.response.status,
                **answered.facts,
            },
            request=request.body,
            response=answered.response.body,
        )
        if connection.our_state is h11.MUST_CLOSE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


def _awaited(later: Later) -> Talk[Answered]:
    answers: list[Answered] = []

    def start(happened: Callable[[], None]) -> None:
        def answer(answered: Answered) -> None:
            answers.append(answered)
            happened()

        later.start(answer)

    yield Await(start)
    return answers[0]


def _read_request(connection: h11.Connection) -> Talk[Request | None]:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = yield from _next(connection)
        match event:
            case h11.Request():
                head = event
                if connection.they_are_waiting_for_100_continue:
                    yield Send(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            case h11.Data(data=data):
                body += data
                if len(body) > BODY_LIMIT:
                    raise WireError(f"a body of more than {BODY_LIMIT} bytes")
            case h11.EndOfMessage():
                assert head is not None
                target = head.target.decode("latin-1")
                return Request(head.method.decode(), target, _headers(head.headers), bytes(body))
            case h11.ConnectionClosed():
                return None


def _next(connection: h11.Connection) -> Talk[h11.Event]:
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise WireError(f"not HTTP/1.1: {error}") from error
        if event is h11.NEED_DATA:
            connection.receive_data((yield Some()))
        elif event is h11.PAUSED:
            raise WireError("pipelined input after the end of the connection")
        else:
            assert isinstance(event, h11.Event)
            return event


def _write(connection: h11.Connection, response: Response, server_name: str, *, head_only: bool = False) -> bytes:
    headers = [("Server", server_name), *response.headers]
    if response.status not in BODILESS:
        headers.append(("Content-Length", str(len(response.body))))
    reason = response.reason or _phrase(response.status)
    out = connection.send(h11.Response(status_code=response.status, headers=headers, reason=reason.encode("latin-1")))
    if response.body and not head_only and response.status not in BODILESS:
        out = (out or b"") + (connection.send(h11.Data(data=response.body)) or b"")
    return (out or b"") + (connection.send(h11.EndOfMessage()) or b"")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _headers(headers: h11._headers.Headers) -> Headers:
    return tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers.raw_items())


def _find(headers: Headers, name: str, default: str) -> str:
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), default)
