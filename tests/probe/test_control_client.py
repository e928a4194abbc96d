"""The near end of the control channel against the real far end: answers, refusals, and a channel that is gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec
import pytest
import pytest_twisted
from twisted.internet import protocol, reactor
from twisted.internet.defer import Deferred
from twisted.web import server

from emulator.catalog import load
from emulator.net.control_tls import ControlCertificate
from emulator.probe.control import Control, ControlLost, ControlRefused
from emulator.services.control import ControlResource
from emulator.wire import control
from emulator.wire.join import Join

CATALOG = load()
TOKEN = "5e" * 32


class Operations:
    """Says what it is told to say."""

    def start_run(self, start: control.RunStart, observed: str) -> control.RunStarted:
        return control.RunStarted(f"run of {start.vantage}", 5.0, observed, 0, True, ())

    def announce(self, announced: control.Announce) -> None:
        self.announced = announced

    def receipts(self, after: int, run: str) -> control.Receipts:
        return control.Receipts((), after + 3, 5.0)

    def selfcheck(self) -> control.SelfCheck:
        return control.SelfCheck((control.Check("tcp/80", True),))

    def status(self) -> dict[str, int]:
        return {"not": 1}  # what another version might answer


class Far:
    def __init__(self) -> None:
        self.certificate = ControlCertificate(os.urandom)
        self.operations = Operations()
        site = server.Site(ControlResource(self.operations, TOKEN))  # type: ignore[arg-type]
        site.noisy = False
        self.site = site
        self.port = reactor.listenSSL(0, site, self.certificate.context_factory(), interface="127.0.0.1")  # type: ignore[attr-defined]
        self.url = f"https://127.0.0.1:{self.port.getHost().port}"

    def client(self, *urls: str, token: str = TOKEN, pin: str = "", timeout: float = 3.0) -> Control:
        join = Join(
            format=1,
            emulator="x",
            created=0,
            expires=0,
            control=urls or (self.url,),
            pin=pin or sha256(self.certificate.der).hexdigest(),
            token=token,
            seed="00",
            samples=0,
            relay_key="",
            catalog=CATALOG.digest,
            root="",
            addresses={},
        )
        return Control(reactor, join, timeout=timeout)


@pytest.fixture
def far() -> Iterator[Far]:
    one = Far()
    yield one
    pytest_twisted.blockon(one.port.stopListening())


def closed_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"https://127.0.0.1:{taken.getsockname()[1]}"


START = control.RunStart("inside", "x", 0, "00")


@pytest_twisted.ensureDeferred
async def test_a_run_over_one_connection(far: Far) -> None:
    client = far.client()
    await client.open()
    try:
        assert (await client.start_run(START)).run == "run of inside"
        flows = (control.Expected("msnp", "msnp", "ab" * 16, "tcp", 1863),)
        await client.announce(control.Announce("run", flows))
        assert far.operations.announced.flows == flows
        await client.receipts()
        assert (await client.receipts()).next == 6, "each question starts where the last answer ended"
        assert (await client.selfcheck()).checks == (control.Check("tcp/80", True),)
    finally:
        client.close()


@pytest_twisted.ensureDeferred
async def test_the_next_url_is_tried(far: Far) -> None:
    client = far.client(closed_url(), far.url)
    await client.open()
    client.close()


@pytest_twisted.ensureDeferred
async def test_a_wrong_token_is_refused(far: Far) -> None:
    client = far.client(token="00" * 32)
    await client.open()
    with pytest.raises(ControlRefused, match="wrong or missing token"):
        await client.start_run(START)
    client.close()


@pytest_twisted.ensureDeferred
async def test_a_wrong_certificate_is_refused_before_the_token_is_sent(far: Far) -> None:
    heard: list[bytes] = []
    far.site.resource.render = lambda request: heard.append(request.path) or b""  # type: ignore[method-assign,func-returns-value]
    with pytest.raises(ControlRefused, match="not the one pinned"):
        await far.client(pin="00" * 32).open()
    assert heard == []


@pytest_twisted.ensureDeferred
async def test_another_version_is_refused(far: Far) -> None:
    client = far.client()
    await client.open()
    with pytest.raises(ControlRefused, match="another version answers"):
        await client.status()
    client.close()


@pytest_twisted.ensureDeferred
async def test_nobody_there_is_lost(far: Far) -> None:
    url = closed_url()
    with pytest.raises(ControlLost, match=url):
        await far.client(url).open()


@pytest_twisted.ensureDeferred
async def test_no_url_at_all_is_lost(far: Far) -> None:
    client = far.client()
    client._join = msgspec.structs.replace(client._join, control=())
    with pytest.raises(ControlLost, match="names no control URL"):
        await client.open()


class Silent(protocol.Protocol):
    """Takes the connection and never says a word."""


class Rude(protocol.Protocol):
    """Speaks no TLS."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"SSH-2.0-OpenSSH\r\n")  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [Silent, Rude])
@pytest_twisted.inlineCallbacks
def test_somebody_else_there_is_lost_and_the_connection_given_up(far: Far, kind: Any) -> Any:
    factory = protocol.Factory.forProtocol(kind)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
    url = f"https://127.0.0.1:{port.getHost().port}"
    try:
        with pytest.raises(ControlLost, match=url):
            yield Deferred.fromCoroutine(far.client(url, timeout=0.2).open())
    finally:
        yield port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_far_end_that_goes_away_is_lost(far: Far) -> None:
    client = far.client()
    await client.open()
    await client.start_run(START)
    far.operations.receipts = lambda after, run: _hang_up(far)  # type: ignore[method-assign]
    with pytest.raises(ControlLost):
        await client.receipts()
    with pytest.raises(ControlLost, match="not connected"):
        await client.receipts()


def _hang_up(far: Far) -> Any:
    """Answers nothing; ends every connection to the port instead."""
    for reader in list(reactor.getReaders()):  # type: ignore[attr-defined]
        if type(reader).__name__ == "Server" and reader.getHost().port == far.port.getHost().port:
            reader.abortConnection()
    return Deferred()
