"""Offline messages: the Store envelope with its MIME text, and the three calls by which they are read.

Not the lock key's hash (`challenge`) and not a mailbox. Source: http.md 14, 15.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import format_datetime
from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup, soap
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el
from emulator.wire.webfiles import soap_moment

STORE_PATH = "/OimWS/oim.asmx"
READ_PATH = "/rsi/rsi.asmx"
W2004 = "http://messenger.msn.com/ws/2004/09/oim/"
W2006 = "http://messenger.live.com/ws/2006/09/oim/"
STORE, STORE2 = W2004 + "Store", W2006 + "Store2"
RSI = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi"
SEQUENCE = "http://schemas.xmlsoap.org/ws/2003/03/rm"
UTILITY = "http://schemas.xmlsoap.org/ws/2002/07/utility"

TEXT_LIMIT = 8 * 1024  # bytes of decoded text
FOLDER = "00000000-0000-0000-0000-000000000009"
NAME_LIMIT = 48  # characters of a friendly name before it is encoded
_OWN_FIELDS = ("mime-version:", "content-", "x-oim-message-type:", "x-oim-run-id:", "x-oim-sequence-num:")


class Message(msgspec.Struct, frozen=True):
    """One offline message. `run` is a GUID in braces, `number` counts from 1 within it."""

    run: str
    number: int
    text: str


class Store(msgspec.Struct, frozen=True):
    """A Store call: who to whom, with which ticket, product and lock key, and the MIME text."""

    namespace: str  # of the elements; clients keep the old one with the new SOAPAction
    sender: str
    recipient: str
    ticket: str
    product: str
    lock_key: str
    number: int
    content: str
    nickname: str = ""


# What the emulated contact has written to every account of a probe.
WAITING = Message("{0F21A7D4-6C1B-4E0A-9B53-1E4C0D5A7702}", 1, "Emulated offline message: \u03a9 \u0416 \u20ac")


def word(name: str) -> str:
    """A friendly name as one RFC 2047 word."""
    return f"=?utf-8?B?{b64encode(name[:NAME_LIMIT].encode()).decode()}?="


def unword(encoded: str) -> str:
    """A friendly name out of RFC 2047 words, "" when they cannot be decoded; at most 48 characters."""
    try:
        return str(make_header(decode_header(encoded)))[:NAME_LIMIT]
    except (LookupError, ValueError, MessageError):
        return ""


def mime(message: Message) -> str:
    """Text of `Content`, lines ended by CR LF."""
    lines = (
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: base64",
        "X-OIM-Message-Type: OfflineMessage",
        f"X-OIM-Run-Id: {message.run}",
        f"X-OIM-Sequence-Num: {message.number}",
        "",
        b64encode(message.text.encode()).decode(),
    )
    return "\r\n".join(lines)


def read_mime(content: str) -> Message:
    """Parse `Content` or the text of a fetched message, with either line end. Raises WireError.

    White space around it does not count, so an empty text has lost its empty line here.
    """
    head, _, body = content.replace("\r\n", "\n").strip().partition("\n\n")
    pairs = (line.partition(":")[::2] for line in head.split("\n"))
    fields = {name.strip().lower(): value.strip() for name, value in pairs}
    run, number = fields.get("x-oim-run-id", ""), fields.get("x-oim-sequence-num", "")
    if fields.get("x-oim-message-type") != "OfflineMessage":
        raise WireError("no offline message: X-OIM-Message-Type is missing")
    if not (run.startswith("{") and run.endswith("}")):
        raise WireError(f"X-OIM-Run-Id is no GUID in braces: {run[:60]!r}")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise WireError(f"X-OIM-Sequence-Num is no number: {number[:60]!r}")
    try:
        raw = b64decode("".join(body.split()), validate=True)
        if len(raw) > TEXT_LIMIT:
            raise WireError(f"an offline message of {len(raw)} bytes, {TEXT_LIMIT} are accepted")
        return Message(run, int(number), raw.decode())
    except (Error, ValueError) as error:
        raise WireError(f"the text is not base64 of UTF-8: {error}") from error


def store(call: Store) -> bytes:
    """The Store2 request of 8.1."""
    at = {"xmlns": call.namespace}
    sender = {
        "memberName": call.sender,
        "friendlyName": word(call.nickname or call.sender.partition("@")[0]),
        "xml:lang": "en-US",
        "proxy": "MSNMSGR",
        "xmlns": call.namespace,
        "msnpVer": "MSNP15",
        "buildVer": "8.1.0178",
    }
    ticket = {"passport": call.ticket, "appid": call.product, "lockkey": call.lock_key, **at}
    header = markup.joined(
        el("From", at=sender),
        el("To", at={"memberName": call.recipient, **at}),
        el("Ticket", at=ticket),
        el("Sequence", _identifier(), el("MessageNumber", call.number), at={"xmlns": SEQUENCE}),
    )
    body = markup.joined(el("MessageType", "text", at=at), el("Content", call.content, at=at))
    return soap.envelope(body, header)


def _identifier() -> Xml:
    return el("Identifier", "http://messenger.msn.com", at={"xmlns": UTILITY})


def read_store(call: soap.Call) -> Store:
    """Take a Store call apart; what is missing is "" or 0."""
    ticket = markup.find(call.header, "Ticket")
    number = markup.text(call.header, "Sequence/MessageNumber")
    found = "" if ticket is None else markup.namespace(ticket)
    name = markup.attribute(markup.find(call.header, "From"), "friendlyName")
    return Store(
        found if found in (W2004, W2006) else W2004,
        markup.attribute(markup.find(call.header, "From"), "memberName"),
        markup.attribute(markup.find(call.header, "To"), "memberName"),
        markup.attribute(ticket, "passport"),
        markup.attribute(ticket, "appid"),
        markup.attribute(ticket, "lockkey"),
        int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0,
        markup.text(call.body, "Content"),
        unword(name),
    )


def stored(namespace: str, number: int) -> bytes:
    """The message was accepted; its number is acknowledged."""
    acknowledged = el("AcknowledgmentRange", at={"Upper": str(number), "Lower": str(number)})
    header = el("SequenceAcknowledgment", _identifier(), acknowledged, at={"xmlns": SEQUENCE})
    return soap.envelope(el("StoreResponse", el("PointsConsumed", 0), at={"xmlns": namespace}), header)


def fault(namespace: str, code: str, text: str, detail: Xml = Xml("")) -> soap.Fault:
    """`q0:AuthenticationFailed` and its kin; a detail is one element only, or msnp-sharp cannot read it."""
    return soap.Fault(code=f"q0:{code}", text=text, detail=detail, at={"xmlns:q0": namespace})


def metadata(entries: Sequence[Xml] = (), unread: int = 0, *, escaped: bool = False) -> bytes:
    """GetMetadataResponse around the `M` elements; MD itself declares no namespace. `escaped`: as character data."""
    values = {"I": 0, "IU": 0, "O": len(entries), "OU": unread}
    counts = el("E", *(el(name, value) for name, value in values.items()))
    quota = el("Q", el("QTM", 409600), el("QNM", 204800))
    document = el("MD", counts, quota, *entries)
    return soap.envelope(el("GetMetadataResponse", str(document) if escaped else document, at={"xmlns": RSI}))


def entry(identifier: str, sender: str, nickname: str, size: int, at: int, *, read: bool = False) -> Xml:
    """The `M` element of one waiting message; `size` counts CR LF line ends, `at` is milliseconds."""
    values = {
        "T": "11",
        "S": "6",
        "RT": soap_moment(at),
        "RS": str(int(read)),
        "SZ": str(size),
        "E": sender,
        "I": identifier,
        "F": FOLDER,
        "N": word(nickname),
    }
    return el("M", *(el(name, value) for name, value in values.items()))


def mail(content: str, sender: str, nickname: str, recipient: str, at: int) -> str:
    """A waiting message as RFC 822 text with LF line ends, around the MIME text that was handed in.

    `at` is milliseconds. `Date` has no weekday: libpurple could not read one. Of the sender's own fields only those of
    offline messages pass, so that nobody writes another `From`.
    """
    seconds = at // 1000
    long = format_datetime(datetime.fromtimestamp(seconds, UTC))
    date = long.partition(", ")[2]
    high, low = divmod(at * 10_000 + 11_644_473_600 * 10_000_000, 1 << 32)
    head, _, body = content.replace("\r\n", "\n").strip().partition("\n\n")
    own = (line for line in head.split("\n") if line.lower().startswith(_OWN_FIELDS))
    lines = (
        "X-Message-Info: emulator",
        f"Received: from OIM-SSI-A02 by oim.messenger.msn.com with EmuMail; {long}",
        f'From: "{word(nickname)}" <{sender}>',
        f"To: <{recipient}>",
        "Subject: ",
        "X-OIMProxy: MSNMSGR",
        *own,
        f"Message-ID: <OIM-SSI-A02.{low:08x}@oim.messenger.msn.com>",
        f"X-OriginalArrivalTime: {date[:-6]}.{at % 1000:03d}0 (UTC) FILETIME=[{low:08X}:{high:08X}]",
        f"Date: {date}",
        "Return-Path: ndr@oim.messenger.msn.com",
        "",
        body,
        "",
    )
    return "\n".join(lines)


def rsi_call(operation: str, ticket: str, *content: Xml) -> bytes:
    """A reading call; the cookie holds the bare values of the ticket."""
    value, _, profile = ticket.partition("&p=")
    header = el("PassportCookie", el("t", value.removeprefix("t=")), el("p", profile), at={"xmlns": RSI})
    return soap.envelope(el(operation, *content, at={"xmlns": RSI}), header)


def entries(reply: Element) -> list[dict[str, str]]:
    """The waiting messages of GetMetadataResponse, as element names and texts."""
    return [{markup.local(f): markup.text(f) for f in one} for one in markup.every(reply, "MD/M")]
