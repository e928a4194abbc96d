"""SIP transactions over one connection or one peer of a UDP socket: requests and their answers, repeated where lost.

Not calls (`call_dialog`), and no routing. Source: RFC 3261 17, 18; RFC 3581; dossier media.md 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.wire import sip
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.sip import Message

T1, T2 = 0.5, 4.0  # seconds (RFC 3261 17.1.1.1)
GIVE_UP = 64 * T1  # seconds without a final answer
REMEMBERED = 64  # requests whose answer is kept for when they are repeated
PENDING = 256  # own requests at once
Headers = tuple[tuple[str, str], ...]
Provisional = Callable[[Message], None]


class Asking:
    """One request of our own, under way."""

    def __init__(self, message: Message, provisional: Provisional) -> None:
        self.message = message
        self.provisional = provisional
        self.answered: Deferred[Message] = Deferred()
        self.timers: list[Any] = []


class Transactions:
    """Requests both ways. `send` puts bytes on the wire, `via` is transport and address (`TLS 192.0.2.10:50390`).

    `reliable` False: a datagram may be lost, so requests are repeated, and final answers to INVITE until their ACK.
    `on_request(message)` gets every new request but ACK, `on_ack` those. `observed`: where requests come from.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        via: str,
        observed: Endpoint,
        call_later: Callable[..., Any],
        entropy: Callable[[int], bytes],
        reliable: bool = True,
    ) -> None:
        self._send = send
        self._call_later = call_later
        self._reliable = reliable
        self._asking: dict[tuple[str, int, str], Asking] = {}
        self._answers: dict[tuple[str, str, int, str], bytes] = {}
        self._told: dict[tuple[str, int], Message] = {}
        self._again: dict[tuple[str, int], Any] = {}
        self.via = via
        self.observed = observed
        self.entropy = entropy
        self.over: ClientError | None = None
        self.on_request: Callable[[Message], None] = lambda request: None
        self.on_ack: Callable[[Message], None] = lambda request: None

    def tell(self, message: Message) -> None:
        """Send a request that has no answer (ACK), as it stands; again for every final answer that comes again."""
        if self.over is None:
            self._told[(message.need("Call-ID"), sip.sequence_of(message)[0])] = message
            while len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
            self._send(sip.encode(message))

    def branch(self) -> str:
        """A new Via."""
        return f"SIP/2.0/{self.via};branch=z9hG4bK{self.entropy(8).hex()};rport"

    def ask(self, message: Message, provisional: Provisional = lambda answer: None) -> Deferred[Message]:
        """Send a request; its final answer. Raises Unexpected (no answer in 32 s), StreamEnded."""
        asking = Asking(message, provisional)
        if self.over is not None or len(self._asking) >= PENDING:
            asking.answered.errback(self.over or ClientError(f"{PENDING} requests wait for an answer"))
            return asking.answered
        key = (message.need("Call-ID"), *sip.sequence_of(message))
        self._asking[key] = asking
        asking.timers.append(self._call_later(GIVE_UP, self._unanswered, key))
        self._repeat(asking, T1)
        return asking.answered

    def answer(self, request: Message, status: str, *, tag: str = "", more: Headers = (), body: bytes = b"") -> None:
        """Answer a request; the final answer is given again when the request comes again."""
        if self.over is not None:
            return
        data = sip.encode(sip.reply(request, status, self.observed, tag=tag, more=more, body=body))
        self._answers[_key(request)] = data
        while len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._send(data)
        number, method = sip.sequence_of(request)
        if method == "INVITE" and not self._reliable and not status.startswith("1"):
            self._insist((request.need("Call-ID"), number), data, T1, GIVE_UP)

    def take(self, message: Message) -> None:
        """Something came. Raises WireError for what is no SIP that can be answered."""
        method = sip.method_of(message)
        number, named = sip.sequence_of(message)
        if not method:
            self._answered((message.need("Call-ID"), number, named), message)
            return
        if method != named:
            raise WireError(f"{method} with CSeq {named}")
        for name in ("Via", "From", "To", "Call-ID"):
            message.need(name)
        if method == "ACK":
            timer = self._again.pop((message.need("Call-ID"), number), None)
            if timer is not None and timer.active():
                timer.cancel()
            self.on_ack(message)
        elif (known := self._answers.get(_key(message))) is not None:
            self._send(known)
        else:
            self.on_request(message)

    def end(self, error: ClientError) -> None:
        """The connection is over."""
        if self.over is None:
            self.over = error
            asking, self._asking = self._asking, {}
            for one in asking.values():
                _cancel(one.timers)
                one.answered.errback(error)
            _cancel(list(self._again.values()))
            self._again.clear()

    def _answered(self, key: tuple[str, int, str], message: Message) -> None:
        asking = self._asking.get(key)
        status = sip.status_of(message)
        if asking is None:
            told = self._told.get(key[:2])
            if told is not None and key[2] == "INVITE" and status >= 200:
                self._send(sip.encode(told))
            return
        if status < 200:
            _cancel(asking.timers[1:])  # an INVITE that rings is not repeated (17.1.1.2)
            asking.provisional(message)
            return
        del self._asking[key]
        _cancel(asking.timers)
        if key[2] == "INVITE" and status >= 300:
            self.tell(acknowledgement(asking.message, message))
        asking.answered.callback(message)

    def _repeat(self, asking: Asking, wait: float) -> None:
        self._send(sip.encode(asking.message))
        if not self._reliable:
            del asking.timers[1:]
            following = min(2 * wait, T2) if sip.sequence_of(asking.message)[1] != "INVITE" else 2 * wait
            asking.timers.append(self._call_later(wait, self._repeat, asking, following))

    def _insist(self, key: tuple[str, int], data: bytes, wait: float, left: float) -> None:
        def again() -> None:
            self._send(data)
            self._insist(key, data, min(2 * wait, T2), left - wait)

        if left > 0:
            self._again[key] = self._call_later(wait, again)
        else:
            self._again.pop(key, None)

    def _unanswered(self, key: tuple[str, int, str]) -> None:
        asking = self._asking.pop(key)
        _cancel(asking.timers)
        asking.answered.errback(Unexpected(f"{key[2]} was not answered in {GIVE_UP:g} s"))


def acknowledgement(invite: Message, answer: Message) -> Message:
    """The ACK of a refusal: same Via and number as the INVITE (17.1.1.3)."""
    target = invite.start.split(" ")[1]
    number, _ = sip.sequence_of(invite)
    headers = (
        ("v", invite.need("Via")),
        ("Max-Forwards", "70"),
        ("f", invite.need("From")),
        ("t", answer.need("To")),
        ("i", invite.need("Call-ID")),
        ("CSeq", f"{number} ACK"),
    )
    return Message(f"ACK {target} SIP/2.0", headers)


def ended(reason: str) -> StreamEnded:
    """Why transactions end when their connection does."""
    return StreamEnded(reason)


def _key(request: Message) -> tuple[str, str, int, str]:
    return request.need("Via"), request.need("Call-ID"), *sip.sequence_of(request)


def _cancel(timers: list[Any]) -> None:
    for timer in timers:
        if timer.active():
            timer.cancel()
