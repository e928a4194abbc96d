"""The name server on loopback, asked by dig and by dnslib."""

from __future__ import annotations

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
from twisted.internet.utils import getProcessOutputAndValue

from emulator.catalog import load
from emulator.derive.zone import Zone
from emulator.services import dns as service
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
