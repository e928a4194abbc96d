"""What answers calls at the far end: registrar, voice contacts, telephone numbers (Windows Live Call, emulated).

Calls between two clients go another way (`phone_exchange`). Source: dossier media.md 4.1, 4.4, 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from emulator.client import call_stream
from emulator.client.call_dialog import Call
from emulator.client.call_line import Line
from emulator.client.call_ports import Receive
from emulator.client.call_relay import Credentials, allocated
from emulator.client.call_sip import Transactions, ended
from emulator.client.network import ClientError
from emulator.net.datagrams import BoundDatagrams
from emulator.services.journal import Journal
from emulator.services.phone_exchange import Exchange
from emulator.services.phone_witness import Written
from emulator.services.registrar import Guard, Headers, People, Registrar, asked_for
from emulator.wire import sdp, sip, tags
from emulator.wire.context import ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import number
from emulator.wire.receipt import Endpoint
from emulator.wire.sip import Message
from emulator.wire.talk import Exactly, Peek, Sighting, Talk

LINES = 512  # at once, one a call and two a call with pictures; who calls then is answered 486
CALLS_OF_ONE = 16  # on one connection
LENGTH = 600.0  # seconds of a call, then this end hangs up
LOW, HIGH = 30000, 65524  # UDP: what all documented ranges for media have in common
TRIES = 64  # ports that may be taken by others
REQUESTS = 4096  # on one connection
ALLOW = "REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, INFO"
KINDS = {"audio": call_stream.AUDIO, "video": call_stream.VIDEO}
PLAYED = re.compile(r"voice[^@]*@.+|\+?[0-9]{3,20}(@.*)?")


class Phone:
    """All calls of one emulator. `address` is where media live; `people` are those who may register.

    `relay` gives credentials for callers who are met at the relay; None where there is none.
    """

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        address: str,
        *,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        people: People = People(),
        relay: Callable[[], Credentials] | None = None,
    ) -> None:
        self.reactor = reactor
        self.now = now
        self.entropy = entropy
        self.address = address
        self.people = people
        self.registrar: Registrar[Desk] = Registrar(reactor.seconds)
        self.exchange = Exchange(
            self.registrar, people, plays=lambda to: PLAYED.fullmatch(to) is not None, seconds=reactor.seconds
        )
        self._journal = journal
        self._relay = relay
        self.lines: set[Line] = set()
        self._closers: set[Callable[[], None]] = set()

    def stream(self, context: ServerContext) -> Talk[None]:
        """The far end of a connection that begins with a SIP request; at most 4096 messages."""
        desk = Desk(self, context.push, "TLS" if context.secure else "TCP", context.local, context.observed)
        sighted = ""
        try:
            for _ in range(REQUESTS):
                while (ahead := (yield Peek(2)))[:2] == b"\r\n":
                    yield Exactly(2)  # keep-alive; the connection's idle time limits their number
                if not ahead:
                    return
                message = yield from sip.read()
                tag = tags.from_hex(message.need("Call-ID"))
                if tag and tag != sighted:
                    sighted = tag
                    words = message.start.split(" ")
                    facts = {"method": words[0], "uri": words[1], "agent": message.header("User-Agent")}
                    yield Sighting("sip", tag, facts)
                desk.take(message)
            raise WireError(f"more than {REQUESTS} SIP messages on one connection")
        finally:
            desk.end("the connection is over")

    def line(self, kind: call_stream.Kind) -> Line:
        """Two ports for a stream of a new call. Raises OSError when none can be had."""
        written = Written(self._journal, self.address)
        line = Line(
            self.reactor, self._pair, now=self.now, entropy=self.entropy, kind=kind, answering=True, witness=written
        )
        written.line = line
        self.lines.add(line)
        return line

    async def at_relay(self, line: Line) -> None:
        """Two ports at the relay for a caller who has some there too. Raises ClientError, OSError."""
        if self._relay is not None:
            line.relay(await allocated(self._relay(), line, self._any, self.reactor.callLater, self.entropy))

    def hang(self, line: Line) -> None:
        """The call is over: say so to the journal, and close its ports."""
        line.close()
        self.lines.discard(line)

    def at_close(self, closer: Callable[[], None]) -> Callable[[], None]:
        """Call this when the emulator stops; the answer takes it back."""
        self._closers.add(closer)
        return lambda: self._closers.discard(closer)

    def close(self) -> None:
        """End all calls and listeners."""
        for closer in tuple(self._closers):
            closer()
        for line in tuple(self.lines):
            self.hang(line)

    def _any(self, receive: Receive) -> BoundDatagrams:
        return BoundDatagrams(self.reactor, self.address, 0, receive)

    def _pair(self, rtp: Receive, rtcp: Receive) -> tuple[BoundDatagrams, BoundDatagrams]:
        for _ in range(TRIES):
            port = LOW + 2 * (number(self.entropy(8), "port") % ((HIGH - LOW) // 2))
            try:
                first = BoundDatagrams(self.reactor, self.address, port, rtp)
            except OSError:
                continue
            try:
                return first, BoundDatagrams(self.reactor, self.address, port + 1, rtcp)
            except OSError:
                first.close()
        raise OSError(f"no two ports free in {TRIES} tries")


class Desk:
    """One peer's signalling: its transactions and calls. `send` puts bytes on its connection."""

    def __init__(
        self, phone: Phone, send: Callable[[bytes], None], transport: str, local: Endpoint, observed: Endpoint
    ) -> None:
        self._phone = phone
        self._send = send
        self.local = local
        self.observed = observed
        self.anybody = transport == "UDP"  # the listener is one contact's: whatever is called, it answers
        self.transport = transport
        self._guard = Guard(phone.people, phone.entropy)
        self._calls: dict[str, tuple[Call, tuple[Line, ...]]] = {}
        self._limits: dict[str, Any] = {}
        self._transactions = Transactions(
            send,
            via=f"{transport} {local.address}:{local.port}",
            observed=observed,
            call_later=phone.reactor.callLater,
            entropy=phone.entropy,
            reliable=transport != "UDP",
        )
        self._transactions.on_request = self._requested
        self._transactions.on_ack = self._acknowledged
        self.on_idle: Callable[[], None] = lambda: None

    @property
    def lines(self) -> tuple[Line, ...]:
        """Media of the calls that go on."""
        return tuple(line for _, lines in self._calls.values() for line in lines)

    def take(self, message: Message) -> None:
        """A message came. Raises WireError for what is no SIP."""
        if self.anybody or not self._phone.exchange.passes(self, message):
            self._transactions.take(message)

    def send(self, message: Message) -> None:
        """Put a message of somebody else's on the connection."""
        self._send(sip.encode(message))

    def answer(self, request: Message, status: str, more: Headers = ()) -> None:
        """Answer a request of this peer that belongs to no call of ours."""
        self._transactions.answer(request, status, tag=sip.TO_TAG, more=more)

    def end(self, reason: str) -> None:
        """The connection is over, and with it all its calls."""
        self._phone.registrar.forget(self)
        self._phone.exchange.gone(self)
        self._transactions.end(ended(reason))
        for call, _ in tuple(self._calls.values()):
            call.end(reason)

    def _requested(self, request: Message) -> None:
        method = sip.method_of(request)
        known = self._calls.get(request.need("Call-ID"))
        if method == "REGISTER":
            self._registered(request)
        elif known is not None:
            known[0].request(request)
        elif method == "OPTIONS":
            self.answer(request, "200 OK", (("Allow", ALLOW),))
        elif method == "INVITE":
            self._invited(request)
        elif method in ("BYE", "CANCEL", "INFO"):
            self.answer(request, "481 Call/Transaction Does Not Exist")
        else:
            self.answer(request, "405 Method Not Allowed", (("Allow", ALLOW),))

    def _registered(self, request: Message) -> None:
        challenges = self._guard.refusal(request)
        if challenges is not None:
            self.answer(request, "401 Unauthorized", challenges)
            return
        seconds = asked_for(request)
        if not self._phone.registrar.register(sip.address(request.need("To")), self, seconds):
            self.answer(request, "503 Service Unavailable")
            return
        contact = request.need("Contact").partition(">")[0] + f">;expires={seconds}"
        self.answer(request, "200 OK", (("m", contact), ("Expires", str(seconds))))

    def _invited(self, request: Message) -> None:
        to = sip.address(request.start.split(" ")[1]) or sip.address(request.need("To"))
        if not self.anybody and not PLAYED.fullmatch(to):
            self.answer(request, "480 Temporarily Unavailable")
            return
        if len(self._calls) >= CALLS_OF_ONE or len(self._phone.lines) >= LINES:
            self.answer(request, "486 Busy Here")
            return
        call = Call.taken(self._transactions, request)
        call.ring()
        lines: list[Line] = []
        try:
            offer = sdp.decode(request.body)
            codecs = {"audio": sdp.common(offer.audio)}
            picture = offer.line("video")
            if picture is not None and set(picture.formats) & set(sdp.PICTURE):
                codecs["video"] = sdp.common(picture, sdp.PICTURE)
            for name, codec in codecs.items():
                lines.append(self._phone.line(KINDS[name]))
                lines[-1].out.codec(int(codec))
        except (WireError, OSError) as problem:
            for line in lines:
                self._phone.hang(line)
            call.refuse("488 Not Acceptable Here" if isinstance(problem, WireError) else "500 Server Internal Error")
            return
        self._calls[call.id] = (call, tuple(lines))
        call.on_over = lambda reason: self._over(call, lines)
        self._limits[call.id] = self._phone.reactor.callLater(LENGTH, self._too_long, call)
        if offer.audio.candidate(1, relayed=True) is None:
            self._take(call, offer, lines, codecs)
        else:
            met = Deferred.fromCoroutine(self._phone.at_relay(lines[0]))
            met.addErrback(lambda failure: failure.trap(ClientError, OSError))  # then without
            met.addCallback(lambda _: self._take(call, offer, lines, codecs))

    def _take(self, call: Call, offer: sdp.Session, lines: list[Line], codecs: dict[str, str]) -> None:
        """Everything is open: describe it, and take the call, if it rings still."""
        if call.state != "ringing":
            return
        taken = []
        for line, (name, codec) in zip(lines, codecs.items(), strict=True):
            theirs = offer.line(name)
            assert theirs is not None
            taken.append(line.description(self._phone.address, codec, checks=bool(theirs.candidates)))
            line.connect(theirs, self.observed.address, send=False)
        contact = f"<sip:{self.local.address}:{self.local.port};transport={self.transport.lower()}>"
        call.accept(contact, sdp.encode(sdp.answer(offer, *taken)))

    def _acknowledged(self, request: Message) -> None:
        """The caller has our description: where no checks are made, media begin now."""
        call, lines = self._calls.get(request.need("Call-ID"), (None, ()))
        if call is not None and not call.acknowledged:
            call.acknowledged = True
            for line in lines:
                if line.peers[0] is not None:
                    line.start()

    def _too_long(self, call: Call) -> None:
        Deferred.fromCoroutine(call.hang_up()).addErrback(lambda failure: None)

    def _over(self, call: Call, lines: list[Line]) -> None:
        self._calls.pop(call.id, None)
        limit = self._limits.pop(call.id, None)
        if limit is not None and limit.active():
            limit.cancel()
        for line in lines:
            self._phone.hang(line)
        if not self._calls:
            self.on_idle()
