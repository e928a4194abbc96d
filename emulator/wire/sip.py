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
    """Bytes of a message. Content-Length (compact) is written last."""
    lines = [message.start, *(f"{name}: {value}" for name, value in message.headers), f"l: {len(message.body)}"]
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
    try:
        start, *lines = head[:-4].decode().split("\r\n")
    except UnicodeDecodeError as error:
        raise WireError("SIP that is not UTF-8") from error
    if re.search(r"[\x00-\x08\x0a-\x1f]", "".join((start, *lines))):
        raise WireError("control characters in a SIP header")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise WireError(f"a SIP line without a header name: {line[:60]!r}")
        headers.append((name.strip(), value.strip()))
    message = Message(start, tuple(headers))
    length = message.header("Content-Length") or "0"
    if not re.fullmatch(r"[0-9]{1,6}", length) or int(length) > BODY_LIMIT:
        raise WireError(f"SIP Content-Length {length[:20]!r}")
    body = (yield Exactly(int(length))) if int(length) else b""
    return msgspec.structs.replace(message, body=body)


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
        if not _authorized(request):
            return encode(Message("SIP/2.0 401 Unauthorized", (*head, ("WWW-Authenticate", 'Basic realm="live.com"'))))
        contact = request.need("Contact").partition(">")[0] + f">;expires={EXPIRES}"
        return encode(Message("SIP/2.0 200 OK", (*head, ("m", contact), ("Expires", str(EXPIRES)))))
    status = "200 OK" if method == "OPTIONS" else "405 Method Not Allowed"
    return encode(Message(f"SIP/2.0 {status}", (*head, ("Allow", ALLOW))))


def _authorized(request: Message) -> bool:
    scheme, _, secret = request.header("Authorization").partition(" ")
    try:
        text = base64.b64decode(secret, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return False
    if scheme.lower() != "basic" or not text.startswith(_PREFIX):
        return False
    tag = tags.from_ticket(text.removeprefix(_PREFIX))
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
