"""Passes calls between two registered clients: INVITE, answers, ACK, BYE, CANCEL. Bodies and media are theirs.

A stateless proxy with Record-Route, but that it knows which two connections a call joins. Not who is registered
(`registrar`), and no calls of its own (`phone`). Source: RFC 3261 16, 16.11; media.md 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol

import msgspec

from emulator.services.registrar import Headers, People, Registrar
from emulator.wire import sip
from emulator.wire.receipt import Endpoint
from emulator.wire.sip import Message

CALLS = 1024  # between clients at once
GONE = 32.0  # seconds for which a call that is over is still known: its last ACK, answers that come again
FORWARDS = 70
MAGIC = "z9hG4bK"


class Party(Protocol):
    """A client's connection, as the exchange sees it."""

    observed: Endpoint
    local: Endpoint
    transport: str

    def send(self, message: Message) -> None:
        """Put a message on the connection."""

    def answer(self, request: Message, status: str) -> None:
        """Answer a request of this client."""


class Joined(msgspec.Struct):
    """One call: who calls, who is called, the INVITE as it came and as it was passed on."""

    caller: Any
    callee: Any
    invite: Message
    passed: Message
    answer: Message | None = None  # the one that took it
    answered: bool = False
    numbers: list[int] = []  # of the caller's and of the callee's latest request
    over: float = 0.0  # when it was, 0: not yet


class Exchange:
    """All calls between clients. `plays(account)`: somebody of the emulator's own answers there."""

    def __init__(
        self,
        registrar: Registrar[Any],
        people: People,
        *,
        plays: Callable[[str], bool],
        seconds: Callable[[], float],
    ) -> None:
        self._registrar = registrar
        self._people = people
        self._plays = plays
        self._seconds = seconds
        self._calls: dict[str, Joined] = {}

    def passes(self, party: Party, message: Message) -> bool:
        """Take what belongs to a call between clients; False for everything else. Raises WireError."""
        method, (_, named) = sip.method_of(message), sip.sequence_of(message)
        call = self._calls.get(message.need("Call-ID"))
        if call is not None and party in (call.caller, call.callee):
            other = call.callee if party is call.caller else call.caller
            if method:
                side = int(party is call.callee)
                call.numbers[side] = max(call.numbers[side], sip.sequence_of(message)[0])
                self._pass(message, party, other)
            else:
                self._answered(call, message, named, other)
            return True
        return call is None and method == "INVITE" and self._begins(party, message)

    def gone(self, party: Party) -> None:
        """A connection is over: what it let ring rings no more, who rang it hears that it is not there.

        Whoever spoke with it gets a BYE: it would wait for media that do not come any more.
        """
        for call in [one for one in self._calls.values() if party in (one.caller, one.callee)]:
            if not call.answered and not call.over:
                if party is call.callee:
                    call.caller.answer(call.invite, "480 Temporarily Unavailable")
                else:
                    call.callee.send(_cancel(call.passed))
            elif call.answer is not None and not call.over:
                other = call.caller if party is call.callee else call.callee
                other.send(_bye(call, call.answer, called=party is call.callee))
        self._calls = {id: one for id, one in self._calls.items() if party not in (one.caller, one.callee)}

    def _begins(self, party: Party, message: Message) -> bool:
        to = sip.address(message.start.split(" ")[1]) or sip.address(message.need("To"))
        callee = self._registrar.find(to)
        if self._plays(to) or callee is None or "tag" in sip.parameters(message.need("To")):
            return False
        caller = sip.address(message.need("From"))
        if self._registrar.find(caller) is not party:
            party.answer(message, "403 Forbidden")  # whoever calls somebody says who it is
            return True
        if not self._people.admits(to, caller):
            party.answer(message, "480 Temporarily Unavailable")
            return True
        now = self._seconds()
        self._calls = {id: one for id, one in self._calls.items() if not one.over or now - one.over < GONE}
        if len(self._calls) >= CALLS:
            party.answer(message, "486 Busy Here")
            return True
        passed = self._pass(message, party, callee)
        if passed is not None:
            self._calls[message.need("Call-ID")] = Joined(
                party, callee, message, passed, numbers=[sip.sequence_of(message)[0], 0]
            )
        return True

    def _pass(self, message: Message, party: Party, other: Party) -> Message | None:
        left = message.header("Max-Forwards") or str(FORWARDS)
        if not left.isdigit() or int(left[:4]) == 0:
            if sip.method_of(message) != "ACK":
                party.answer(message, "483 Too Many Hops")
            return None
        passed = _onward(message, party, other, min(int(left[:4]), FORWARDS) - 1)
        other.send(passed)
        return passed

    def _answered(self, call: Joined, message: Message, named: str, other: Party) -> None:
        vias = [at for at, (name, _) in enumerate(message.headers) if name.lower() in ("v", "via")]
        if len(vias) < 2:
            return  # an answer to something that was never passed on
        status = sip.status_of(message)
        if status >= 200 and named == "INVITE":
            call.answered = True
            if status < 300:
                call.answer = message
        if status >= 200 and (named == "BYE" or (named == "INVITE" and status >= 300)):
            call.over = call.over or self._seconds()
        kept = tuple(header for at, header in enumerate(message.headers) if at != vias[0])
        other.send(Message(message.start, _without_length(kept), message.body))


def _onward(message: Message, party: Party, other: Party, forwards: int) -> Message:
    """The request as the other one gets it: our Via above all others, our Record-Route, no Route that names us."""
    top = next(value for name, value in message.headers if name.lower() in ("v", "via"))
    compact = any(name.lower() == "v" for name, _ in message.headers)
    branch = sha256(f"{sip.parameters(top).get('branch', top)} {message.need('Call-ID')}".encode()).hexdigest()[:24]
    headers = [("v" if compact else "Via", f"SIP/2.0/{other.transport} {_where(other.local)};branch={MAGIC}{branch}")]
    stamped = False
    for name, value in _without_length(message.headers):
        match name.lower():
            case "via" | "v" if not stamped:
                headers.append((name, sip.stamped(value, party.observed)))
                stamped = True
            case "route" if sip.uri(value).partition(";")[0] in (f"sip:{_where(one.local)}" for one in (party, other)):
                continue
            case "max-forwards":
                continue
            case _:
                headers.append((name, value))
    headers.insert(1, ("Max-Forwards", str(forwards)))
    if sip.method_of(message) == "INVITE":
        headers.insert(2, ("Record-Route", f"<sip:{_where(other.local)};transport={other.transport.lower()};lr>"))
    return Message(message.start, tuple(headers), message.body)


def _cancel(invite: Message) -> Message:
    """The CANCEL of an INVITE that was passed on: same Via, same number (RFC 3261 9.1)."""
    number, _ = sip.sequence_of(invite)
    top = next(header for header in invite.headers if header[0].lower() in ("v", "via"))
    kept = [header for header in invite.headers if header[0].lower() in ("f", "from", "t", "to", "i", "call-id")]
    uri = invite.start.split(" ")[1]
    headers = (top, ("Max-Forwards", str(FORWARDS)), *kept, ("CSeq", f"{number} CANCEL"))
    return Message(f"CANCEL {uri} SIP/2.0", headers)


def _bye(call: Joined, answer: Message, *, called: bool) -> Message:
    """The BYE of one whose connection is over, `called` or caller, for the other (RFC 3261 15.1.1)."""
    caller, callee = call.invite.need("From"), answer.need("To")
    near, far = (callee, caller) if called else (caller, callee)
    to = call.caller if called else call.callee
    contact = (call.invite if called else answer).header("Contact")
    branch = sha256(f"BYE {near} {call.invite.need('Call-ID')}".encode()).hexdigest()[:24]
    headers = (
        ("v", f"SIP/2.0/{to.transport} {_where(to.local)};branch={MAGIC}{branch}"),
        ("Max-Forwards", str(FORWARDS)),
        ("f", near),
        ("t", far),
        ("i", call.invite.need("Call-ID")),
        ("CSeq", f"{call.numbers[int(called)] + 1} BYE"),
    )
    return Message(f"BYE {sip.uri(contact or far)} SIP/2.0", headers)


def _without_length(headers: Headers) -> Headers:
    return tuple(header for header in headers if header[0].lower() not in ("l", "content-length"))


def _where(local: Endpoint) -> str:
    return f"{local.address}:{local.port}"
