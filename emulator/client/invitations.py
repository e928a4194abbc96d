"""Invitations of the older kind (`text/x-msmsgsinvite`, SM1): to a call, a whiteboard, shared programs, assistance.

Not files (`legacy_file`), and nothing of what follows: SIP, T.120 or RDP at the place that the ACCEPT names.
Source: media.md 4.4, 6.0. What Remote Assistance says in `Context-Data` is not known: ours is a list of places.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error

import msgspec

from emulator.client.board import Board, Heard
from emulator.client.network import Network, Unexpected
from emulator.wire import ipv4, tags
from emulator.wire.errors import WireError
from emulator.wire.msnp import message as mime
from emulator.wire.receipt import Endpoint

T120 = 1503
ASSISTANCE = 3389, 49152  # of XP, and where those of Vista begin
PLACES = 8  # that one answer may name


class Program(msgspec.Struct, frozen=True):
    """What one is invited to. `context`: what the invitation says of it."""

    name: str
    guid: str
    context: str = ""


VOICE = Program(
    "an audio conversation",
    "{02D3C01F-BF30-4825-A83A-DE7AF41648AA}",
    "Requested:SIP_A,;Capabilities:SIP_A,SIP_V,;",
)
SHARING = Program("Application Sharing", "{F1B1920C-6A3C-4ce7-B18C-AFAB305FD03D}")
WHITEBOARD = Program("Whiteboard", "{1DF57D09-637A-4ca5-91B9-2C3EDAAF62FE}")
ASK = Program("Remote Assistance", "{56b994a7-380f-410b-9985-c809d78c1bdc}")
OFFER = Program("Remote Assistance", "{703EA1A8-D73E-43e3-852C-EE85B5D872C2}")
MEETINGS = (SHARING, WHITEBOARD)  # T.120 is spoken there
PROGRAMS = (VOICE, SHARING, WHITEBOARD, ASK, OFFER)


class Invitation(msgspec.Struct, frozen=True):
    """Such a message: its fields by name, and who sent it."""

    sender: str
    fields: mime.Fields

    @property
    def command(self) -> str:
        """INVITE, ACCEPT, CANCEL, in upper case."""
        return self.fields.get("Invitation-Command", "").upper()

    @property
    def cookie(self) -> str:
        """What ties an answer to its question."""
        return self.fields.get("Invitation-Cookie", "")

    @property
    def program(self) -> Program | None:
        """To what an INVITE invites; None for what is none of these."""
        guid = self.fields.get("Application-GUID", "").upper()
        known = (one for one in PROGRAMS if one.guid.upper() == guid)
        return next(known, None) if self.command == "INVITE" else None

    def tag(self, size: int) -> bytes:
        """So many bytes of the session, by which a connection that belongs to it is known. Raises Unexpected."""
        session = self.fields.get("Session-ID", "")
        known = tags.from_guid(session)
        if not known:
            raise Unexpected(f"no Session-ID: {session[:40]!r}")
        return bytes.fromhex(known)[:size]

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """Where to connect, as an ACCEPT says. Raises Unexpected for what is no place."""
        plain, hidden = self.fields.get("IP-Address", ""), self.fields.get("IP-Address-Enc64", "")
        try:
            if plain and hidden and b64decode(hidden, validate=True) != plain.encode():
                raise Unexpected(f"IP-Address says {plain[:40]!r}, IP-Address-Enc64 something else")
        except Error as problem:
            raise Unexpected(f"IP-Address-Enc64 is no base64: {hidden[:40]!r}") from problem
        named = [plain, *self.fields.get("Context-Data", "").split(";")]
        return tuple(dict.fromkeys(_place(one) for one in named if one))[:PLACES]


def read(heard: Heard) -> Invitation:
    """A message of Content-Type `text/x-msmsgsinvite`."""
    return Invitation(heard.sender, mime.read(heard.message.body + b"\r\n\r\n").fields)


async def invite(board: Board, network: Network, program: Program, here: str) -> Invitation:
    """Invite whoever is on the board; its ACCEPT, which was answered by one's own. `here`: one's own address.

    Raises Unexpected: it was declined (`code`: the Cancel-Code).
    """
    cookie = str(int.from_bytes(network.entropy(4), "little"))
    session = tags.guid(network.entropy(16))
    asked = (
        ("Application-Name", program.name),
        ("Application-GUID", program.guid),
        ("Session-Protocol", "SM1"),
        ("Context-Data", program.context),
        ("Invitation-Command", "INVITE"),
        ("Invitation-Cookie", cookie),
        ("Session-ID", session),
        ("Conn-Type", "Direct-Connect"),
        ("Sip-Capability", "1" if program is VOICE else ""),
    )
    await board.message(_message(asked))
    while (told := read(await board.heard(mime.INVITATION))).cookie != cookie:
        pass
    if told.command != "ACCEPT":
        code = told.fields.get("Cancel-Code", "")
        raise Unexpected(f"the invitation was declined: {code[:40] or 'no reason given'}", code=code)
    board.post(_message((*_accepting(cookie, session), ("IP-Address", here))))
    return told


def accepted(invitation: Invitation, *places: Endpoint) -> bytes:
    """ACCEPT with the same cookie and session: the first place is the address, more of them go into Context-Data."""
    where = [f"{one.address}:{one.port}" for one in places]
    first = where[0] if where else ""
    return _message(
        (
            *_accepting(invitation.cookie, invitation.fields.get("Session-ID", "")),
            ("IP-Address", first),
            ("IP-Address-Enc64", b64encode(first.encode()).decode()),
            ("Context-Data", ";".join(where) if invitation.program is not VOICE else ""),
        )
    )


def declined(invitation: Invitation) -> bytes:
    """CANCEL, REJECT."""
    return _message(
        (("Invitation-Command", "CANCEL"), ("Invitation-Cookie", invitation.cookie), ("Cancel-Code", "REJECT"))
    )


def _accepting(cookie: str, session: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Invitation-Command", "ACCEPT"),
        ("Invitation-Cookie", cookie),
        ("Session-ID", session),
        ("Session-Protocol", "SM1"),
        ("Launch-Application", "TRUE"),
        ("UsingRendezvous", "FALSE"),
        ("Request-Data", "IP-Address:"),
    )


def _message(rows: tuple[tuple[str, str], ...]) -> bytes:
    """Rows without a value are left out."""
    body = mime.compose(tuple(row for row in rows if row[1]))
    return mime.compose((("MIME-Version", "1.0"), ("Content-Type", f"{mime.INVITATION}; charset=UTF-8")), body)


def _place(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    try:
        ipv4.packed(address)
    except WireError as problem:
        raise Unexpected(f"no place to connect to: {text[:40]!r}") from problem
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise Unexpected(f"no place to connect to: {text[:40]!r}")
    return Endpoint(address, int(port))
