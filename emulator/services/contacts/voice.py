"""The contact that answers calls: SIP in UUN type 2, and the older invitations in a conversation.

It signals only: media are for whoever replaces `describe`. Source: media.md 4.1, 4.4, msnp.md 2.17, 3.4.
"""

from __future__ import annotations

import msgspec

from emulator.client.board import Board, Heard
from emulator.client.transfer import Transfers
from emulator.services.contacts.manners import Manners
from emulator.wire import sip
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.talk import Conversation

SIP_KIND = 2
VOICE = "{02D3C01F-BF30-4825-A83A-DE7AF41648AA}"
TO_TAG = "voice01"
NOBODY = "0.0.0.0"
_COPIED = ("Via", "Record-Route", "From", "Call-ID", "CSeq")
_CODECS = {"0": "PCMU/8000", "8": "PCMA/8000"}


def describe(offer: bytes) -> bytes:
    """The SDP that answers an offer: one plain codec of those offered, no media yet (port 9, inactive)."""
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

    Raises WireError for what is no SIP request (8.1 sends three words that name a SIP server: nobody goes there).
    """
    reading: Conversation[sip.Message] = Conversation(sip.read())
    reading.start()
    reading.feed(payload)
    request = reading.result
    if request is None:
        raise WireError(str(reading.error or "an incomplete SIP message"))
    words = request.start.split(" ")
    if len(words) != 3 or words[2] != "SIP/2.0":
        raise WireError(f"not a SIP request: {request.start[:60]!r}")
    match words[0]:
        case "INVITE":
            described = (("m", f"<sip:{address}>;proxy=replace"), ("c", "application/sdp"))
            ok = _answer(request, "200 OK", described, describe(request.body))
            return [_answer(request, "100 Trying"), _answer(request, "180 Ringing"), ok]
        case "BYE" | "CANCEL" | "OPTIONS" | "INFO":
            return [_answer(request, "200 OK")]
        case "ACK":
            return []
    return [_answer(request, "405 Method Not Allowed")]


def _answer(request: sip.Message, status: str, more: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> bytes:
    headers = []
    for name, value in request.headers:
        known = {one.lower() for one in _COPIED} | {sip.COMPACT.get(one.lower(), "") for one in _COPIED}
        if name.lower() in known:
            headers.append((name, value))
        elif name.lower() in ("to", "t"):
            tagged = value if ";tag=" in value or status.startswith("100") else f"{value};tag={TO_TAG}"
            headers.append((name, tagged))
    return sip.encode(sip.Message(f"SIP/2.0 {status}", (*headers, *more), body))


class Invitation(msgspec.Struct, frozen=True):
    """An `x-msmsgsinvite` message: its fields by name."""

    fields: mime.Fields

    @property
    def is_voice(self) -> bool:
        """True for an INVITE to a voice call."""
        guid, command = self.fields.get("Application-GUID", ""), self.fields.get("Invitation-Command", "")
        return command.upper() == "INVITE" and guid.upper() == VOICE


class Voice(Manners):
    """Picks up at once."""

    def handed(self, sender: str, kind: int, payload: bytes) -> None:
        if kind != SIP_KIND:
            super().handed(sender, kind, payload)
            return
        try:
            out = answers(payload, self.host.address)
        except WireError:
            return
        for one in out:
            self.reply(sender, SIP_KIND, one)

    def heard(self, board: Board, transfers: Transfers, heard: Heard) -> None:
        if heard.kind == mime.INVITATION:
            invitation = Invitation(mime.read(heard.message.body + b"\r\n\r\n").fields)
            if invitation.is_voice:
                board.post(_accepted(invitation))
        elif heard.kind == mime.TEXT:
            self.host.spawn(board.say("I answer calls: call me, or send me an invitation to a voice conversation."))


def _accepted(invitation: Invitation) -> bytes:
    """ACCEPT with the same cookie and session. There is no address yet at which a SIP call would be taken."""
    fields = invitation.fields
    rows = [
        ("Invitation-Command", "ACCEPT"),
        ("Invitation-Cookie", fields.get("Invitation-Cookie", "")),
        ("Session-ID", fields.get("Session-ID", "")),
        ("Session-Protocol", fields.get("Session-Protocol", "SM1")),
        ("Launch-Application", "TRUE"),
        ("UsingRendezvous", "FALSE"),
        ("Request-Data", "IP-Address:"),
    ]
    body = mime.compose(tuple(row for row in rows if row[1]))
    head = (("MIME-Version", "1.0"), ("Content-Type", f"{mime.INVITATION}; charset=UTF-8"))
    return mime.compose(head, body)
