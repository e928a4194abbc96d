"""One call as either end sees it: INVITE, ringing, 200, ACK, CANCEL, BYE. Signalling only; bodies are the caller's.

Source: RFC 3261 9, 12, 13, 15; dossier media.md 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from emulator.client.call_sip import Headers, Transactions
from emulator.client.network import Unexpected
from emulator.wire import sip
from emulator.wire.sip import Message

State = Literal["ringing", "up", "over"]
AUDIO: Headers = (("Ms-Conversation-ID", "f=0"),)
SDP: Headers = (("c", "application/sdp"),)


class Call:
    """A call. `on_over(reason)` is called once when it ends, whoever ends it; `answer` is the body of the 200.

    Not made directly: `invite` makes it for the caller, `Call.taken` for the one who is called.
    """

    def __init__(self, transactions: Transactions, request: Message, *, calling: bool) -> None:
        self._transactions = transactions
        self._invite = request
        self._calling = calling
        self._number = sip.sequence_of(request)[0]
        self._routes: Headers = ()
        self._target = request.start.split(" ")[1]
        self._tag = transactions.entropy(5).hex()
        self.id = request.need("Call-ID")
        self.local = request.need("From") if calling else f"{request.need('To').partition(';tag=')[0]};tag={self._tag}"
        self.remote = request.need("To") if calling else request.need("From")
        self.state: State = "ringing"
        self.offer = request.body
        self.answer = b""
        self.acknowledged = False
        self.on_over: Callable[[str], None] = lambda reason: None
        self.heard: list[str] = []  # statuses that came, or were given
        if not calling:
            contact = request.header("Contact")
            self._target = sip.uri(contact) if contact else self._target
            routes = [value for name, value in request.headers if name.lower() == "record-route"]
            self._routes = tuple(("Route", value) for value in routes)

    @classmethod
    def taken(cls, transactions: Transactions, request: Message) -> Call:
        """The call that an INVITE begins."""
        return cls(transactions, request, calling=False)

    # the one who is called

    def ring(self) -> None:
        """100 and 180."""
        self._say("100 Trying", "")
        self._say("180 Ringing", self._tag)

    def accept(self, contact: str, body: bytes) -> None:
        """200 with the description of our media."""
        if self.state == "ringing":
            self.state, self.answer = "up", body
            self._say("200 OK", self._tag, (("m", contact), *SDP), body)

    def refuse(self, status: str) -> None:
        """A final answer that is none (486, 603, …)."""
        if self.state == "ringing":
            self._say(status, self._tag)
            self._end(status)

    def request(self, request: Message) -> None:
        """BYE, CANCEL, INFO or INVITE again, inside this call."""
        method = sip.method_of(request)
        if method == "BYE" and self.state == "up":
            self._transactions.answer(request, "200 OK")
            self._end("BYE")
        elif method == "CANCEL":
            self._transactions.answer(request, "200 OK", tag=self._tag)
            self.refuse("487 Request Terminated")
        elif method == "INVITE" and self.state == "up":  # the route has settled (ICE): the same description again
            body = self.answer if not self._calling else self.offer
            self._transactions.answer(request, "200 OK", more=(("m", self.local_contact), *SDP), body=body)
        elif method in ("INFO", "OPTIONS") and self.state == "up":
            self._transactions.answer(request, "200 OK")
        else:
            self._transactions.answer(request, "481 Call/Transaction Does Not Exist", tag=self._tag)

    @property
    def local_contact(self) -> str:
        """Our Contact, as it was given with the INVITE or would be."""
        return (self._invite.header("Contact") if self._calling else "") or f"<{sip.uri(self.local)}>"

    # both

    async def hang_up(self) -> None:
        """BYE. Raises Unexpected when it is not accepted."""
        if self.state == "up":
            self._end("hung up")
            answer = await self._transactions.ask(self._within("BYE"))
            if sip.status_of(answer) != 200:
                raise Unexpected(f"BYE was answered {answer.start[:60]}", status=sip.status_of(answer))

    async def cancel(self) -> None:
        """CANCEL, before the call was taken: the INVITE is then answered 487."""
        if self.state != "ringing":
            return
        head = (("v", self._invite.need("Via")), ("Max-Forwards", "70"), ("f", self.local), ("t", self.remote))
        more = (("i", self.id), ("CSeq", f"{self._number} CANCEL"))
        target = self._invite.start.split(" ")[1]
        await self._transactions.ask(Message(f"CANCEL {target} SIP/2.0", (*head, *more)))

    def end(self, reason: str) -> None:
        """It is over without a word (the connection is)."""
        self._end(reason)

    def established(self, answer: Message) -> None:
        """Caller: the 200 came; ACK it."""
        self.remote, self.answer = answer.need("To"), answer.body
        if contact := answer.header("Contact"):
            self._target = sip.uri(contact)
        routes = [value for name, value in answer.headers if name.lower() == "record-route"]
        self._routes = tuple(("Route", value) for value in reversed(routes))
        self.state = "up"
        self._transactions.tell(self._within("ACK"))

    def failed(self, status: str) -> None:
        """Caller: a final answer that is none came."""
        self._end(status)

    def _within(self, method: str) -> Message:
        """A request inside the call; ACK keeps the number of the INVITE."""
        if method != "ACK":
            self._number += 1
        headers = (
            ("v", self._transactions.branch()),
            ("Max-Forwards", "70"),
            *self._routes,
            ("f", self.local),
            ("t", self.remote),
            ("i", self.id),
            ("CSeq", f"{self._number} {method}"),
        )
        return Message(f"{method} {self._target} SIP/2.0", headers)

    def _say(self, status: str, tag: str, more: Headers = (), body: bytes = b"") -> None:
        self.heard.append(status)
        self._transactions.answer(self._invite, status, tag=tag, more=more, body=body)

    def _end(self, reason: str) -> None:
        if self.state != "over":
            self.state = "over"
            self.on_over(reason)


async def invite(
    transactions: Transactions,
    *,
    caller: str,
    to: str,
    contact: str,
    body: bytes,
    call_id: str,
    agent: str = sip.AGENT,
    started: Callable[[Call], None] = lambda call: None,
) -> Call:
    """Call `to` (an account or a whole URI) and wait until it is taken. `caller` is the From without its tag.

    `started` gets the call at once, to cancel it. Raises Unexpected with `status` when it is refused (486, 487, 603…).
    """
    uri = to if to.lower().startswith("sip") else f"sip:{to}"
    tag, epid = transactions.entropy(5).hex(), transactions.entropy(5).hex()
    headers = (
        ("v", transactions.branch()),
        ("Max-Forwards", "70"),
        ("f", f"{caller};tag={tag};epid={epid}"),
        ("t", f"<{uri}>"),
        ("i", call_id),
        ("CSeq", "1 INVITE"),
        ("m", contact),
        ("User-Agent", agent),
        *AUDIO,
        *SDP,
    )
    request = Message(f"INVITE {uri} SIP/2.0", headers, body)
    call = Call(transactions, request, calling=True)
    started(call)
    answer = await transactions.ask(request, lambda said: call.heard.append(said.start[8:]))
    call.heard.append(answer.start[8:])
    if sip.status_of(answer) // 100 != 2:
        call.failed(answer.start[8:])
        raise Unexpected(f"the call was answered {answer.start[8:68]}", status=sip.status_of(answer))
    call.established(answer)
    return call
