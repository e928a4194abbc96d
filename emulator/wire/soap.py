"""SOAP 1.1 as the services spoke it: `soap:` prefixes, faults with `detail/errorcode`, dispatch by the body.

Not the ticket service, whose faults stand beside the body (`rst`). Source: http.md 1.1 to 1.5.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.markup import Xml, el

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE_12 = "http://www.w3.org/2003/05/soap-envelope"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSD = "http://www.w3.org/2001/XMLSchema"
CONTENT_TYPE = "text/xml; charset=utf-8"


class Call(msgspec.Struct, frozen=True):
    """A request: `operation` and `namespace` of the first element in the body, `action` the header without quotes."""

    operation: str
    namespace: str
    action: str
    header: Element | None
    body: Element  # soap:Body
    payload: Element  # its first child


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal. `detail` is markup; `at` are attributes of faultcode (it declares the prefix that its value uses)."""

    code: str
    text: str
    actor: str = ""
    detail: Xml = Xml("")
    at: dict[str, str] = {}


class Refusal(Exception):
    """An operation answers with this fault; the service turns it into HTTP 500."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.text}")
        self.fault = fault


def envelope(body: Xml, header: Xml = Xml("")) -> bytes:
    """A document with the prefixes that clients without namespace support look for."""
    head = (el("soap:Header", header),) if header else ()
    at = {"xmlns:soap": ENVELOPE, "xmlns:xsi": XSI, "xmlns:xsd": XSD}
    return markup.document(el("soap:Envelope", *head, el("soap:Body", body), at=at))


def read_call(data: bytes, action: str = "") -> Call:
    """Parse a request. `action` is the SOAPAction header as it came. Raises WireError."""
    root = markup.parse(data)
    body = _body(root)
    if body is None or len(body) == 0:
        raise WireError("a SOAP envelope without an operation")
    payload = body[0]
    return Call(
        markup.local(payload),
        markup.namespace(payload),
        action.strip().strip('"'),
        markup.find(root, "Header"),
        body,
        payload,
    )


def read_reply(data: bytes) -> Element:
    """First element of the answer's body: the response, or `Fault`. Raises WireError."""
    body = _body(markup.parse(data))
    if body is None or len(body) == 0:
        raise WireError("a SOAP answer with an empty body")
    return body[0]


def service_fault(namespace: str, errorcode: str, text: str, *, actor: str = "", more: Xml = Xml("")) -> Fault:
    """The fault of contacts, storage and spaces: `detail/errorcode` in the service's namespace (http.md 1.4).

    `more` goes into additionalDetails: the contact that is in the way, the argument that is too long.
    """
    at = {"xmlns": namespace}
    detail = markup.joined(
        el("errorcode", errorcode, at=at),
        el("errorstring", text, at=at),
        el("machineName", "EMUAB01", at=at),
        el("additionalDetails", el("originalExceptionErrorMessage", text), more),
    )
    return Fault(code="soap:Client", text=text, actor=actor, detail=detail)


def unreadable(text: str, *, actor: str = "") -> Fault:
    """The answer to a body that is no SOAP: `Schema validation error`, with the reason as text (http.md 15)."""
    return Fault(code="soap:Client", text=text, actor=actor)


def fault(fault: Fault) -> bytes:
    """A fault as a document, children in the order that ASP.NET wrote them."""
    actor = (el("faultactor", fault.actor),) if fault.actor else ()
    parts = (el("faultcode", fault.code, at=fault.at), el("faultstring", fault.text), *actor)
    return envelope(el("soap:Fault", *parts, el("detail", fault.detail)))


def errorcode(reply: Element) -> str:
    """`detail/errorcode` of a fault, else its faultcode; "" when `reply` is no fault."""
    if markup.local(reply) != "Fault":
        return ""
    return markup.text(reply, "detail/errorcode") or markup.text(reply, "faultcode")


def _body(root: Element) -> Element | None:
    if markup.local(root) != "Envelope" or markup.namespace(root) not in (ENVELOPE, ENVELOPE_12):
        raise WireError(f"not a SOAP envelope but {root.tag}")
    return markup.find(root, "Body")
