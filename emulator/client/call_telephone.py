"""A client's end of the call service: one stream, REGISTER with the ticket, calls made and taken, keep-alives.

Not media (`call_line`), and no window that rings. Source: dossier media.md 4.1, 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from emulator.client import call_dialog
from emulator.client.call_dialog import Call
from emulator.client.call_sip import Transactions, ended
from emulator.client.network import ClientError, Stream, StreamEnded, Unexpected
from emulator.wire import sip, sip_digest
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.sip import Message
from emulator.wire.talk import Conversation, Talk

KEEP_ALIVE = 10.0  # seconds between two CRLFCRLF; the genuine client's lie between 5 and 20
EPID = 5  # bytes


class Telephone:
    """One account on one connection to the call service. `local` is this end's address as it sees itself.

    `on_call(call)` gets calls of others, which ring until they are accepted or refused. Time limits are the caller's.
    """

    def __init__(
        self,
        stream: Stream,
        account: str,
        local: Endpoint,
        *,
        call_later: Callable[..., Any],
        entropy: Callable[[int], bytes],
        agent: str = sip.AGENT,
    ) -> None:
        self.account = account
        self.agent = agent
        self.local = local
        self.mapped: Endpoint | None = None
        self._stream = stream
        self._call_later = call_later
        self._calls: dict[str, Call] = {}
        self._tag, self._epid = entropy(EPID).hex(), entropy(EPID).hex()
        self._alive: Any = None
        self._sequence = 0
        self.transactions = Transactions(
            stream.send, via=f"TLS {local.address}:{local.port}", observed=local, call_later=call_later, entropy=entropy
        )
        self.transactions.on_request = self._requested
        self.on_call: Callable[[Call], None] = lambda call: call.refuse("480 Temporarily Unavailable")
        self._reading: Conversation[None] = Conversation(_messages(self._take))
        self._reading.start()
        stream.attach(self._data, self._ended)

    @property
    def contact(self) -> str:
        """Where this end is reached."""
        return f"<sip:{self.local.address}:{self.local.port};transport=tls>;proxy=replace"

    async def register(self, ticket: str, call_id: str, *, password: str = "") -> int:
        """Sign in to the call service; returns the seconds for which it is good. Raises Unexpected with `status`.

        With a ticket at once; without one, whatever challenge comes is answered with the password (Digest).
        """
        answer = await self.transactions.ask(self._registration(ticket, call_id, ""))
        if sip.status_of(answer) == 401 and password:
            proof = self._proof(answer, password)
            answer = await self.transactions.ask(self._registration("", call_id, proof))
        if sip.status_of(answer) != 200:
            raise Unexpected(f"REGISTER was answered {answer.start[8:68]}", status=sip.status_of(answer))
        via = sip.parameters(answer.need("Via"))
        if "received" in via and via.get("rport", "").isdigit():
            self.mapped = Endpoint(via["received"], int(via["rport"]))
        self._keep_alive()
        expires = answer.header("Expires")
        return int(expires) if expires.isdigit() else 30  # what the genuine client takes for granted

    def _registration(self, ticket: str, call_id: str, proof: str) -> Message:
        self._sequence += 1
        request = sip.decode(
            sip.register(
                self.account, self.local, call_id, ticket, from_tag=self._tag, epid=self._epid, agent=self.agent
            )
        )
        own = {"CSeq": f"{self._sequence} REGISTER", **({"Authorization": proof} if not ticket else {})}
        headers = [(name, own.get(name, value)) for name, value in request.headers if name not in ("l", "v")]
        return Message(
            request.start, (("v", self.transactions.branch()), *((name, value) for name, value in headers if value))
        )

    def _proof(self, refusal: Message, password: str) -> str:
        challenges = [value for name, value in refusal.headers if name.lower() == "www-authenticate"]
        asked = next((one for one in challenges if sip_digest.fields(one)), "")
        uri = f"sip:{self.account.partition('@')[2]}"
        cnonce = self.transactions.entropy(8).hex()
        return sip_digest.authorization(asked, self.account, password, "REGISTER", uri, cnonce)

    async def call(
        self, to: str, offer: bytes, call_id: str, started: Callable[[Call], None] = lambda call: None
    ) -> Call:
        """Call somebody; returns when it is taken. Raises Unexpected with `status`."""

        def begun(call: Call) -> None:
            self._calls[call.id] = call
            started(call)

        try:
            return await call_dialog.invite(
                self.transactions,
                caller=f'"0" <sip:{self.account}>',
                to=to,
                contact=self.contact,
                body=offer,
                call_id=call_id,
                agent=self.agent,
                started=begun,
            )
        except ClientError:
            self._calls.pop(call_id, None)
            raise

    def rest(self) -> None:
        """Nothing more is said, but the connection stays for whoever owns the stream."""
        self._stop()
        self.transactions.end(StreamEnded("the connection was closed"))

    def close(self) -> None:
        """Close the connection."""
        self.rest()
        self._stream.close()

    def _keep_alive(self) -> None:
        if self.transactions.over is None:
            if self._alive is not None:
                self._stream.send(b"\r\n\r\n")
            self._alive = self._call_later(KEEP_ALIVE, self._keep_alive)

    def _stop(self) -> None:
        if self._alive is not None and self._alive.active():
            self._alive.cancel()

    def _data(self, data: bytes) -> None:
        self._reading.feed(data)
        if self._reading.error is not None and self.transactions.over is None:
            self._stop()
            self.transactions.end(Unexpected(str(self._reading.error)))
            self._stream.close()

    def _ended(self, error: Exception) -> None:
        self._stop()
        self.transactions.end(ended(str(error)))
        for call in tuple(self._calls.values()):
            call.end(str(error))

    def _take(self, message: Message) -> None:
        self.transactions.take(message)

    def _requested(self, request: Message) -> None:
        known = self._calls.get(request.need("Call-ID"))
        if known is not None:
            known.request(request)
        elif sip.method_of(request) == "INVITE":
            call = Call.taken(self.transactions, request)
            self._calls[call.id] = call
            call.ring()
            self.on_call(call)
        elif sip.method_of(request) == "OPTIONS":
            self.transactions.answer(request, "200 OK", more=(("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"),))
        else:
            self.transactions.answer(request, "481 Call/Transaction Does Not Exist")


def _messages(take: Callable[[Message], None]) -> Talk[None]:
    while True:
        take((yield from sip.read()))


async def within(seconds: float, call_later: Callable[..., Any], work: Deferred[Any], what: str) -> Any:
    """Wait so long for something, then it is cancelled. Raises StreamEnded."""
    timer = call_later(seconds, work.cancel)
    try:
        return await work
    except WireError:
        raise
    except Exception as problem:
        if not timer.active():
            raise StreamEnded(f"{what} took more than {seconds:g} s") from problem
        raise
    finally:
        if timer.active():
            timer.cancel()
