"""Switchboard, both ends, in the minimal form: one caller, the emulated contact, P2P messages acknowledged.

Not a service with state: the only other member is the contact that lives here. Source: msnp.md 3, media.md 1.2 to 1.4.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from emulator.wire import p2p, slp, tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.msnp.lines import FROM_CLIENT, Command, expect, line, read, send
from emulator.wire.talk import Send, Sighting, Talk

CONTACT = "contact@hotmail.com"
CONTACT_NAME = "Contact"
CAPABILITIES = 2007498796
MESSAGE_LIMIT = 1664  # bytes of one MSG payload, MIME header included (msnp.md 1.7)
NEGOTIATION, GAME = 0, 4  # AppIDs in the footer


def cookie(key: bytes, account: str) -> str:
    """The CKI cookie of an account: digits and dots, derived so that no table is needed."""
    raw = hmac.digest(key, b"CKI " + account.encode(), "sha256")
    return ".".join(str(int.from_bytes(raw[start : start + 4], "big")) for start in (0, 4, 8))


def session_id(key: bytes, account: str) -> int:
    """A session id that fits 31 bits: some clients read it as a signed number (clients.md 5)."""
    return int.from_bytes(hmac.digest(key, b"SID " + account.encode(), "sha256")[:4], "big") & 0x7FFFFFFF


def server(context: ServerContext, first: Command) -> Talk[None]:
    """A switchboard session whose first command was `first` (USR; ANS needs a state that is not here yet)."""
    if first.verb != "USR":
        raise WireError("ANS: nobody was called here")
    account = first.arg(1)
    if not hmac.compare_digest(first.arg(2), cookie(context.relay_key, account)):
        yield from send("911", first.arg(0))
        return
    yield Sighting("msnp", tags.from_account(account), {"command": "USR switchboard"})
    yield from send("USR", first.arg(0), "OK", account, account)
    contact = _Contact()
    joined = False
    while True:
        command = yield from read(FROM_CLIENT)
        match command.verb:
            case "OUT":
                return
            case "CAL" if command.arg(1) == CONTACT and joined:
                yield from send("215", command.arg(0))
            case "CAL" if command.arg(1) == CONTACT:
                joined = True
                yield from send("CAL", command.arg(0), "RINGING", session_id(context.relay_key, account))
                yield from send("JOI", CONTACT, CONTACT_NAME, CAPABILITIES)
            case "CAL":
                yield from send("217", command.arg(0))
            case "MSG":
                yield from _message(command, contact, joined=joined)
            case _:
                raise WireError(f"{command.verb} in a switchboard session")


def _message(command: Command, contact: _Contact, *, joined: bool) -> Talk[None]:
    trid, flag = command.arg(0), command.arg(1)
    if len(command.payload) > MESSAGE_LIMIT:
        raise WireError(f"a message of {len(command.payload)} bytes, limit {MESSAGE_LIMIT}")
    if not joined:
        if flag != "U":
            yield from send("NAK", trid)
        return
    if flag in ("A", "D"):
        yield from send("ACK", trid)
    for answer in contact.hear(command.payload):
        yield Send(line("MSG", CONTACT, CONTACT_NAME, payload=answer))


class _Contact:
    """The emulated contact in this session: it acknowledges complete P2P messages, as every client must."""

    def __init__(self) -> None:
        self._received: dict[int, int] = {}
        self._identifier = 5000

    def hear(self, payload: bytes) -> Iterator[bytes]:
        head, blank, body = payload.partition(b"\r\n\r\n")
        if not blank or b"application/x-msnmsgrp2p" not in head:
            return
        if len(body) < p2p.HEADER + 4:
            raise WireError("a P2P message without header and footer")
        header = p2p.unpack(body)
        if header.kind == p2p.ACK:
            return
        got = self._received.get(header.identifier, 0) + header.length
        self._received[header.identifier] = got
        if len(self._received) > 64:
            raise WireError("more than 64 P2P messages under way")
        if got >= header.total:
            self._identifier += 1
            yield mime(p2p.acknowledgement(header, self._identifier), body[-4:], to="")


def mime(data: bytes, footer: bytes, *, to: str) -> bytes:
    """A P2P message as the payload of MSG: MIME header, 48-byte header with chunk, 4-byte footer."""
    destination = f"P2P-Dest: {to or CONTACT}\r\n"
    head = f"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\n{destination}\r\n"
    return head.encode() + data + footer


def file_client(context: ClientContext, cookie_text: str) -> Talk[dict[str, object]]:
    """Exchange `switchboard-p2p`: call the contact and send a file invitation in two chunks (media.md 1.4)."""
    account = tags.account(context.tag)
    call = tags.guid(context.tag)
    invitation = slp.encode(
        slp.Slp(
            start="INVITE",
            to=CONTACT,
            sender=account,
            branch=tags.guid(context.tag[::-1]),
            call_id=call,
            content_type=slp.SESSION_REQUEST,
            body=(
                ("EUF-GUID", slp.FILE_TRANSFER),
                ("SessionID", str(int.from_bytes(context.tag[:4], "little") & 0x7FFFFFFF)),
                ("AppID", "2"),
                ("Context", slp.file_context("hello.txt", 11)),
            ),
        )
    )
    return (yield from _talk(context, cookie_text, invitation, session=0, app=NEGOTIATION))


def game_client(context: ClientContext, cookie_text: str) -> Talk[dict[str, object]]:
    """Exchange `switchboard-game`: call the contact and make a move, an in-session text blob (media.md 8.2)."""
    text = f"<move>{context.tag.hex()}</move>".encode("utf-16-le") + b"\0\0"
    blob = b"\x80\x00\x00\x00\x08\x00" + len(text).to_bytes(4, "little") + text
    session = int.from_bytes(context.tag[:4], "little") | 1
    return (yield from _talk(context, cookie_text, blob, session=session, app=GAME))


def _talk(
    context: ClientContext, cookie_text: str, payload: bytes, *, session: int, app: int
) -> Talk[dict[str, object]]:
    account = tags.account(context.tag)
    yield from send("USR", 1, account, cookie_text)
    yield from expect("USR", "1", "OK", account)
    yield from send("CAL", 2, CONTACT)
    ringing = yield from expect("CAL", "2", "RINGING")
    yield from expect("JOI", CONTACT)
    trid = 3
    identifier = int.from_bytes(filler(context.tag, 4), "little") & 0x7FFFFFFF
    pieces = list(
        p2p.chunks(
            payload,
            session=session,
            identifier=identifier,
            flags=p2p.PLAIN,
            ack_id=int.from_bytes(context.tag[4:8], "little"),
            limit=p2p.SWITCHBOARD_CHUNK,
        )
    )
    footer = app.to_bytes(4, "big")
    for piece in pieces:
        yield from send("MSG", trid, "D", payload=mime(piece, footer, to=CONTACT))
        yield from expect("ACK", str(trid))
        trid += 1
    answer = yield from expect("MSG", CONTACT)
    data = answer.payload.partition(b"\r\n\r\n")[2]
    if not p2p.acknowledges(data[: p2p.HEADER], p2p.unpack(pieces[-1])):
        raise WireError("the contact's answer does not acknowledge our message")
    yield from send("OUT")
    return {"session": ringing.arg(2), "chunks": len(pieces), "bytes": len(payload)}
