"""MSNSLP between peers: invitations and their answers, BYE; who is in which session.

Not the bytes of a session (`transfer`) and not their chunks (`peers`). Source: media.md 1.3, 1.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred

from emulator.client.network import ClientError, Unexpected
from emulator.client.peers import Peers
from emulator.wire import slp, tags
from emulator.wire.errors import WireError
from emulator.wire.slp import Slp

NO_NONCE = "{00000000-0000-0000-0000-000000000000}"

Invited = Callable[[Slp], None]


class Bridge(Protocol):
    """How two peers may connect directly once they agreed on a session."""

    def answer(self, request: Slp) -> Slp:
        """The answer to a request for a bridge."""


class NoBridge:
    """Nobody listens: data stays on the switchboard."""

    def answer(self, request: Slp) -> Slp:
        if request.content_type != slp.BRIDGE_REQUEST:
            return slp.answer(request, slp.DECLINE)  # addresses to connect to, which nobody here does
        nonce = "Hashed-Nonce" if request.field("Hashed-Nonce") else "Nonce"
        body = [("Bridge", "TCPv1"), ("Listening", "false"), (nonce, NO_NONCE)]
        if request.field("SessionID"):
            body.append(("SessionID", request.field("SessionID")))
        return slp.answer(request, slp.OK, content_type=slp.BRIDGE_RESPONSE, body=tuple(body))


class Calls:
    """Calls of one account on one board. `invited` gets invitations to sessions, `ended` every BYE."""

    def __init__(self, peers: Peers, me: str, entropy: Callable[[int], bytes]) -> None:
        self._peers = peers
        self._me = me
        self._entropy = entropy
        self._answers: dict[tuple[str, str], Deferred[Slp]] = {}
        self.bridge: Bridge = NoBridge()
        self.invited: Invited = lambda invitation: None
        self.ended: Callable[[Slp], None] = lambda bye: None

    async def invite(self, to: str, body: slp.Fields) -> Slp:
        """Invite to a session; returns the invitation once the peer accepts it.

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
        key = (invitation.call_id.upper(), invitation.branch.upper())
        answered: Deferred[Slp] = Deferred()
        self._answers[key] = answered
        try:
            await self._peers.send(to, slp.encode(invitation))
            answer = await answered
        finally:
            self._answers.pop(key, None)
            answered.addErrback(lambda failure: None)
        if answer.status != 200:
            raise Unexpected(f"the invitation was answered {answer.start[:40]}", code=str(answer.status))
        return invitation

    def accept(self, invitation: Slp) -> None:
        """200 OK."""
        self._reply(slp.answer(invitation, slp.OK, body=_session_id(invitation)))

    def decline(self, invitation: Slp) -> None:
        """603 Decline."""
        self._reply(slp.answer(invitation, slp.DECLINE, body=_session_id(invitation)))

    def bye(self, invitation: Slp) -> None:
        """Close the session of an invitation, one's own or the peer's."""
        peer = invitation.to if invitation.sender == self._me else invitation.sender
        closing = Slp(
            start="BYE",
            to=peer,
            sender=self._me,
            branch=tags.guid(self._entropy(16)),
            call_id=invitation.call_id,
            content_type=slp.SESSION_CLOSE,
            body=_session_id(invitation),
        )
        self._peers.tell(peer.partition(";")[0], slp.encode(closing))

    def take(self, sender: str, text: bytes) -> None:
        """A complete message of the negotiation; what is no MSNSLP is left alone."""
        try:
            message = slp.decode(text)
        except WireError:
            return
        if message.is_answer:
            waiting = self._answers.pop((message.call_id.upper(), message.branch.upper()), None)
            if waiting is not None:
                waiting.callback(message)
        elif message.start == "BYE":
            self.ended(message)
        elif message.start == "INVITE" and message.content_type == slp.SESSION_REQUEST:
            self.invited(message)
        elif message.start == "INVITE":
            self._reply(self.bridge.answer(message))

    def end(self, error: ClientError) -> None:
        """The board is over."""
        answers, self._answers = self._answers, {}
        for waiting in answers.values():
            waiting.errback(error)

    def _reply(self, message: Slp) -> None:
        self._peers.tell(message.to.partition(";")[0], slp.encode(message))


def _session_id(invitation: Slp) -> slp.Fields:
    text = invitation.field("SessionID")
    return (("SessionID", text),) if text else ()
