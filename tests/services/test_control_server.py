"""The control server's door: token, paths, bodies. Asked by Python's own HTTP client, over TLS with the pinned key."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor, threads
from twisted.internet.defer import Deferred, fail
from twisted.web import server

from emulator.net.control_tls import ControlCertificate
from emulator.services.control import ControlResource
from emulator.wire import control

TOKEN = "5e" * 32
START = {"vantage": "inside", "catalog": "x", "samples": 2, "seed": "00ff"}


class FakeOperations:
    """Records what was asked; answers with what a test put in."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.checking: Deferred[control.SelfCheck] | None = None

    def start_run(self, start: control.RunStart, observed: str) -> control.RunStarted:
        self.asked.append(start)
        return control.RunStarted("run-1", 5.0, observed, 0, True, ())

    def announce(self, announced: control.Announce) -> None:
        self.asked.append(announced)

    def receipts(self, after: int, run: str = "") -> control.Receipts:
        self.asked.append(after)
        return control.Receipts((), after + 1, 5.0)

    def selfcheck(self) -> Deferred[control.SelfCheck]:
        self.checking = Deferred()
        return self.checking

    def status(self) -> control.Status:
        return control.Status("messenger-lab", 1.0, 5.0, "", (), 0)


class Served:
    def __init__(self) -> None:
        self.operations = FakeOperations()
        self.certificate = ControlCertificate(os.urandom)
        site = server.Site(ControlResource(self.operations, TOKEN))  # type: ignore[arg-type]
        site.noisy = False
        self.port = reactor.listenSSL(  # type: ignore[attr-defined]
            0, site, self.certificate.context_factory(), interface="127.0.0.1"
        )

    def ask(self, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> Any:
        """Status and JSON, asked from a thread."""
        return threads.deferToThread(self._ask, method, path, body, token)

    def _ask(self, method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port.getHost().port, timeout=5, context=context)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data if method == "POST" else None, headers)
            assert connection.sock is not None
            self.shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest()  # type: ignore[attr-defined]
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    pytest_twisted.blockon(one.port.stopListening())


@pytest.mark.parametrize("token", [None, "", "5e" * 31, "5e" * 32 + "0", "x" * 64, "5E" * 32])
@pytest_twisted.inlineCallbacks
def test_a_wrong_token_gets_nothing(served: Served, token: str | None) -> Any:
    for method, path in (("GET", control.STATUS), ("POST", control.RUNS), ("GET", "/nowhere")):
        status, answer = yield served.ask(method, path, START, token)
        assert status == 401
        assert "join file" in answer["error"]
    assert served.operations.asked == []


@pytest_twisted.inlineCallbacks
def test_the_certificate_is_the_pinned_one(served: Served) -> Any:
    yield served.ask("GET", control.STATUS)
    assert served.shown == hashlib.sha256(served.certificate.der).hexdigest()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1"), ("GET", control.RUNS), ("POST", control.RECEIPTS), ("DELETE", control.STATUS)],
)
@pytest_twisted.inlineCallbacks
def test_other_paths_and_methods_are_404(served: Served, method: str, path: str) -> Any:
    status, answer = yield served.ask(method, path, {})
    assert status == 404
    assert path in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (control.RUNS, START | {"samples": "two"}, "$.samples"),
        (control.RUNS, {"vantage": "inside"}, "catalog"),
        (control.RUNS, START | {"surprise": 1}, "surprise"),
        (control.RUNS, START | {"seed": "not hex"}, "$.seed"),
        (control.RUNS, START | {"seed": "abc"}, "$.seed"),
        (control.RUNS, b"{not json", "RunStart"),
        (control.RUNS, [], "RunStart"),
        (control.ANNOUNCE, {"run": "x", "flows": [["a", "b"]]}, "$.flows[0]"),
        (control.ANNOUNCE, b"x" * (control.BODY_LIMIT + 1), str(control.BODY_LIMIT)),
    ],
)
@pytest_twisted.inlineCallbacks
def test_bad_bodies_are_400_and_name_the_field(served: Served, path: str, body: Any, field: str) -> Any:
    status, answer = yield served.ask("POST", path, body)
    assert status == 400
    assert field in answer["error"]
    assert served.operations.asked == []


@pytest_twisted.inlineCallbacks
def test_a_serial_that_is_no_number(served: Served) -> Any:
    status, answer = yield served.ask("GET", f"{control.RECEIPTS}?after=soon")
    assert (status, "after" in answer["error"]) == (400, True)


@pytest_twisted.inlineCallbacks
def test_a_run(served: Served) -> Any:
    status, started = yield served.ask("POST", control.RUNS, START)
    assert (status, started["run"], started["observed"]) == (200, "run-1", "127.0.0.1")
    flows = [["msnp", "msnp", "ab" * 16, "tcp", 1863]]
    assert (yield served.ask("POST", control.ANNOUNCE, {"run": "run-1", "flows": flows})) == (200, {})
    assert (yield served.ask("GET", f"{control.RECEIPTS}?after=7"))[1]["next"] == 8
    assert (yield served.ask("GET", control.RECEIPTS))[1]["next"] == 1
    start, announced, *serials = served.operations.asked
    assert (start.seed, announced.flows[0].port, serials) == ("00ff", 1863, [7, 0])


@pytest_twisted.inlineCallbacks
def test_an_answer_that_takes_its_time(served: Served) -> Any:
    asked = served.ask("POST", control.SELFCHECK, {})
    checking = yield _wait(lambda: served.operations.checking)
    checking.callback(control.SelfCheck((control.Check("tcp/80", False, "why"),)))
    assert (yield asked) == (200, {"checks": [["tcp/80", False, "why"]]})


@pytest_twisted.inlineCallbacks
def test_a_failure_is_500_and_not_silence(served: Served) -> Any:
    served.operations.selfcheck = lambda: fail(RuntimeError("broken"))  # type: ignore[method-assign]
    assert (yield served.ask("POST", control.SELFCHECK, {})) == (500, {"error": "broken"})


@pytest_twisted.inlineCallbacks
def test_nobody_is_left_to_answer(served: Served) -> Any:
    """Whoever asked hangs up: the late answer must not be an error."""

    def hang_up() -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", served.port.getHost().port, timeout=5, context=context)
        connection.request("POST", control.SELFCHECK, b"{}", {"Authorization": f"Bearer {TOKEN}"})
        gone.append(connection)

    gone: list[http.client.HTTPSConnection] = []
    yield threads.deferToThread(hang_up)
    checking = yield _wait(lambda: served.operations.checking)
    gone[0].close()
    yield served.ask("GET", control.STATUS)  # the reactor has seen the end of the other connection by now
    checking.callback(control.SelfCheck(()))


@pytest_twisted.inlineCallbacks
def _wait(value: Any) -> Any:
    from twisted.internet.task import deferLater

    for _ in range(400):
        if value() is not None:
            break
        yield deferLater(reactor, 0.005, lambda: None)
    assert value() is not None
    return value()
