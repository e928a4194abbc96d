"""SIP as 8.1 spoke it inside TLS: REGISTER with compact headers, then OPTIONS, both ends. No calls, no proxying.

Source: dossier media.md 4.1 (certainty A) and 7; RFC 3261, RFC 3581 (received, rport).
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from emulator.wire import tags
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Exactly, Peek, Send, Sighting, Talk, Until

HEAD_LIMIT = 8192  # bytes
BODY_LIMIT = 16 * 1024  # bytes
HEADERS_LIMIT = 64
REQUESTS = 32  # requests on one connection
EXPIRES = 900  # seconds
ALLOW = "REGISTER, OPTIONS"
AGENT = "UCCP/1.3.5369.0 (Windows Live Messenger 8.1 emulation)"
TO_TAG = "far01"

COMPACT = {"via": "v", "from": "f", "to": "t", "call-id": "i", "contact": "m", "content-length": "l", "supported": "k"}
COMPACT |= {"event": "o", "content-type": "c"}
_PREFIX = "msmsgs:RPS_"


class Message(msgspec.Struct, frozen=True):
    """A request or an answer: first line, headers in order with the spelling of the wire, body."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str:
        """First value of a header by its long or compact name, any case; "" when missing."""
        wanted = {name.lower(), COMPACT.get(name.lower(), name.lower())}
        return next((value for key, value in self.headers if key.lower() in wanted), "")

    def need(self, name: str) -> str:
        """As `header`, but a missing one is a WireError."""
        if not (value := self.header(name)):
            raise WireError(f"SIP {self.start[:60]!r} without {name}")
        return value


def encode(message: Message) -> bytes:
    """Bytes of a message. Content-Length is written last, compact unless Via is spelled out."""
    length = "Content-Length" if any(name.lower() == "via" for name, _ in message.headers) else "l"
    lines = [message.start, *(f"{name}: {value}" for name, value in message.headers), f"{length}: {len(message.body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + message.body


def register(
    account: str, via: Endpoint, call_id: str, ticket: str, *, from_tag: str, epid: str, agent: str = AGENT
) -> bytes:
    """The REGISTER of a sign-in to the call service. `call_id` carries the flow's tag in hex."""
    domain, where = account.partition("@")[2], f"{via.address}:{via.port}"
    secret = base64.b64encode(f"{_PREFIX}{ticket}".encode()).decode()
    headers = (
        ("v", f"SIP/2.0/TLS {where}"),
        ("Max-Forwards", "70"),
        ("f", _sender(account, from_tag, epid)),
        ("t", f"<sip:{account}>"),
        ("i", call_id),
        ("CSeq", "1 REGISTER"),
        ("m", f"<sip:{where};transport=tls>;proxy=replace"),
        ("User-Agent", agent),
        ("ms-keep-alive", "UAC;hop-hop=yes"),
        ("o", "registration"),
        ("Authorization", f"Basic {secret}"),
    )
    return encode(Message(f"REGISTER sip:{domain} SIP/2.0", headers))


def options(account: str, via: Endpoint, call_id: str, *, from_tag: str, epid: str) -> bytes:
    """The OPTIONS that asks what the service allows; same dialogue identifiers as the REGISTER before it."""
    domain = account.partition("@")[2]
    headers = (
        ("v", f"SIP/2.0/TLS {via.address}:{via.port}"),
        ("Max-Forwards", "70"),
        ("f", _sender(account, from_tag, epid)),
        ("t", f"<sip:{domain}>"),
        ("i", call_id),
        ("CSeq", "2 OPTIONS"),
        ("User-Agent", AGENT),
    )
    return encode(Message(f"OPTIONS sip:{domain} SIP/2.0", headers))


def read() -> Talk[Message]:
    """Take one message off a stream; keep-alives (CRLF) before it are skipped, at most 64 bytes of them."""
    head = b""
    for _ in range(32):
        if (yield Peek(2))[:2] != b"\r\n":
            head = yield Until(b"\r\n\r\n", HEAD_LIMIT)
            break
        yield Exactly(2)
    if not head:
        raise WireError("nothing but SIP keep-alives")
    message, size = _headed(head)
    return msgspec.structs.replace(message, body=(yield Exactly(size)) if size else b"")


def decode(datagram: bytes) -> Message:
    """Read one message that is a whole datagram; what follows the body is cut off (RFC 3261 18.3).

    WireError for one that ends before its Content-Length, and for everything that `read` refuses.
    """
    head, blank, body = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank or len(head) + 4 > HEAD_LIMIT:
        raise WireError(f"no SIP head in a datagram of {len(datagram)} bytes")
    message, size = _headed(head + blank)
    if not message.header("Content-Length"):
        size = len(body)
    if size > min(len(body), BODY_LIMIT):
        raise WireError(f"a SIP body of {size} bytes of which {len(body)} came")
    return msgspec.structs.replace(message, body=body[:size])


def parameters(value: str) -> dict[str, str]:
    """Parameters behind a header's value, names in lower case; those inside `<…>` belong to the URI."""
    pairs = (piece.partition("=") for piece in value.rpartition(">")[2].split(";")[1:])
    return {name.strip().lower(): text.strip() for name, _, text in pairs}


def address(value: str) -> str:
    """The account in a From, To, Contact or URI: user@host in lower case, without scheme, port and parameters."""
    found = re.search(r"sips?:([^;>\s]*)", value, re.IGNORECASE)
    user, at, host = (found[1] if found else "").rpartition("@")
    return f"{user}{at}{host.partition(':')[0]}".lower()


def uri(value: str) -> str:
    """What stands in `<…>`, or the bare URI without the header's parameters."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.partition(";")[0].strip()


def method_of(message: Message) -> str:
    """Method of a request, "" for an answer. WireError for a first line that is neither."""
    if status_of(message):
        return ""
    words = message.start.split(" ")
    if len(words) != 3 or words[2] != "SIP/2.0" or not re.fullmatch(r"[A-Z]{2,16}", words[0]):
        raise WireError(f"not a SIP request: {message.start[:60]!r}")
    return words[0]


def status_of(message: Message) -> int:
    """Status of an answer, 0 for a request."""
    found = re.match(r"SIP/2\.0 ([1-6][0-9]{2})( |$)", message.start)
    return int(found[1]) if found else 0


def sequence_of(message: Message) -> tuple[int, str]:
    """Number and method of CSeq. WireError when it is not of that form."""
    found = re.fullmatch(r"([0-9]{1,10})\s+([A-Z]{2,16})", message.need("CSeq"))
    if found is None or int(found[1]) >= 1 << 31:
        raise WireError(f"CSeq {message.header('CSeq')[:40]!r}")
    return int(found[1]), found[2]


def reply(
    request: Message,
    status: str,
    observed: Endpoint | None,
    *,
    tag: str = "",
    more: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Message:
    """An answer in the request's spelling: Via with received and rport (RFC 3581), what is copied, `tag` in To.

    `observed` None: the message came another way than over a connection of its own, so Via stays.
    """
    copied = []
    seen_via = False
    for name, value in request.headers:
        match name.lower():
            case "via" | "v":
                if not seen_via and observed is not None:
                    value = stamped(value, observed)
                seen_via = True
                copied.append((name, value))
            case "to" | "t":
                copied.append((name, f"{value};tag={tag}" if tag and "tag" not in parameters(value) else value))
            case "from" | "f" | "call-id" | "i" | "cseq" | "record-route":
                copied.append((name, value))
    if not any(name.lower() == "v" for name, _ in copied):
        long = {short: name.title() for name, short in COMPACT.items()}
        more = tuple((long.get(name, name), value) for name, value in more)
    return Message(f"SIP/2.0 {status}", (*copied, *more), body)


def stamped(via: str, observed: Endpoint) -> str:
    """A Via with the address and port that its request came from (RFC 3581)."""
    kept = [piece for piece in via.split(";") if not re.match(r"\s*(rport|received)\s*(=|$)", piece, re.IGNORECASE)]
    return ";".join((*kept, f"received={observed.address}", f"rport={observed.port}"))


def _headed(head: bytes) -> tuple[Message, int]:
    """A head up to its blank line, and the length of the body behind it."""
    try:
        start, *lines = head[:-4].decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise WireError("SIP that is not UTF-8") from error
    if len(lines) > HEADERS_LIMIT:
        raise WireError(f"SIP with {len(lines)} headers")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and headers:  # a folded line (RFC 3261 7.3.1)
            folded = line.strip(" \t")
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {folded}")
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise WireError(f"a SIP line without a header name: {line[:60]!r}")
        headers.append((name.strip(" \t"), value.strip(" \t")))
    if re.search(r"[\x00-\x08\x0a-\x1f]", "".join((start, *lines))):
        raise WireError("control characters in a SIP header")
    message = Message(start, tuple(headers))
    lengths = {value for name, value in headers if name.lower() in ("content-length", "l")}
    if len(lengths) > 1:
        raise WireError(f"two values of Content-Length: {sorted(lengths)!r:.60}")
    length = next(iter(lengths), "0")
    if not re.fullmatch(r"[0-9]{1,6}", length) or int(length) > BODY_LIMIT:
        raise WireError(f"SIP Content-Length {length[:20]!r}")
    return message, int(length)


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """REGISTER, then OPTIONS. Facts: mapped (Via received and rport), expires (seconds), allow, server_tag."""
    account, call_id = tags.account(context.tag), context.tag.hex()
    from_tag, epid = filler(context.tag, 5, "from").hex(), filler(context.tag, 5, "epid").hex()
    sender = _sender(account, from_tag, epid)
    yield Send(register(account, context.local, call_id, tags.ticket(context.tag), from_tag=from_tag, epid=epid))
    registered = yield from _answered(context, "1 REGISTER", sender, account)
    expires = registered.need("Expires")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", expires):
        raise WireError(f"Expires: {expires[:20]!r}")
    stored = f"<sip:{context.local.address}:{context.local.port};transport=tls>;expires={expires}"
    if registered.need("Contact") != stored:
        raise WireError("the registrar did not store our Contact")
    yield Send(options(account, context.local, call_id, from_tag=from_tag, epid=epid))
    allowing = yield from _answered(context, "2 OPTIONS", sender, account.partition("@")[2])
    via = _parameters(registered.need("Via"))
    if "received" not in via or not re.fullmatch(r"[0-9]{1,5}", via.get("rport", "")):
        raise WireError("Via without received and rport")
    if _parameters(allowing.need("Via")) != via:
        raise WireError("the two answers saw us at different addresses")
    return {
        "mapped": [via["received"], int(via["rport"])],
        "expires": int(expires),
        "allow": allowing.need("Allow"),
        "call_id": call_id,
        "account": account,
        "server_tag": _parameters(registered.need("To")).get("tag", ""),
    }


def server(context: ServerContext) -> Talk[None]:
    """Registrar: 200 for REGISTER with a ticket that carries the Call-ID, 200 for OPTIONS, 405 for the rest.

    Ends when the peer closes; at most 32 requests. A Call-ID of another form is answered, but sights nothing.
    """
    sighted = ""
    for _ in range(REQUESTS):
        while (ahead := (yield Peek(2)))[:2] == b"\r\n":
            yield Exactly(2)  # keep-alive; the connection's idle time limits their number
        if not ahead:
            return
        request = yield from read()
        words = request.start.split(" ")
        if len(words) != 3 or words[2] != "SIP/2.0" or not re.fullmatch(r"[A-Z]{2,16}", words[0]):
            raise WireError(f"not a SIP request: {request.start[:60]!r}")
        tag = tags.from_hex(request.need("Call-ID"))
        if tag and tag != sighted:
            sighted = tag
            yield Sighting("sip", tag, {"method": words[0], "uri": words[1], "agent": request.header("User-Agent")})
        if words[0] != "ACK":
            yield Send(_answer(words[0], request, context))
    if (yield Peek()):
        raise WireError(f"more than {REQUESTS} SIP requests on one connection")


def _answer(method: str, request: Message, context: ServerContext) -> bytes:
    via = f"{request.need('Via')};received={context.observed.address};rport={context.observed.port}"
    to = request.need("To")
    head = [
        ("v", via),
        ("f", request.need("From")),
        ("t", to if ";tag=" in to else f"{to};tag={TO_TAG}"),
        ("i", request.need("Call-ID")),
        ("CSeq", request.need("CSeq")),
    ]
    if method == "REGISTER":
        if not authorized(request):
            return encode(Message("SIP/2.0 401 Unauthorized", (*head, ("WWW-Authenticate", 'Basic realm="live.com"'))))
        contact = request.need("Contact").partition(">")[0] + f">;expires={EXPIRES}"
        return encode(Message("SIP/2.0 200 OK", (*head, ("m", contact), ("Expires", str(EXPIRES)))))
    status = "200 OK" if method == "OPTIONS" else "405 Method Not Allowed"
    return encode(Message(f"SIP/2.0 {status}", (*head, ("Allow", ALLOW))))


def ticket_of(request: Message) -> str:
    """The ticket in `Authorization: Basic base64("msmsgs:RPS_" ticket)`; "" when there is none."""
    scheme, _, secret = request.header("Authorization").partition(" ")
    try:
        text = base64.b64decode(secret, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""
    return text.removeprefix(_PREFIX) if scheme.lower() == "basic" and text.startswith(_PREFIX) else ""


def authorized(request: Message) -> bool:
    """True for a ticket of a probe's own that carries the Call-ID."""
    tag = tags.from_ticket(ticket_of(request))
    return bool(tag) and tag == tags.from_hex(request.header("Call-ID"))


def _sender(account: str, from_tag: str, epid: str) -> str:
    return f'"0" <sip:{account}>;tag={from_tag};epid={epid}'


def _answered(context: ClientContext, cseq: str, sender: str, target: str) -> Talk[Message]:
    answer = yield from read()
    if answer.start != "SIP/2.0 200 OK":
        raise WireError(f"{cseq} was answered {answer.start[:60]!r}")
    via = f"SIP/2.0/TLS {context.local.address}:{context.local.port}"
    if answer.need("Call-ID") != context.tag.hex() or answer.need("CSeq") != cseq:
        raise WireError(f"an answer to another request than {cseq}")
    if answer.need("Via").partition(";")[0] != via or answer.need("From") != sender:
        raise WireError("the answer changed Via or From")
    if not answer.need("To").startswith(f"<sip:{target}>;tag="):
        raise WireError("the answer changed To, or has no tag there")
    return answer


def _parameters(value: str) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in value.split(";")[1:])
    return {name.strip().lower(): text.strip() for name, _, text in pairs}
