"""The control server: HTTPS and JSON for `run`, the lab and people. Token on every request, compared in constant time.

Not reachable through the device under test in the lab; it never takes part in a flow.
"""

from __future__ import annotations

import hmac
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web import resource, server

from emulator.services.operations import Operations
from emulator.wire import control

T = TypeVar("T")


class BadRequest(Exception):
    """The request's body is not what the path takes."""


class ControlResource(resource.Resource):
    """All control paths; `token` is the bearer token (hex)."""

    isLeaf = True

    def __init__(self, operations: Operations, token: str) -> None:
        super().__init__()
        self._operations = operations
        self._expected = f"Bearer {token}".encode()

    def render(self, request: server.Request) -> Any:
        given = request.getHeader(b"authorization") or b""
        if not hmac.compare_digest(given, self._expected):
            return self._answer(request, 401, {"error": "wrong or missing token: use the join file that serve wrote"})
        try:
            result = self._handle(request)
        except BadRequest as problem:
            return self._answer(request, 400, {"error": str(problem)})
        if result is None:
            return self._answer(request, 404, {"error": f"no such control path {request.path!r}"})
        if isinstance(result, Deferred):
            gone: list[bool] = []  # whoever asked hung up meanwhile: then there is nobody to answer
            request.notifyFinish().addErrback(lambda _: gone.append(True))
            result.addCallbacks(
                lambda value: None if gone else self._finish(request, value),
                lambda failure: None if gone else self._failed(request, failure),
            )
            return server.NOT_DONE_YET
        return self._answer(request, 200, result)

    def _handle(self, request: server.Request) -> Any:
        path, method = request.path.decode("latin-1"), request.method
        operations = self._operations
        match method, path:
            case b"POST", control.RUNS:
                observed = request.getClientAddress()
                start = _body(request, control.RunStart)
                _check_seed(start.seed)
                return operations.start_run(start, getattr(observed, "host", "local"))
            case b"POST", control.ANNOUNCE:
                operations.announce(_body(request, control.Announce))
                return {}
            case b"GET", control.RECEIPTS:
                return operations.receipts(_after(request), _run(request))
            case b"POST", control.DIALS:
                return operations.dial(_body(request, control.Dial), getattr(request.getClientAddress(), "host", ""))
            case b"GET", control.DIALS:
                return operations.dialled(_run(request))
            case b"POST", control.SELFCHECK:
                return operations.selfcheck()
            case b"GET", control.STATUS:
                return operations.status()
        return None

    def _answer(self, request: server.Request, code: int, value: Any) -> bytes:
        request.setResponseCode(code)
        request.setHeader(b"content-type", b"application/json")
        return msgspec.json.encode(value)

    def _finish(self, request: server.Request, value: Any) -> None:
        request.write(self._answer(request, 200, value))
        request.finish()

    def _failed(self, request: server.Request, failure: Failure) -> None:
        request.write(self._answer(request, 500, {"error": failure.getErrorMessage()}))
        request.finish()


def _body(request: server.Request, kind: type[T]) -> T:
    content = request.content.read(control.BODY_LIMIT + 1) if request.content is not None else b""
    if len(content) > control.BODY_LIMIT:
        raise BadRequest(f"a body of more than {control.BODY_LIMIT} bytes")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as problem:
        raise BadRequest(f"not a {kind.__name__}: {problem}") from problem


def _check_seed(seed: str) -> None:
    try:
        bytes.fromhex(seed)
    except ValueError:
        raise BadRequest(f"not a RunStart: `seed` {seed[:40]!r} is not hexadecimal - at `$.seed`") from None


def _run(request: server.Request) -> str:
    """Which run asks; "" when it does not say."""
    return request.args.get(b"run", [b""])[0].decode("latin-1") if request.args else ""


def _after(request: server.Request) -> int:
    text = request.args.get(b"after", [b"0"])[0] if request.args else b"0"
    try:
        return int(text)
    except ValueError:
        raise BadRequest("`after` is not a number") from None
