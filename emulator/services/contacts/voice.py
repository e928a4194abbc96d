"""The contact that answers calls: SIP in UUN type 2, and the older invitations in a conversation.

With the emulator's phone it speaks: media go to the address from which the caller's session is seen, and nowhere else.
Without it, it signals only (SDP `inactive`). Source: media.md 4.1, 4.4, msnp.md 2.17, 3.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from emulator.client import invitations
from emulator.client.board import Board, Heard
from emulator.client.camera import accept
from emulator.client.invitations import Invitation
from emulator.client.transfer import Transfers
from emulator.services.contacts.cameras import take_part
from emulator.services.contacts.manners import Host, Manners
from emulator.services.contacts.visits import VISITS, visit
from emulator.services.phone import Desk, Phone
from emulator.services.phone_listener import PhoneListener
from emulator.wire import sip
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.receipt import Endpoint
from emulator.wire.slp import Slp

SIP_KIND = 2
TO_TAG = "voice01"
NOBODY = "0.0.0.0"
LISTENERS = 8  # invitations of one contact that wait at once
DESKS = 64  # callers through the notification server at once; the one that was heard of longest ago goes
_CODECS = {"0": "PCMU/8000", "8": "PCMA/8000"}


class PhoneOf(msgspec.Struct, frozen=True):
    """The phone of the emulator, and from which addresses an account's sessions are seen."""

    phone: Phone
    seen_from: Callable[[str], frozenset[str]]


def describe(offer: bytes) -> bytes:
    """The SDP that answers an offer where there is no phone: one plain codec of those offered, port 9, inactive."""
    rows = offer.decode("utf-8", "replace").split("\r\n")
    audio = next((row.split(" ") for row in rows if row.startswith("m=audio ")), [])
    codec = next((one for one in audio[3:] if one in _CODECS), "0")
    lines = (
        "v=0",
        f"o=- 0 0 IN IP4 {NOBODY}",
        "s=session",
        "t=0 0",
        f"m=audio 9 RTP/AVP {codec}",
        f"c=IN IP4 {NOBODY}",
        f"a=rtpmap:{codec} {_CODECS[codec]}",
        "a=inactive",
        "a=encryption:rejected",
    )
    return "\r\n".join((*lines, "")).encode()


def answers(payload: bytes, address: str) -> list[bytes]:
    """What answers a SIP message: 100, 180 and 200 for INVITE, 200 for BYE, CANCEL and OPTIONS, nothing for ACK.

    Raises WireError for what is no SIP request (8.1 sends three words that name a SIP server).
    """
    request = sip.decode(payload)
    match sip.method_of(request):
        case "INVITE":
            described = (("m", f"<sip:{address}>;proxy=replace"), ("c", "application/sdp"))
            ok = _answer(request, "200 OK", described, describe(request.body))
            return [_answer(request, "100 Trying"), _answer(request, "180 Ringing"), ok]
        case "BYE" | "CANCEL" | "OPTIONS" | "INFO":
            return [_answer(request, "200 OK")]
        case "ACK" | "":
            return []
    return [_answer(request, "405 Method Not Allowed")]


def _answer(request: sip.Message, status: str, more: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> bytes:
    tag = "" if status.startswith("100") else TO_TAG
    return sip.encode(sip.reply(request, status, None, tag=tag, more=more, body=body))


class Voice(Manners):
    """Picks up at once; looks at webcams and shows one; takes part in whiteboards, and lets itself be helped."""

    hesitation = 0.0

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._desks: dict[str, Desk] = {}
        self._listeners: list[PhoneListener] = []

    def handed(self, sender: str, kind: int, payload: bytes) -> None:
        if kind != SIP_KIND:
            super().handed(sender, kind, payload)
            return
        try:
            desk = self._desk(sender)
            if desk is not None:
                desk.take(sip.decode(payload))
                return
            out = answers(payload, self.host.address)
        except WireError:
            return
        for one in out:
            self.reply(sender, SIP_KIND, one)

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.INVITATION:
            answer = self._answer(invitations.read(heard))
            if answer:
                board.post(answer)
        elif heard.kind == mime.TEXT and (word := heard.message.text.strip().lower()) in VISITS:
            self.host.spawn(visit(board, self.host.network, heard.sender, word, self._at()))
        elif heard.kind == mime.TEXT:
            self.host.spawn(
                board.say(
                    "I answer calls: call me, or invite me to a voice conversation or a whiteboard, or help me. "
                    'Write "whiteboard", "share" or "help", and I invite you and connect to you.'
                )
            )

    def invited(self, board: Board, transfers: Transfers, invitation: Slp) -> None:
        try:
            camera = accept(transfers, self.host.network, invitation, self.host.network.ways)
        except WireError:
            transfers.calls.decline(invitation)
            return
        self.host.spawn(take_part(board, self.host.network, camera))

    def _answer(self, invitation: Invitation) -> bytes:
        """Where to call, to draw or to help; b"" for what asks nothing."""
        program = invitation.program
        if program is None:
            return invitations.declined(invitation) if invitation.command == "INVITE" else b""
        if program is invitations.VOICE:
            listener = self._listen(invitation.sender)
            return invitations.accepted(invitation, *(() if listener is None else (listener,)))
        ports = (invitations.T120,) if program in invitations.MEETINGS else invitations.ASSISTANCE
        at = self._at()
        return invitations.accepted(invitation, *(Endpoint(at, port) for port in ports if at))

    def _at(self) -> str:
        """The address of the contact; "" where it has none."""
        known: Any = self.host.network.phone
        return known.phone.address if isinstance(known, PhoneOf) else ""

    def _desk(self, sender: str) -> Desk | None:
        """The caller's desk; None without a phone, or where the caller's address is not known."""
        known: Any = self.host.network.phone
        seen = known.seen_from(sender) if isinstance(known, PhoneOf) else frozenset()
        if len(seen) != 1:
            return None
        source = next(iter(seen))
        desk = self._desks.pop(sender, None)
        if desk is None or desk.observed.address != source:
            if desk is not None:
                desk.end("the caller came from elsewhere")
            local = Endpoint(known.phone.address, 5060)
            desk = Desk(known.phone, lambda data: self.reply(sender, SIP_KIND, data), "TCP", local, Endpoint(source, 0))
            desk.anybody = True
        self._desks[sender] = desk
        if len(self._desks) > DESKS:
            self._desks.pop(next(iter(self._desks))).end("too many callers")
        return desk

    def _listen(self, sender: str) -> Endpoint | None:
        """Where the inviter may call now; None without a phone or a port. The oldest listener makes room."""
        known: Any = self.host.network.phone
        if not isinstance(known, PhoneOf):
            return None
        try:
            listener = PhoneListener(known.phone, known.seen_from(sender))
        except OSError:
            return None
        self._listeners.append(listener)
        if len(self._listeners) > LISTENERS:
            self._listeners.pop(0).close()
        return listener.address
