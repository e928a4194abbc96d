"""The documents of a notification session: policies, profile, personal message, mail data; written and read.

Not when they are sent. Source: protocols/msnp.md 2.3, 2.5, 2.12, 2.20.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from email.header import Header
from urllib.parse import unquote

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el, joined
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import line, number
from emulator.wire.msnp.presence import Shown, capabilities, read_capabilities
from emulator.wire.receipt import Endpoint
from emulator.world.notices import Endpoint as PlaceShown
from emulator.world.notices import Look
from emulator.world.presence import Presence
from emulator.world.records import Account, Message

SHIELDS = '<config><shield><cli maj="7" min="0" minbld="0" maxbld="9999" deny=" " /></shield><block></block></config>'
SHIELDS_DOCUMENT = b'<?xml version="1.0" encoding="utf-8"?>' + SHIELDS.encode()
OFFLINE_FOLDER = "00000000-0000-0000-0000-000000000009"
MOST_MAIL = 25  # messages listed in a notification; more are `too-large` and fetched by SOAP
EXTRAS = ("SignatureSound", "DDP", "Scene", "ColorScheme")


def policies() -> bytes:
    """The pushed GCF; a policy's checksum is the MD5 of the bytes between its tags."""
    checksum = hashlib.md5(SHIELDS.encode()).hexdigest().upper()
    return f'<Policies><Policy type="SHIELDS" checksum="{checksum}">{SHIELDS}</Policy></Policies>'.encode()


def swapped(port: int) -> int:
    """A port as the profile's ClientPort prints it: 16 bits, bytes swapped."""
    return int(struct.unpack("<H", struct.pack(">H", port))[0])


def profile(
    account: Account, seen: Endpoint, now: float, ticket: str, dialect: Dialect, *, over_gateway: bool
) -> bytes:
    """The profile message: where the server saw the client is its native receipt."""
    fields: dict[str, object] = {
        "MIME-Version": "1.0",
        "Content-Type": "text/x-msmsgsprofile; charset=UTF-8",
        "LoginTime": int(now),
        "EmailEnabled": 0,
        "MemberIdHigh": account.member_id_high,
        "MemberIdLow": account.member_id_low,
        "lang_preference": account.language,
        "preferredEmail": "",
        "country": account.country,
        "PostalCode": "",
        "Gender": "",
        "Kid": 0,
        "Age": "",
        "BDayPre": "",
        "Birthday": "",
        "Wallet": "",
        "Flags": 536872513,
        "sid": 507,
        "MSPAuth": ticket.partition("&")[0].removeprefix("t="),
        "ClientIP": seen.address,
        "ClientPort": 0 if over_gateway else swapped(seen.port),
    }
    if dialect.lists in ("guids", "soap"):
        fields["ABCHMigrated"] = 1
    if dialect.places:
        fields["MPOPEnabled"] = 1
    return ("".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode()


def shown(look: Look) -> Shown:
    """What a presence line shows."""
    return Shown(look.address, look.status, look.name, look.capabilities, look.extended, look.picture or "0")


def personal(look: Look, dialect: Dialect, *, own: bool = False) -> bytes:
    """The UBX document; b"" when there is nothing to tell. `own`: for the account's own places."""
    pieces = [el("PSM", look.psm), el("CurrentMedia", look.media)]
    if dialect.lists == "soap":
        pieces.append(el("MachineGuid", f"{{{look.machine}}}" if look.machine else ""))
    if dialect.places:
        pieces += [el(name, value) for name, value in look.extras]
        for one in look.endpoints:
            words = capabilities(dialect, one.capabilities, one.extended)
            pieces.append(el("EndpointData", el("Capabilities", words), at={"id": f"{{{one.id}}}"}))
        pieces += [_private(one) for one in look.endpoints if own]
    if not (look.psm or look.media or look.machine or look.extras or look.endpoints):
        return b""
    return el("Data", joined(*pieces)).encode()


def _private(place: PlaceShown) -> Xml:
    return el(
        "PrivateEndpointData",
        el("EpName", place.name),
        el("Idle", place.idle),
        el("ClientType", place.client_type),
        el("State", place.status),
        at={"id": f"{{{place.id}}}"},
    )


def book_changed(account: Account) -> bytes:
    """The NOT document: something in the address book changed, fetch it (msnp.md 2.19)."""
    when = datetime.fromtimestamp(account.changed / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    news = el(
        "NotificationData",
        el("Service", "ABCHInternal"),
        el("CID", account.cid),
        el("LastModifiedDate", when),
        el("HasNewItem", True),
    )
    pid = f"0x{account.member_id_high:08x}:0x{account.member_id_low:08x}"
    message = el(
        "MSG",
        el("ACTION", at={"url": "/"}),
        el("SUBSCR", at={"url": "/"}),
        el("BODY", str(news)),  # plain text here: it is escaped
        at={"id": "0"},
    )
    receiver = el("TO", el("VIA", at={"agent": "messenger"}), at={"pid": pid, "name": account.address})
    service = {"id": "0", "siteid": "45705", "siteurl": "http://contacts.msn.com"}
    return el("NOTIFICATION", receiver, message, at=service).encode()


def read_personal(payload: bytes, place: int, presence: Presence) -> None:
    """UUX: one of the three documents. Raises WireError for another root or broken XML."""
    root = markup.parse(payload)
    match root.tag:
        case "Data":
            extras = tuple((name, markup.text(root, name)) for name in EXTRAS if markup.find(root, name) is not None)
            presence.set_personal(
                place,
                psm=markup.text(root, "PSM"),
                media=markup.text(root, "CurrentMedia"),
                machine=markup.text(root, "MachineGuid"),
                extras=extras,
            )
        case "EndpointData":
            words = read_capabilities(markup.text(root, "Capabilities"))
            presence.set_endpoint(place, capabilities=words[0], extended=words[1])
        case "PrivateEndpointData":
            kind = markup.text(root, "ClientType")
            presence.set_endpoint(
                place,
                name=markup.text(root, "EpName"),
                idle=markup.text(root, "Idle").lower() == "true",
                client_type=number(kind),
            )
        case _:
            raise WireError(f"UUX with a document {root.tag[:40]!r}")


def decode(token: str) -> str:
    """A percent-encoded token as text."""
    return unquote(token)


def mail_notification(account: Account, dialect: Dialect) -> bytes:
    """What waits, once after the first CHG (MSNP11 and later)."""
    if not dialect.personal:
        return b""
    messages = tuple(account.messages.values())
    data = "too-large" if len(messages) > MOST_MAIL else _mail_data(messages)
    return _notification("text/x-msmsgsinitialmdatanotification", data)


def mail_arrived(account: Account, message: str, dialect: Dialect) -> bytes:
    """One offline message arrived while its recipient is signed in."""
    found = account.messages.get(message)
    if found is None or not dialect.personal:
        return b""
    return _notification("text/x-msmsgsoimnotification", _mail_data((found,)))


def _notification(kind: str, data: str) -> bytes:
    body = (
        f"MIME-Version: 1.0\r\nContent-Type: {kind}; charset=UTF-8\r\n\r\n"
        f"Mail-Data: {data}\r\nInbox-URL: /cgi-bin/HoTMaiL\r\nFolders-URL: /cgi-bin/folders\r\n"
        "Post-URL: http://www.hotmail.com\r\n"
    )
    return line("MSG", "Hotmail", "Hotmail", payload=body.encode())


def _mail_data(messages: tuple[Message, ...]) -> str:
    counts = el("E", el("I", 0), el("IU", 0), el("O", len(messages)), el("OU", sum(not one.read for one in messages)))
    quota = el("Q", el("QTM", 409600), el("QNM", 204800))
    return el("MD", counts, quota, *(_entry(one) for one in messages))


def _entry(message: Message) -> Xml:
    when = datetime.fromtimestamp(message.received / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return el(
        "M",
        el("T", 11),
        el("S", 6),
        el("RT", when),
        el("RS", int(message.read)),
        el("SZ", message.size),
        el("E", message.sender),
        el("I", message.id),
        el("F", OFFLINE_FOLDER),
        el("N", Header(message.nickname, "utf-8").encode()),
        el("SU", " "),
    )
