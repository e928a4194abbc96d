"""Name server for the catalog's names over UDP and TCP, on twisted.names.

Not a resolver: it knows nothing but its zone; questions about other names may be passed on (`dns_forward`).
Limits: one plain question per message, names of 255 bytes, 100 TCP connections, 30 s of idle time, 500 UDP answers per
second and source, 4,096 sources per second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any, cast

from twisted.internet import error, interfaces
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.names import dns, server
from twisted.protocols import policies
from twisted.python.failure import Failure

from emulator.derive.zone import Zone
from emulator.services.dns_forward import Forwarder
from emulator.wire.receipt import Endpoint

TTL = 60  # seconds; short, so that a client notices when the lab is gone
CONNECTIONS = 100
IDLE = 30.0  # seconds
RATE = 500  # UDP answers per second and source
SOURCES = 4096  # sources counted per second
HEADER = 12  # bytes
QUESTION_TAIL = 4  # bytes of type and class
NAME_LIMIT = 255  # bytes on the wire, RFC 1035 2.3.4
AXFR, IXFR = 252, 251

OnQuery = Callable[[str, str, Endpoint], None]


CHOICES = 8  # ports that the system may choose until one is free for TCP as well


def listen(
    reactor: Any,
    zone: Zone,
    interface: str,
    port: int,
    *,
    on_query: OnQuery | None = None,
    networks: Sequence[IPv4Network] = (),
    forwarder: Forwarder | None = None,
) -> list[interfaces.IListeningPort]:
    """Serve `zone` on UDP and TCP at one address; returns the two listening ports, UDP first.

    `on_query(name, type, peer)` hears of every question, in the case in which it was asked. `networks`: sources that
    get an answer over UDP (empty: all), and to whom `forwarder` passes on questions about other names (empty: nobody).
    `port` 0 lets the system choose one that is free for UDP; TCP gets the same.
    Raises CannotListenError; a UDP port that was open already closes with the reactor's next turn.
    """
    factory = NameServer(reactor, zone, on_query, tuple(networks), forwarder)
    for tries_left in reversed(range(CHOICES)):
        datagrams = _Datagrams(factory, reactor)
        udp = reactor.listenUDP(port, datagrams, interface=interface, maxPacketSize=4096)
        try:
            return [udp, reactor.listenTCP(udp.getHost().port, factory, interface=interface)]
        except error.CannotListenError:
            udp.stopListening()
            if port or not tries_left:
                raise
    raise AssertionError("unreachable")


class NameServer(server.DNSServerFactory):
    """Answers one question at a time from a zone. BindAuthority of twisted.names knows no wildcards at any depth."""

    noisy = False

    def __init__(
        self,
        reactor: Any,
        zone: Zone,
        on_query: OnQuery | None = None,
        networks: tuple[IPv4Network, ...] = (),
        forwarder: Forwarder | None = None,
    ) -> None:
        super().__init__(authorities=[], clients=[])
        self.reactor = reactor
        self.networks = networks
        self._zone = zone
        self._on_query = on_query
        self._forwarder = forwarder

    def forwarded(self, question: bytes, source: str, *, stream: bool) -> Deferred[bytes] | None:
        """The answer to come from elsewhere, or None for what is answered here."""
        if self._forwarder is None or not any(IPv4Address(source) in network for network in self.networks):
            return None
        message = dns.Message()
        message.fromStr(question)
        query = message.queries[0]
        if message.opCode != dns.OP_QUERY or query.cls != dns.IN or query.type in (AXFR, IXFR):
            return None
        if self._zone.address(query.name.name.decode("ascii", "replace")) is not None:
            return None
        return Deferred.fromCoroutine(self._forwarder.ask(question, stream=stream))

    def buildProtocol(self, addr: Any) -> _Stream | None:
        return None if len(self.connections) >= CONNECTIONS else _Stream(self, self.reactor)

    def messageReceived(self, message: dns.Message, proto: Any, address: tuple[str, int] | None = None) -> None:
        """One message with one question, already checked by `plain_question`."""
        peer = address or (proto.transport.getPeer().host, proto.transport.getPeer().port)
        query = message.queries[0]
        if self._on_query is not None:
            kind = dns.QUERY_TYPES.get(query.type) or dns.EXT_QUERIES.get(query.type) or f"TYPE{query.type}"
            self._on_query(query.name.name.decode("ascii", "backslashreplace"), kind, Endpoint(*peer[:2]))
        code, answers, authority = self.answer(message.opCode, query)
        reply = self._responseFromMessage(message, rCode=code, answers=answers, authority=authority)
        reply.opCode, reply.recDes = message.opCode, message.recDes
        reply.auth = code in (dns.OK, dns.ENAME)  # the zone is ours, so "no" is authoritative too
        if address is None:
            proto.writeMessage(reply)
        else:
            proto.writeMessage(reply, address)

    def answer(self, opcode: int, query: dns.Query) -> tuple[int, list[dns.RRHeader], list[dns.RRHeader]]:
        """Response code, answers, authority. Negative answers carry the SOA that says how long they hold (RFC 2308)."""
        if opcode != dns.OP_QUERY:
            return dns.ENOTIMP, [], []
        if query.cls not in (dns.IN, dns.ANY) or query.type in (AXFR, IXFR):
            return dns.EREFUSED, [], []
        asked = query.name.name
        name = asked.decode("ascii", "replace")
        address = self._zone.address(name)
        if address is not None and query.type in (dns.A, dns.ALL_RECORDS):
            record = dns.Record_A(address, TTL)
            return dns.OK, [dns.RRHeader(asked, dns.A, dns.IN, TTL, record, auth=True)], []
        soa = self._soa(name)
        return (dns.OK if self._zone.exists(name) else dns.ENAME), [], [soa]

    def _soa(self, name: str) -> dns.RRHeader:
        apex = self._zone.apex(name)
        record = dns.Record_SOA(
            mname=b"ns." + apex.encode("ascii", "replace"),
            rname=b"hostmaster.messenger-lab.invalid",
            serial=1,
            refresh=TTL,
            retry=TTL,
            expire=TTL,
            minimum=TTL,
            ttl=TTL,
        )
        return dns.RRHeader(apex.encode("ascii", "replace"), dns.SOA, dns.IN, TTL, record, auth=True)


class _Datagrams(dns.DNSDatagramProtocol):
    noisy = False

    def __init__(self, factory: NameServer, reactor: Any) -> None:
        super().__init__(factory, reactor)
        self._server = factory
        self._second = -1
        self._counts: dict[str, int] = {}

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._may_answer(addr[0]):
            return
        question = plain_question(data)
        if question is not None:
            answer = self._server.forwarded(question, addr[0], stream=False)
            if answer is None:
                super().datagramReceived(question, addr)
            else:
                answer.addCallback(self._write, addr)
        elif (complaint := format_error(data)) is not None:
            self.transport.write(complaint, addr)

    def _write(self, answer: bytes, addr: tuple[str, int]) -> None:
        if self.transport is not None:  # the server may have been stopped meanwhile
            self.transport.write(answer, addr)

    def _may_answer(self, source: str) -> bool:
        """A forged source would turn answers against its owner: so only known networks, and not without end."""
        networks = self._server.networks
        if networks and not any(IPv4Address(source) in network for network in networks):
            return False
        second = int(self._reactor.seconds())
        if second != self._second:
            self._second, self._counts = second, {}
        if source not in self._counts and len(self._counts) >= SOURCES:
            return False
        self._counts[source] = self._counts.get(source, 0) + 1
        return self._counts[source] <= RATE


class _Stream(dns.DNSProtocol, policies.TimeoutMixin):
    def connectionMade(self) -> None:
        super().connectionMade()
        self.setTimeout(IDLE)

    def callLater(self, period: float, func: Callable[..., Any], *args: Any) -> Any:
        return self._reactor.callLater(period, func, *args)

    def _send(self, answer: bytes) -> None:
        if self.connected:
            self.sendString(answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)
        super().connectionLost(reason)

    def stringReceived(self, data: bytes) -> None:
        self.resetTimeout()
        question = plain_question(data)
        if question is not None:
            peer = cast(Any, self.transport).getPeer().host
            answer = cast(NameServer, self.controller).forwarded(question, peer, stream=True)
            if answer is None:
                super().stringReceived(question)
            else:
                answer.addCallback(self._send)
        elif (complaint := format_error(data)) is not None:
            self.sendString(complaint)
        else:
            cast(Any, self.transport).loseConnection()


def plain_question(data: bytes) -> bytes | None:
    """The message cut down to its header and its one question, or None when it is not a plain query.

    Records behind the question (EDNS options, say) are cut off unread: the decoder of twisted.names then sees no byte
    that a stranger could play with, and an answer without OPT says that there is no EDNS here (RFC 6891, 7).
    """
    if len(data) < HEADER or data[2] & 0x80 or data[4:6] != b"\0\1":
        return None
    at = HEADER
    while at < len(data) and data[at]:
        length = data[at]
        if length > 63 or b"." in data[at + 1 : at + 1 + length]:
            return None  # compressed, or a label that no text form can tell from two
        at += 1 + length
    end = at + 1 + QUESTION_TAIL
    if end > len(data) or at + 1 - HEADER > NAME_LIMIT:
        return None
    return data[:6] + bytes(6) + data[HEADER:end]


def format_error(data: bytes) -> bytes | None:
    """FORMERR for a query that is not plain: its header alone, so never longer than the question. None: stay silent."""
    if len(data) < HEADER or data[2] & 0x80:
        return None  # an answer, or no message at all: answering would start a loop
    return data[:2] + bytes([0x80 | (data[2] & 0x79), dns.EFORMAT]) + bytes(8)
