"""MSNSLP between peers: invitations and their answers, BYE; who is in which session.

Not the bytes of a session (`transfer`), their chunks (`peers`), or direct connections (`direct_bridge`).
Source: media.md 1.3, 1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from emulator.client.network import ClientError, Unexpected
from emulator.client.peers import Carrier, Peers
from emulator.wire import slp, tags
from emulator.wire.errors import WireError
from emulator.wire.slp import Slp

Invited = Callable[[Slp], None]
Reply = Callable[[Slp], None]


class Bridge(Protocol):
    """How two peers may connect directly once they agreed on a session."""

    def asked(self, request: Slp, reply: Reply) -> None:
        """Answer a request for a bridge, or addresses to connect to; at once or later."""


class NoBridge:
    """Nobody listens: data stays on the switchboard."""

    def asked(self, request: Slp, reply: Reply) -> None:
        reply(not_listening(request))


def not_listening(request: Slp) -> Slp:
    """The answer of somebody to whom nobody can connect, and who connects to nobody."""
    if request.content_type != slp.BRIDGE_REQUEST:
        return slp.answer(request, slp.DECLINE)  # addresses to connect to, which nobody here does
    nonce = slp.HASHED if request.field(slp.HASHED) else slp.PLAIN
    body = [("Bridge", slp.TCP), ("Listening", "false"), (nonce, slp.NO_NONCE)]
    if request.field("SessionID"):
        body.append(("SessionID", request.field("SessionID")))
    return slp.answer(request, slp.OK, content_type=slp.BRIDGE_RESPONSE, body=tuple(body))


class Calls:
    """Calls of one account on one board. `invited` gets invitations to sessions, `ended` every BYE."""

    def __init__(self, peers: Peers, me: str, entropy: Callable[[int], bytes]) -> None:
        self._peers = peers
        self._me = me
        self._entropy = entropy
        self._answers: dict[tuple[str, str], tuple[str, Deferred[Slp]]] = {}
        self.bridge: Bridge = NoBridge()
        self.invited: Invited = lambda invitation: None
        self.ended: Callable[[Slp], None] = lambda bye: None

    async def invite(
        self,
        to: str,
        body: slp.Fields,
        opening: Callable[[Slp], None] = lambda sent: None,
        accepted: Callable[[Slp], None] = lambda answer: None,
    ) -> Slp:
        """Invite to a session; returns the invitation once the peer accepts it. `opening` gets it before it is sent,
        `accepted` the peer's 200.

        Raises Unexpected with `code` 603 (declined), 481, 500; ClientError at the end of the board.
        """
        invitation = Slp(
            start="INVITE",
            to=to,
            sender=self._me,
            branch=tags.guid(self._entropy(16)),
            call_id=tags.guid(self._entropy(16)),
            content_type=slp.SESSION_REQUEST,
            body=body,
        )
        opening(invitation)
        answer = await self._asked(to, invitation)
        if answer.status != 200:
            raise Unexpected(f"the invitation was answered {answer.start[:40]}", code=str(answer.status))
        accepted(answer)
        return invitation

    async def negotiate(self, call: Slp, content_type: str, body: slp.Fields) -> Slp:
        """Another INVITE in a call that was accepted; its answer, whatever it says. Raises ClientError."""
        to = self.peer(call)
        request = Slp(
            start="INVITE",
            to=to,
            sender=self._me,
            branch=tags.guid(self._entropy(16)),
            call_id=call.call_id,
            content_type=content_type,
            body=body,
        )
        return await self._asked(to.partition(";")[0], request)

    def peer(self, call: Slp) -> str:
        """The other end of a call."""
        return call.to if call.sender == self._me else call.sender

    async def _asked(self, to: str, request: Slp) -> Slp:
        key = (request.call_id.upper(), request.branch.upper())
        answered: Deferred[Slp] = Deferred()
        self._answers[key] = (to.lower(), answered)
        try:
            await self._peers.send(to, slp.encode(request))
            return await answered
        finally:
            self._answers.pop(key, None)
            answered.addErrback(lambda failure: None)

    def accept(self, invitation: Slp, more: slp.Fields = ()) -> None:
        """200 OK; `more` are further fields of its body."""
        self._reply(slp.answer(invitation, slp.OK, body=(*_session_id(invitation), *more)))

    def decline(self, invitation: Slp) -> None:
        """603 Decline."""
        self._reply(slp.answer(invitation, slp.DECLINE, body=_session_id(invitation)))

    def bye(self, invitation: Slp, carrier: Carrier | None = None) -> Deferred[None]:
        """Close the session of an invitation, one's own or the peer's; done when the peer has it, or never will."""
        peer = self.peer(invitation)
        closing = Slp(
            start="BYE",
            to=peer,
            sender=self._me,
            branch=tags.guid(self._entropy(16)),
            call_id=invitation.call_id,
            content_type=slp.SESSION_CLOSE,
            body=_session_id(invitation),
        )
        return self._peers.tell(peer.partition(";")[0], slp.encode(closing), carrier=carrier)

    def take(self, sender: str, text: bytes) -> None:
        """A complete message of the negotiation; what is no MSNSLP is left alone."""
        try:
            message = slp.decode(text)
        except WireError:
            return
        if message.is_answer:
            waiting = self._answers.pop((message.call_id.upper(), message.branch.upper()), None)
            if waiting is not None:
                waiting[1].callback(message)
        elif message.start == "BYE":
            self.ended(message)
        elif message.start == "INVITE" and message.content_type == slp.SESSION_REQUEST:
            self.invited(message)
        elif message.start == "INVITE":
            self.bridge.asked(message, self._reply)

    def end(self, error: ClientError) -> None:
        """The board is over."""
        answers, self._answers = self._answers, {}
        for _, waiting in answers.values():
            waiting.errback(error)

    def left(self, peer: str, error: ClientError) -> None:
        """Somebody left the board: what they were asked stays unanswered."""
        for key, (to, waiting) in tuple(self._answers.items()):
            if to == peer.lower() and self._answers.pop(key, None) is not None:
                waiting.errback(error)

    def _reply(self, message: Slp) -> None:
        self._peers.tell(message.to.partition(";")[0], slp.encode(message))


def _session_id(invitation: Slp) -> slp.Fields:
    text = invitation.field("SessionID")
    return (("SessionID", text),) if text else ()
