"""The name server on loopback, asked by dig and by dnslib."""

from __future__ import annotations

import os
import shutil
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import dnslib
import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer, reactor, task, threads
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.utils import getProcessOutputAndValue

from emulator.catalog import load
from emulator.derive.zone import Zone
from emulator.services import dns as service
from emulator.services.dns_forward import Forwarder
from emulator.wire.receipt import Endpoint

CATALOG = load()
ADDRESSES = {name: f"203.0.113.{10 + index}" for index, name in enumerate(CATALOG.host_names)}
needs_dig = pytest.mark.skipif(shutil.which("dig") is None, reason="needs the dig command")


class Served:
    """A running name server and what it heard."""

    def __init__(self, **more: Any) -> None:
        self.heard: list[tuple[str, str, Endpoint]] = []
        self.ports = service.listen(
            reactor, Zone(CATALOG, ADDRESSES), "127.0.0.1", 0, on_query=lambda *what: self.heard.append(what), **more
        )
        self.port = self.ports[0].getHost().port

    def close(self) -> defer.Deferred[Any]:
        return defer.gatherResults([defer.maybeDeferred(port.stopListening) for port in self.ports])


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    pytest_twisted.blockon(one.close())


def ask_udp(port: int, data: bytes, timeout: float = 5) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(timeout)
        udp.sendto(data, ("127.0.0.1", port))
        return udp.recv(4096)


def ask(port: int, question: dnslib.DNSRecord, tcp: bool = False) -> defer.Deferred[dnslib.DNSRecord]:
    answer = threads.deferToThread(question.send, "127.0.0.1", port, tcp=tcp, timeout=5)
    return answer.addCallback(dnslib.DNSRecord.parse)


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("tcp", [False, True])
def test_dnslib_gets_the_address_in_the_case_it_asked(served: Served, tcp: bool) -> Any:
    question = dnslib.DNSRecord.question("LoGiN.live.COM")
    answer = yield ask(served.port, question, tcp)
    assert answer.header.id == question.header.id
    assert (answer.header.qr, answer.header.aa, answer.header.ra, answer.header.rd) == (1, 1, 0, 1)
    assert str(answer.q.qname) == "LoGiN.live.COM."
    assert [(str(rr.rname), str(rr.rdata)) for rr in answer.rr] == [("LoGiN.live.COM.", ADDRESSES["login.live.com"])]
    ((name, kind, peer),) = served.heard
    assert (name, kind, peer.address) == ("LoGiN.live.COM", "A", "127.0.0.1")


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize(
    ("name", "kind", "code", "answers", "soa"),
    [
        ("abcdef0123456789.x.y.storage.msn.com", "A", "NOERROR", [ADDRESSES["storage.msn.com"]], ""),
        ("messenger.hotmail.com", "ANY", "NOERROR", [ADDRESSES["messenger.hotmail.com"]], ""),
        ("messenger.hotmail.com", "AAAA", "NOERROR", [], "hotmail.com."),
        ("messenger.hotmail.com", "MX", "NOERROR", [], "hotmail.com."),
        ("messenger.hotmail.com", "TYPE65", "NOERROR", [], "hotmail.com."),
        ("msn.com", "A", "NOERROR", [], "msn.com."),
        ("www.example.com", "A", "NXDOMAIN", [], "example.com."),
        ("x.login.live.com", "AAAA", "NXDOMAIN", [], "live.com."),
        (".", "NS", "NXDOMAIN", [], "."),
        ("messenger.hotmail.com", "AXFR", "REFUSED", [], ""),
    ],
)
def test_answers(served: Served, name: str, kind: str, code: str, answers: list[str], soa: str) -> Any:
    number = int(kind[4:]) if kind.startswith("TYPE") else getattr(dnslib.QTYPE, kind)
    answer = yield ask(served.port, dnslib.DNSRecord(q=dnslib.DNSQuestion(name, number)))
    assert dnslib.RCODE[answer.header.rcode] == code
    assert [str(rr.rdata) for rr in answer.rr] == answers
    assert [str(rr.rname) for rr in answer.auth] == ([soa] if soa else [])
    assert all(rr.rtype == dnslib.QTYPE.SOA for rr in answer.auth)


@pytest_twisted.inlineCallbacks
def test_chaos_is_refused_and_other_opcodes_not_implemented(served: Served) -> Any:
    chaos = yield ask(served.port, dnslib.DNSRecord(q=dnslib.DNSQuestion("version.bind", dnslib.QTYPE.TXT, 3)))
    assert dnslib.RCODE[chaos.header.rcode] == "REFUSED"
    notify = dnslib.DNSRecord.question("login.live.com")
    notify.header.opcode = 4
    answer = yield ask(served.port, notify)
    assert (dnslib.RCODE[answer.header.rcode], answer.header.qr, answer.header.opcode) == ("NOTIMP", 1, 4)


@needs_dig
@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (("GateWay.Messenger.hotmail.com", "A"), [";; ->>HEADER<<- opcode: QUERY, status: NOERROR", "GateWay.Messen"]),
        (("one.two.three.contacts.msn.com", "A"), [ADDRESSES["contacts.msn.com"]]),
        (("login.live.com", "AAAA"), ["status: NOERROR", "ANSWER: 0, AUTHORITY: 1", "SOA"]),
        (("nowhere.example", "A"), ["status: NXDOMAIN", "SOA"]),
        (("version.bind", "CH", "TXT"), ["status: REFUSED"]),
    ],
)
def test_dig(served: Served, transport: str, question: tuple[str, ...], expected: list[str]) -> Any:
    arguments = ["@127.0.0.1", "-p", str(served.port), transport, "+tries=1", "+time=5", *question]
    out, err, code = yield getProcessOutputAndValue(shutil.which("dig"), arguments)
    text = out.decode()
    assert (code, err) == (0, b"")
    assert "warning" not in text.lower().replace("warning: recursion requested but not available", "")
    for piece in expected:
        assert piece in text


@pytest_twisted.inlineCallbacks
def test_malformed_queries_get_a_short_format_error(served: Served) -> Any:
    good = dnslib.DNSRecord.question("login.live.com").pack()
    two = good[:4] + b"\0\2" + good[6:] + good[12:]
    for bad in (good[:-3], two, good[:12] + b"\xc0\x0c\0\1\0\1", good[:12] + b"\3a.b\0\0\1\0\1"):
        answer = yield threads.deferToThread(ask_udp, served.port, bad)
        assert answer[:2] == bad[:2]
        assert dnslib.RCODE[dnslib.DNSHeader.parse(dnslib.DNSBuffer(answer)).rcode] == "FORMERR"
        assert len(answer) <= len(bad)
    assert served.heard == []


@pytest_twisted.inlineCallbacks
def test_answers_are_not_answered(served: Served) -> Any:
    answer = dnslib.DNSRecord.question("login.live.com").reply().pack()
    with pytest.raises(TimeoutError):
        yield threads.deferToThread(ask_udp, served.port, answer, 0.2)
    assert served.heard == []


@pytest_twisted.inlineCallbacks
def test_strange_networks_get_no_answer() -> Any:
    one = Served(networks=[IPv4Network("198.51.100.0/24")])
    try:
        with pytest.raises(TimeoutError):
            yield threads.deferToThread(ask_udp, one.port, dnslib.DNSRecord.question("login.live.com").pack(), 0.2)
    finally:
        yield one.close()


@pytest_twisted.inlineCallbacks
def test_a_taken_tcp_port_leaves_no_udp_port_behind() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListenError):
            service.listen(reactor, Zone(CATALOG, ADDRESSES), "127.0.0.1", port)
    yield task.deferLater(reactor, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))


@pytest_twisted.inlineCallbacks
def test_garbage_on_tcp_ends_the_connection(served: Served) -> Any:
    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as tcp:
            tcp.sendall(struct.pack("!H", 3) + b"abc")
            return tcp.recv(100)

    assert (yield threads.deferToThread(talk)) == b""


labels = st.binary(min_size=1, max_size=63).filter(lambda label: b"." not in label)


@given(names=st.lists(labels, max_size=8), tail=st.binary(max_size=60), header=st.binary(min_size=12, max_size=12))
def test_any_question_is_answered_or_refused_in_order(names: list[bytes], tail: bytes, header: bytes) -> None:
    """No byte string may escape as an exception, and every answer must be readable by another implementation."""
    data = header + b"".join(bytes([len(name)]) + name for name in names) + b"\0" + tail
    plain = service.plain_question(data)
    complaint = service.format_error(data)
    if plain is None:
        assert complaint is None or len(complaint) == 12
        return
    replies: list[bytes] = []

    class Protocol:
        def writeMessage(self, message: Any, address: object) -> None:
            replies.append(message.toStr())

    message = service.dns.Message()
    message.fromStr(plain)
    factory = service.NameServer(reactor, Zone(CATALOG, ADDRESSES))
    factory.messageReceived(message, Protocol(), ("192.0.2.1", 5))
    (reply,) = replies
    assert reply[:2] == header[:2]
    assert dnslib.DNSRecord.parse(reply).header.qr == 1


@given(st.binary(max_size=80))
def test_any_bytes_are_plain_or_not(data: bytes) -> None:
    plain = service.plain_question(data)
    if plain is not None:
        service.dns.Message().fromStr(plain)


class Elsewhere:
    """Another name server, of dnslib, that knows one name; `long` makes answers that UDP cannot hold."""

    def __init__(self, long: bool = False) -> None:
        from dnslib.server import DNSServer

        self.asked: list[str] = []
        self._count = 60 if long else 1
        self._servers = [DNSServer(self, address="127.0.0.1", port=0, tcp=False)]
        self.port = self._servers[0].server.server_address[1]
        self._servers.append(DNSServer(self, address="127.0.0.1", port=self.port, tcp=True))
        for server in self._servers:
            server.start_thread()

    def resolve(self, request: Any, handler: Any) -> dnslib.DNSRecord:
        name = str(request.q.qname)
        self.asked.append(name)
        reply = request.reply()
        if name.lower() == "www.example.com.":
            for number in range(self._count):
                reply.add_answer(dnslib.RR(request.q.qname, rdata=dnslib.A(f"192.0.2.{number + 1}"), ttl=5))
        else:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        return reply

    def close(self) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    one = Elsewhere(long=getattr(request, "param", False))
    yield one
    one.close()


LOOPBACK = (IPv4Network("127.0.0.0/8"),)


def forwarding(port: int, networks: tuple[IPv4Network, ...] = LOOPBACK) -> Served:
    forwarder = Forwarder(reactor, Endpoint("127.0.0.1", port), os.urandom)
    return Served(networks=networks, forwarder=forwarder)


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("tcp", [False, True])
def test_other_names_are_asked_elsewhere_and_ours_are_not(elsewhere: Elsewhere, tcp: bool) -> Any:
    one = forwarding(elsewhere.port)
    question = dnslib.DNSRecord.question("WWW.example.com")
    answer = yield ask(one.port, question, tcp)
    assert (answer.header.id, answer.header.rcode) == (question.header.id, 0)
    assert [str(rr.rdata) for rr in answer.rr] == ["192.0.2.1"]
    unknown = yield ask(one.port, dnslib.DNSRecord.question("www.msn.com"), tcp)  # below a domain of ours, and not ours
    assert unknown.header.rcode == dnslib.RCODE.NXDOMAIN
    ours = yield ask(one.port, dnslib.DNSRecord.question("login.live.com"), tcp)
    assert [str(rr.rdata) for rr in ours.rr] == [ADDRESSES["login.live.com"]]
    assert elsewhere.asked == ["WWW.example.com.", "www.msn.com."]
    yield one.close()


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("elsewhere", [True], indirect=True, ids=["long"])
def test_an_answer_that_is_cut_short_comes_whole_over_tcp(elsewhere: Elsewhere) -> Any:
    one = forwarding(elsewhere.port)
    short = yield ask(one.port, dnslib.DNSRecord.question("www.example.com"))
    assert short.header.tc == 1
    whole = yield ask(one.port, dnslib.DNSRecord.question("www.example.com"), tcp=True)
    assert (whole.header.tc, len(whole.rr)) == (0, 60)
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_nobody_else_may_use_it(elsewhere: Elsewhere) -> Any:
    one = forwarding(elsewhere.port, networks=())
    answer = yield ask(one.port, dnslib.DNSRecord.question("www.example.com"))
    assert answer.header.rcode == dnslib.RCODE.NXDOMAIN
    assert elsewhere.asked == []
    yield one.close()


@pytest_twisted.inlineCallbacks
@pytest.mark.parametrize("tcp", [False, True])
def test_a_server_that_is_not_there_is_a_failure(tcp: bool) -> Any:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    one = forwarding(port)
    answer = yield ask(one.port, dnslib.DNSRecord.question("www.example.com"), tcp)
    assert answer.header.rcode == dnslib.RCODE.SERVFAIL
    assert answer.q.qname == "www.example.com"
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_answers_of_strangers_and_silence_are_a_failure_in_the_end() -> Any:
    """The right source with a wrong id, a wrong question, and a question instead of an answer."""
    clock = task.Clock()

    class Reactor:
        def __getattr__(self, name: str) -> Any:
            return getattr(clock if name == "callLater" else reactor, name)

    seen: defer.DeferredQueue[bytes] = defer.DeferredQueue()

    class Liar(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            good = dnslib.DNSRecord.parse(datagram).reply().pack()
            for bad in (bytes([good[0] ^ 1]) + good[1:], good[:13] + b"x" + good[14:], datagram, good[:11], b""):
                self.transport.write(bad, addr)
            seen.put(datagram)

    port = reactor.listenUDP(0, Liar(), interface="127.0.0.1")  # type: ignore[attr-defined]
    forwarder = Forwarder(Reactor(), Endpoint("127.0.0.1", port.getHost().port), os.urandom)
    question = dnslib.DNSRecord.question("www.example.com").pack()
    answer = defer.Deferred.fromCoroutine(forwarder.ask(question, stream=False))
    ids = set()
    for wait in (0.5, 1.0, 2.0):
        ids.add((yield seen.get())[:2])
        yield task.deferLater(reactor, 0.02, lambda: None)  # type: ignore[arg-type]
        assert not answer.called
        clock.advance(wait)
    assert dnslib.DNSRecord.parse((yield answer)).header.rcode == dnslib.RCODE.SERVFAIL
    assert len(ids) == 1
    assert clock.getDelayedCalls() == []
    yield port.stopListening()
