"""Exchange `storage`: the roaming profile service.

Nothing is kept: the profile is a function of the account, changes are accepted without effect. Source: http.md 5.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, Operation, SoapService, passport_refused, ticket_or_cookie
from emulator.wire import markup, roaming, soap, webfiles
from emulator.wire.http import Request
from emulator.wire.markup import Xml, el


def _reply(asked: Asked, response: Xml) -> bytes:
    return soap.envelope(response, roaming.answer_header(asked.account, asked.call.namespace))


def _response(asked: Asked, *content: Xml | str) -> bytes:
    name = asked.call.operation
    inside = (el(f"{name}Result", *content),) if content else ()
    return _reply(asked, el(f"{name}Response", *inside, at={"xmlns": asked.call.namespace}))


def _refuse(asked: Asked, code: str, text: str) -> soap.Refusal:
    actor = f"{asked.call.namespace}/{asked.call.operation}"
    return soap.Refusal(soap.service_fault(asked.call.namespace, code, text, actor=actor))


def get_profile(asked: Asked) -> bytes:
    """The caller's own profile, whatever CID was named."""
    return _reply(asked, roaming.profile(asked.account, asked.scene.now(), asked.call.namespace))


def create_profile(asked: Asked) -> bytes:
    """Everybody has a profile: its id."""
    return _response(asked, roaming.resource(asked.account, 106))


def create_document(asked: Asked) -> bytes:
    """A picture is looked at (size, first bytes) and gets the id of the one tile; the MIME type named is ignored."""
    stream = markup.find(asked.call.payload, "document/DocumentStreams/DocumentStream")
    try:
        data = b64decode("".join(markup.text(stream, "Data").split()), validate=True)
    except (Error, ValueError) as error:
        raise _refuse(asked, "InvalidObjectHandle", "Data is not base64") from error
    if len(data) > roaming.TILE_LIMIT or not webfiles.media_type(data).startswith("image/"):
        raise _refuse(asked, "AccessDenied", f"No picture of at most {roaming.TILE_LIMIT} bytes")
    return _response(asked, roaming.resource(asked.account, 205))


def find_documents(asked: Asked) -> bytes:
    """The one tile."""
    document = el(
        "Document",
        el("ResourceID", roaming.resource(asked.account, 205)),
        el("Name", "emu-tile"),
        at={"xsi:type": "Photo"},
    )
    return _response(asked, document)


def done(asked: Asked) -> bytes:
    """An empty response."""
    return _response(asked)


OPERATIONS: dict[str, Operation] = {
    "GetProfile": get_profile,
    "CreateProfile": create_profile,
    "CreateDocument": create_document,
    "FindDocuments": find_documents,
    **dict.fromkeys(
        ("UpdateProfile", "ShareItem", "UpdateDocument", "CreateRelationships", "DeleteRelationships"), done
    ),
}


def _ticket(call: soap.Call, request: Request) -> str:
    return ticket_or_cookie(markup.text(call.header, "StorageUserHeader/TicketToken"), request)


service = SoapService(
    actor="https://storage.msn.com" + roaming.PATH,
    operations=OPERATIONS,
    namespaces=(roaming.W10, roaming.Y2008),
    ticket=_ticket,
    refused=passport_refused,
)
ROUTES = on(("*.storage.msn.com", "storage.msn.com"), "POST", roaming.PATH, service)
