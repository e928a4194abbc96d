"""The near end of a switchboard session: call the emulated contact, send it P2P messages, wait for its ACK.

The far end is a service with state. Source: msnp.md 3, media.md 1.2 to 1.4.
"""

from __future__ import annotations

from emulator.wire import activity, p2p, slp, tags
from emulator.wire.context import ClientContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.msnp.lines import expect, send
from emulator.wire.talk import Talk

CONTACT = "contact@hotmail.com"
CONTACT_NAME = "Contact"
CAPABILITIES = 2007498796  # MSNC7, winks, voice clips: the word of an 8.1 client
NEGOTIATION, GAME = 0, 4  # AppIDs in the footer


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
    blob = activity.blob(f"<move>{context.tag.hex()}</move>")
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
