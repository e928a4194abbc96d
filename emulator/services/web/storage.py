"""Exchange `storage`: the roaming profile service: name, status message and pictures of the caller.

Nobody reads or changes another's profile here. Source: http.md 5.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from xml.etree.ElementTree import Element

from emulator.services.web.route import on
from emulator.services.web.soapservice import Asked, Operation, SoapService, passport_refused, ticket_or_cookie
from emulator.wire import markup, roaming, soap
from emulator.wire.http import Request
from emulator.wire.markup import Xml, el
from emulator.world import picture
from emulator.world.errors import NoSuchDocument
from emulator.world.records import Account, Document

USER_TILES = "/UserTiles"
PROFILE_PHOTO = "ProfilePhoto"


def _response(asked: Asked, *content: Xml | str) -> bytes:
    name = asked.call.operation
    inside = (el(f"{name}Result", *content),) if content else ()
    return _reply(asked, el(f"{name}Response", *inside, at={"xmlns": asked.call.namespace}))


def _reply(asked: Asked, response: Xml) -> bytes:
    header = roaming.answer_header(asked.me.cid, asked.me.cid_hex, asked.call.namespace)
    return soap.envelope(response, header)


def _refuse(asked: Asked, code: str, text: str) -> soap.Refusal:
    actor = f"{asked.call.namespace}/{asked.call.operation}"
    return soap.Refusal(soap.service_fault(asked.call.namespace, code, text, actor=actor))


def get_profile(asked: Asked) -> bytes:
    """The caller's own profile, whatever CID was named."""
    return _reply(asked, roaming.profile(view(asked.me), asked.call.namespace))


def view(account: Account) -> roaming.View:
    """What of an account stands in its profile."""
    tile = account.tile
    return roaming.View(
        cid_hex=account.cid_hex,
        version=account.profile_version,
        changed=max(account.profile_changed, account.created),
        name=account.name,
        name_changed=account.name_changed,
        status=account.psm,
        status_changed=account.psm_changed or account.created,
        photo=None if tile is None else _photo(account, tile),
    )


def _photo(account: Account, tile: Document) -> roaming.Photo:
    return roaming.Photo(account.resource(tile.number), tile.name, tile.mime, len(tile.data), tile.changed)


def update_profile(asked: Asked) -> bytes:
    """Name and status message, both or one; `profileAttributesToDelete` takes them away."""
    profile = markup.find(asked.payload, "profile")
    named = markup.text(profile, "ResourceID")
    if named and roaming.number_of(named, asked.me.cid_hex) not in (roaming.PROFILE, roaming.EXPRESSION):
        raise _refuse(asked, "ItemDoesNotExist", "The profile does not exist")
    values = markup.find(profile, "ExpressionProfile")
    name = _value(values, "DisplayName") or None
    status = _value(values, "PersonalStatus")
    gone = markup.find(asked.payload, "profileAttributesToDelete/ExpressionProfileAttributes")
    if markup.text(gone, "PersonalStatus").lower() == "true":
        status = ""
    if markup.text(gone, "DisplayName").lower() == "true":
        name = asked.me.address.partition("@")[0]
    if name is not None or status is not None:
        asked.world.accounts.update_profile(asked.me.address, name=name, psm=status)
    return _response(asked)


def _value(values: Element | None, name: str) -> str | None:
    return markup.text(values, name) if markup.find(values, name) is not None else None


def create_profile(asked: Asked) -> bytes:
    """Everybody has a profile: its id."""
    return _response(asked, asked.me.resource(roaming.PROFILE))


def create_document(asked: Asked) -> bytes:
    """A picture is looked at (size, first bytes) and gets an id; the MIME type named is ignored."""
    document = markup.find(asked.payload, "document")
    data, mime = _picture(asked, document)
    name = markup.text(document, "Name")
    made = asked.world.accounts.store_document(asked.me.address, data, mime, name=name)
    return _response(asked, asked.me.resource(made.number))


def update_document(asked: Asked) -> bytes:
    """Another picture under the same id."""
    document = markup.find(asked.payload, "document")
    number = _known(asked, markup.text(document, "ResourceID"))
    data, mime = _picture(asked, document)
    name = markup.text(document, "Name") or asked.me.documents[number].name
    asked.world.accounts.store_document(asked.me.address, data, mime, name=name, number=number)
    return _response(asked)


def _picture(asked: Asked, document: Element | None) -> tuple[bytes, str]:
    stream = markup.find(document, "DocumentStreams/DocumentStream")
    try:
        data = b64decode("".join(markup.text(stream, "Data").split()), validate=True)
    except (Error, ValueError) as error:
        raise _refuse(asked, "InvalidObjectHandle", "Data is not base64") from error
    mime = picture.kind(data)
    if len(data) > roaming.TILE_LIMIT or not mime:
        raise _refuse(asked, "AccessDenied", f"No picture of at most {roaming.TILE_LIMIT} bytes")
    return data, mime


def find_documents(asked: Asked) -> bytes:
    """All pictures, the newest first."""
    documents = sorted(asked.me.documents.values(), key=lambda one: -one.changed)
    elements = [
        el(
            "Document",
            el("ResourceID", asked.me.resource(one.number)),
            el("Name", one.name),
            at={"xsi:type": "Photo"},
        )
        for one in documents
    ]
    name = asked.call.operation
    result = el(f"{name}Result", *elements)
    return _reply(asked, el(f"{name}Response", result, at={"xmlns": asked.call.namespace}))


def create_relationships(asked: Asked) -> bytes:
    """ProfilePhoto: a picture becomes the user tile."""
    targets = [
        _known(asked, markup.text(one, "TargetID"))
        for one in markup.every(asked.payload, "relationships/Relationship")
        if markup.text(one, "RelationshipName", PROFILE_PHOTO) == PROFILE_PHOTO
    ]
    for number in targets[-1:]:
        asked.world.accounts.relate_photo(asked.me.address, number)
    return _response(asked)


def delete_relationships(asked: Asked) -> bytes:
    """Out of /UserTiles: the picture is deleted. From the profile: it is no longer the tile.

    Clients do both in this order, so a picture that is gone already is no fault in the second case.
    """
    source = markup.find(asked.payload, "sourceHandle")
    targets = [markup.text(one) for one in markup.every(asked.payload, "targetHandles/ObjectHandle/ResourceID")]
    accounts, address = asked.world.accounts, asked.me.address
    if markup.text(source, "RelationshipName") == USER_TILES:
        for number in dict.fromkeys([_known(asked, one) for one in targets]):
            accounts.remove_document(address, number)
    elif asked.me.photo and asked.me.photo in (roaming.number_of(one, asked.me.cid_hex) for one in targets):
        accounts.relate_photo(address, 0)
    return _response(asked)


def _known(asked: Asked, resource: str) -> int:
    """Number of one of the caller's pictures."""
    number = roaming.number_of(resource, asked.me.cid_hex)
    if number not in asked.me.documents:
        raise NoSuchDocument("That item does not exist")
    return number


def item_version(asked: Asked) -> bytes:
    """A number that grows with every change of the profile (the original's form is unknown: emulated)."""
    return _response(asked, str(asked.me.profile_version))


def done(asked: Asked) -> bytes:
    """An empty response."""
    return _response(asked)


OPERATIONS: dict[str, Operation] = {
    "GetProfile": get_profile,
    "UpdateProfile": update_profile,
    "CreateProfile": create_profile,
    "CreateDocument": create_document,
    "UpdateDocument": update_document,
    "FindDocuments": find_documents,
    "CreateRelationships": create_relationships,
    "DeleteRelationships": delete_relationships,
    "GetItemVersion": item_version,
    "ShareItem": done,
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
