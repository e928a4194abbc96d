"""What the SOAP services refuse, and how: tickets, operations, paths, documents, bombs."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lxml import etree
from web_place import TAG, ask, published, scene, town, vector

from emulator.services.web.scene import Scene
from emulator.wire import (
    addressbook,
    appdirectory,
    clientconfig,
    contactcard,
    oim,
    roaming,
    soap,
    tags,
    webfiles,
)
from emulator.wire.http import Response
from emulator.wire.markup import el

TICKET = tags.ticket(TAG)


SHARING = "https://contacts.msn.com" + addressbook.SHARING_PATH


BOOK = "https://local-bay.contacts.msn.com" + addressbook.BOOK_PATH


STORAGE = "https://storage.msn.com" + roaming.PATH


CARD = "http://spaces.live.com" + contactcard.PATH


STORE = "https://ows.messenger.msn.com" + oim.STORE_PATH


RSI = "https://rsi.hotmail.com" + oim.READ_PATH


SOAP_URLS = [
    SHARING,
    BOOK,
    STORAGE,
    CARD,
    STORE,
    RSI,
    "http://config.messenger.msn.com" + clientconfig.PATH,
    appdirectory.HOST + appdirectory.PATH,
]


def code(response: Response) -> str:
    """`detail/errorcode` or faultcode of an answer."""
    return soap.errorcode(soap.read_reply(response.body))


def call(operation: str, *content: str, ticket: str = TICKET, url: str = BOOK, at: Scene | None = None) -> Response:
    return ask("POST", url, (), addressbook.call(operation, ticket, *content), at=at).response


@pytest.mark.parametrize("ticket", ["", "t=", "t=&p=", "nonsense", "   ", "t=EMUCONTACTSalice00001aa==&p=", "t=x"])
@pytest.mark.parametrize(
    ("url", "body"),
    [
        (SHARING, addressbook.find_membership),
        (BOOK, addressbook.find_all),
        (STORAGE, lambda ticket: roaming.get_profile(ticket, 1)),
        (CARD, lambda ticket: contactcard.request(ticket, 1)),
    ],
)
def test_a_missing_or_unknown_ticket_is_a_passport_failure(url: str, body: object, ticket: str) -> None:
    answered = ask("POST", url, (), body(ticket))  # type: ignore[operator]
    assert answered.response.status == 500
    assert code(answered.response) == "PassportAuthFail"
    assert answered.tag == ""


@pytest.mark.parametrize("url", [SHARING, STORAGE])
def test_the_cookie_stands_in_for_the_ticket_element(url: str) -> None:
    body = addressbook.find_membership("") if url == SHARING else roaming.get_profile("", 1)
    answered = ask("POST", url, (("Cookie", f"MSPAuth=ML{TAG.hex()};MSPProf=abc"),), body)
    assert answered.response.status == 200
    assert answered.tag == TAG.hex()


@pytest.mark.parametrize("url", SOAP_URLS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<a/>",
        b"hello",
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + vector(7).partition(b"?>")[2].replace(b"Full", b"&b;"),
        b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>',
        vector(7)[:-20],
    ],
)
def test_what_is_no_soap_is_a_client_fault(url: str, body: bytes) -> None:
    response = ask("POST", url, (), body).response
    assert response.status == 500
    assert code(response) == "soap:Client"
    assert response.header("Content-Type") == "text/xml; charset=utf-8"


@pytest.mark.parametrize("url", SOAP_URLS)
@pytest.mark.parametrize("namespace", [addressbook.NAMESPACE, clientconfig.NAMESPACE, "urn:none", ""])
def test_an_unknown_operation_is_not_recognised(url: str, namespace: str) -> None:
    headers = (("SOAPAction", '"urn:none/Invent"'),)
    body = soap.envelope(el("Invent", at={"xmlns": namespace} if namespace else {}))
    response = ask("POST", url, headers, body).response
    assert response.status == 500
    assert code(response) == "Forbidden"
    assert b"urn:none/Invent" in response.body


def test_an_operation_in_a_foreign_namespace_is_not_recognised() -> None:
    body = addressbook.find_membership(TICKET).replace(addressbook.NAMESPACE.encode(), b"urn:other")
    assert code(ask("POST", SHARING, (), body).response) == "Forbidden"


@pytest.mark.parametrize("url", SOAP_URLS)
def test_a_wrong_method_is_405_and_a_wrong_path_404(url: str) -> None:
    for method in ("PUT", "DELETE"):
        response = ask(method, url).response
        assert response.status == 405
        assert "POST" in response.header("Allow")
    answered = ask("POST", url + "x")
    assert answered.response.status == 404
    assert answered.facts["unknown"] is True


def contact(name: str) -> str:
    return el("contacts", el("Contact", el("contactInfo", el("passportName", name))))


def group(name: str) -> str:
    return el("groupInfo", el("GroupInfo", el("name", name)))


@pytest.mark.parametrize(
    ("operation", "content", "wanted"),
    [
        ("ABAdd", "", "ABAlreadyExists"),
        ("ABContactAdd", contact("nobody"), "BadEmailArgument"),
        ("ABContactAdd", contact("a@b"), "BadEmailArgument"),
        ("ABContactAdd", contact("nobody@emu.test"), "InvalidPassportUser"),
        ("ABContactAdd", contact("contact@hotmail.com"), "ContactAlreadyExists"),
        ("ABContactAdd", contact(tags.account(TAG)), "Forbidden"),
        ("ABContactAdd", contact("bob@emu.test"), ""),
        ("ABContactAdd", "", "BadEmailArgument"),
        ("ABGroupAdd", group("x" * 62), "BadArgumentLength"),
        ("ABGroupAdd", group(""), "BadArgumentLength"),
        ("ABGroupAdd", group("emulated GROUP"), "GroupAlreadyExists"),
        ("ABGroupAdd", group("x" * 61), ""),
        ("ABGroupContactAdd", contact("bob@emu.test"), "GroupDoesNotExist"),
        ("ABGroupDelete", "", "GroupDoesNotExist"),
        ("ABGroupUpdate", "", "GroupDoesNotExist"),
        ("ABContactUpdate", "", "ContactDoesNotExist"),
        ("ABContactDelete", contact("bob@emu.test"), "ContactDoesNotExist"),
        ("ABContactDelete", contact("contact@hotmail.com"), ""),
        ("ABFindAll", el("abId", "00000000-0000-0000-0009-000000000000"), "ABDoesNotExist"),
        ("UpdateDynamicItem", "", ""),
    ],
)
def test_changes_of_the_address_book(operation: str, content: str, wanted: str) -> None:
    response = call(operation, *((content,) if content else ()), at=scene(home=town()))
    assert code(response) == wanted
    assert response.status == (500 if wanted else 200)


def test_what_is_in_the_way_is_named() -> None:
    there = scene(home=town())
    taken = call("ABContactAdd", contact("contact@hotmail.com"), at=there)
    known = there.world.books.contact_of(tags.account(TAG), "contact@hotmail.com")
    assert etree.fromstring(taken.body).findtext(".//{*}conflictObjectId") == known.id
    long = call("ABGroupAdd", group("x" * 62), at=there)
    assert etree.fromstring(long.body).findtext(".//{*}parameterFault") == "GroupName"


def test_members_without_an_address_are_nobody() -> None:
    home = town()
    for name in (b"bob", b"nobody@emu.test"):
        body = published(9, home).replace(b"bob@emu.test", name)
        assert code(ask("POST", SHARING, (), body, at=scene(home=home)).response) == "UserDoesNotExist"


def test_the_affinity_key_that_is_echoed_has_not_changed() -> None:
    body, there = addressbook.find_all(TICKET), scene()
    first = etree.fromstring(ask("POST", BOOK, (), body, at=there).response.body)
    assert first.findtext(".//{*}CacheKeyChanged") == "true"
    assert first.findtext(".//{*}PreferredHostName") == "local-bay.contacts.msn.com"
    key = first.findtext(".//{*}CacheKey").encode()
    echoed = body.replace(b"<ApplicationId>", b"<CacheKey>" + key + b"</CacheKey><ApplicationId>", 1)
    second = etree.fromstring(ask("POST", BOOK, (), echoed, at=there).response.body)
    assert second.findtext(".//{*}CacheKeyChanged") == "false"


@pytest.mark.parametrize(("data", "wanted"), [(b"hello", "AccessDenied"), (webfiles.DOT * 7000, "AccessDenied")])
def test_documents_that_are_no_small_pictures(data: bytes, wanted: str) -> None:
    home = town()
    body = published(16, home).replace(b64encode(webfiles.TILE), b64encode(data))
    assert code(ask("POST", STORAGE, (), body, at=scene(home=home)).response) == wanted
    broken = published(16, home).replace(b64encode(webfiles.TILE), b"!!!")
    assert code(ask("POST", STORAGE, (), broken, at=scene(home=home)).response) == "InvalidObjectHandle"


def test_the_storage_service_answers_in_the_namespace_of_the_call() -> None:
    body = roaming.get_profile(TICKET, 1).replace(roaming.W10.encode(), roaming.Y2008.encode())
    assert roaming.Y2008.encode() in ask("POST", STORAGE, (), body).response.body
    assert roaming.W10.encode() not in ask("POST", STORAGE, (), body).response.body


def test_unknown_entries_and_locales_of_the_directory() -> None:
    url = appdirectory.HOST + appdirectory.PATH
    unknown = ask("POST", url, (), appdirectory.entry_request("1")).response
    rows = appdirectory.read(soap.read_reply(unknown.body), "GetAppEntry")
    assert rows[0]["Error"] != ""
    empty = ask("POST", url, (), appdirectory.list_request("pt-BR")).response
    assert empty.status == 200
    assert appdirectory.read(soap.read_reply(empty.body), "GetFilteredDataSet2") == []
