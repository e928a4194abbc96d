"""Published documents against ours, read by lxml: the same elements, prefixes and attributes in the same places."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest
from lxml import etree
from web_place import TAG, ask, published, scene, town, vector

from emulator.catalog import load
from emulator.wire import (
    addressbook,
    adverts,
    appdirectory,
    challenge,
    clientconfig,
    contactcard,
    oim,
    passport,
    roaming,
    rst,
    rst_answer,
    tags,
)

TICKET = tags.ticket(TAG)
ACCOUNT = tags.account(TAG)
CONTACTS = "https://byrdr.omega.contacts.msn.com"
STORAGE = "https://tkrdr.storage.msn.com"
CID = passport.numbers(addressbook.CONTACT).cid


def shape(document: bytes) -> set[str]:
    """Every path of prefixed names (default namespaces written out), and every attribute under its path."""
    found: set[str] = set()

    def visit(element: etree._Element, above: str) -> None:
        name = etree.QName(element)
        prefix = element.prefix or f"[{name.namespace or ''}]"
        path = f"{above}/{prefix}:{name.localname}"
        found.add(path)
        for attribute in element.attrib:
            full = etree.QName(attribute)
            spelled = next((p for p, uri in element.nsmap.items() if uri == full.namespace), "")
            found.add(f"{path}@{spelled}:{full.localname}")
        for child in element:
            visit(child, path)

    visit(etree.fromstring(document), "")
    return found


def posted(url: str, body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    answered = ask("POST", url, headers, body)
    assert answered.response.status == status
    return answered.response.body


def in_town(number: int, url: str, status: int = 200) -> bytes:
    """The answer to a published request where its people live."""
    home = town()
    answered = ask("POST", url, (), published(number, home), at=scene(home=home))
    assert answered.response.status == status
    return answered.response.body


LOGIN = rst.Login(ACCOUNT, "right", (rst.Site(rst.PASSPORT), rst.Site(rst.CLEAR, "MBI"), rst.Site(rst.CONTACTS, "MBI")))
MESSAGE = oim.Message(tags.guid(TAG), 1, "\u03a9")
STORE = oim.Store(oim.W2004, ACCOUNT, addressbook.CONTACT, TICKET, challenge.CLIENT, "", 1, oim.mime(MESSAGE))


def book(body: bytes, path: str = addressbook.BOOK_PATH) -> bytes:
    return posted(CONTACTS + path, body)


def stored() -> bytes:
    url = "https://ows.messenger.msn.com" + oim.STORE_PATH
    refused = etree.fromstring(posted(url, oim.store(STORE), 500))
    digits = refused.findtext(".//{*}LockKeyChallenge")
    keyed = msgspec.structs.replace(STORE, lock_key=challenge.lock_key(digits, challenge.CLIENT))
    return posted(url, oim.store(keyed))


ANSWERS: dict[int, Callable[[], bytes]] = {
    2: lambda: posted(CONTACTS + addressbook.BOOK_PATH, addressbook.find_all(""), 500),
    4: lambda: posted("https://login.live.com/RST.srf", rst.request(LOGIN)),
    5: lambda: posted("https://login.live.com/RST.srf", rst.request(rst.Login(ACCOUNT, "wrong", LOGIN.sites))),
    6: lambda: rst_answer.redirect("https://msnia.login.live.com/pp900/RST.srf"),
    8: lambda: book(addressbook.find_membership(TICKET), addressbook.SHARING_PATH),
    10: lambda: in_town(9, CONTACTS + addressbook.SHARING_PATH),
    11: lambda: book(addressbook.find_all(TICKET)),
    13: lambda: in_town(12, CONTACTS + addressbook.BOOK_PATH),
    15: lambda: posted(STORAGE + roaming.PATH, roaming.get_profile(TICKET, 1)),
    28: lambda: posted("http://config.messenger.msn.com" + clientconfig.PATH, clientconfig.request()),
    29: lambda: ask("GET", f"http://config.messenger.msn.com{clientconfig.PATH}?{clientconfig.QUERY}").response.body,
    31: lambda: posted("https://ows.messenger.msn.com" + oim.STORE_PATH, oim.store(STORE), 500),
    32: stored,
    35: lambda: posted("https://rsi.hotmail.com" + oim.READ_PATH, oim.rsi_call("GetMetadata", TICKET)),
    37: lambda: in_town(36, "https://rsi.hotmail.com" + oim.READ_PATH, 500),
    39: lambda: adverts.text_ad("words"),
    41: lambda: posted(appdirectory.HOST + appdirectory.PATH, appdirectory.list_request()),
    43: lambda: posted("http://spaces.live.com" + contactcard.PATH, contactcard.request(TICKET, CID)),
}
REQUESTS: dict[int, Callable[[], bytes]] = {
    3: lambda: rst.request(LOGIN),
    7: lambda: addressbook.find_membership(TICKET),
    14: lambda: roaming.get_profile(TICKET, 1),
    27: clientconfig.request,
    30: lambda: oim.store(STORE),
    34: lambda: oim.rsi_call("GetMetadata", TICKET),
    40: appdirectory.list_request,
    42: lambda: contactcard.request(TICKET, CID),
}


@pytest.mark.parametrize("number", sorted(ANSWERS))
def test_our_answer_has_the_shape_of_the_published_one(number: int) -> None:
    assert shape(ANSWERS[number]()) == shape(vector(number))


@pytest.mark.parametrize("number", sorted(REQUESTS))
def test_our_request_has_the_shape_of_the_published_one(number: int) -> None:
    assert shape(REQUESTS[number]()) == shape(vector(number))


def test_no_answer_to_the_ticket_request_has_white_space_between_tokens() -> None:
    root = etree.fromstring(ANSWERS[4]())
    assert all(token.tail is None for token in root.iterfind(".//{*}RequestSecurityTokenResponse"))


@pytest.mark.parametrize(
    ("number", "url", "operation"),
    [
        (7, CONTACTS + addressbook.SHARING_PATH, "FindMembershipResponse"),
        (7, "http://contacts.msn.com/" + addressbook.SHARING_PATH.lower(), "FindMembershipResponse"),
        (9, CONTACTS + addressbook.SHARING_PATH, "AddMemberResponse"),
        (12, CONTACTS + addressbook.BOOK_PATH, "ABContactAddResponse"),
        (14, STORAGE + roaming.PATH, "GetProfileResponse"),
        (16, STORAGE + roaming.PATH.lower(), "CreateDocumentResponse"),
        (27, "https://config.messenger.msn.com" + clientconfig.PATH, "GetClientConfigResponse"),
        (34, "https://rsi.hotmail.com" + oim.READ_PATH, "GetMetadataResponse"),
        (40, appdirectory.HOST + appdirectory.PATH, "GetFilteredDataSet2Response"),
        (42, "http://cc.services.spaces.live.com" + contactcard.PATH, "GetXmlFeedResponse"),
    ],
)
def test_published_requests_are_answered(number: int, url: str, operation: str) -> None:
    body = etree.fromstring(in_town(number, url))
    assert etree.QName(body.find("{*}Body")[0]).localname == operation


def test_the_published_ticket_request_gets_tickets_for_its_sites() -> None:
    home = town()
    answered = ask("POST", "https://login.live.com//RST.srf", (), vector(3), at=scene(home=home))
    root = etree.fromstring(answered.response.body)
    assert [a.text for a in root.iterfind(".//{*}Address")] == [rst.PASSPORT, rst.CLEAR, rst.CONTACTS]
    tickets = [t.text for t in root.iterfind(".//{*}BinarySecurityToken")]
    assert all(re.fullmatch(r"t=[A-Za-z0-9+/=]+&p=", text) for text in tickets)
    assert {home.world.tickets.owner(one).address for one in tickets} == {"alice@emu.test"}


def test_the_published_message_with_a_foreign_lock_key_is_challenged_again() -> None:
    root = etree.fromstring(in_town(30, "https://ows.messenger.msn.com" + oim.STORE_PATH, 500))
    detail = root.find(".//detail")
    assert [etree.QName(one).localname for one in detail] == ["LockKeyChallenge"]


# What clients read, as XPath with literal prefixes (http.md 2.2, 4.3, 4.5, 5.1, 14, 20, 22), and what must stand there.
ENVELOPE = "/*[name()='soap:Envelope']/*[name()='soap:Body']"


def step(*names: str) -> str:
    return "".join(f"/*[name()='{name}']" for name in names)


TOKEN = step("S:Envelope", "S:Body", "wst:RequestSecurityTokenResponseCollection", "wst:RequestSecurityTokenResponse")
SERVICE = ENVELOPE + step("FindMembershipResponse", "FindMembershipResult", "Services", "Service")
MEMBER = SERVICE + step("Memberships", "Membership", "Members", "Member")
INFO = ENVELOPE + step("ABFindAllResponse", "ABFindAllResult", "contacts", "Contact", "contactInfo")
PROFILE = ENVELOPE + step("GetProfileResponse", "GetProfileResult")
STREAM = PROFILE + step("ExpressionProfile", "Photo", "DocumentStreams", "DocumentStream")
CARD = ENVELOPE + step("GetXmlFeedResponse", "GetXmlFeedResult", "contactCard")
ENTRY = ENVELOPE + step(
    "GetFilteredDataSet2Response", "GetFilteredDataSet2Result", "diffgr:diffgram", "NewDataSet", "Entry"
)
FAULT = ENVELOPE + step("soap:Fault")
ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"
CLIENT_READS: list[tuple[int, str, str]] = [
    (4, TOKEN + step("wst:TokenType"), r"urn:passport:(legacy|compact)"),
    (4, TOKEN + step("wsp:AppliesTo", "wsa:EndpointReference", "wsa:Address"), r".+"),
    (4, TOKEN + step("wst:LifeTime", "wsu:Created"), ISO),
    (4, TOKEN + step("wst:LifeTime", "wsu:Expires"), ISO),
    (4, TOKEN + step("wst:RequestedSecurityToken", "wsse:BinarySecurityToken"), r"t=[^&]+&p="),
    (4, TOKEN + step("wst:RequestedSecurityToken", "wsse:BinarySecurityToken") + "/@Id", r"Compact[12]"),
    (4, TOKEN + step("wst:RequestedProofToken", "wst:BinarySecret"), r"[A-Za-z0-9+/]{32}"),
    (4, TOKEN + step("wst:RequestedSecurityToken", "EncryptedData", "CipherData", "CipherValue"), r"[\w+/=]+"),
    (5, step("S:Envelope", "S:Fault", "faultcode"), "wsse:FailedAuthentication"),
    (5, step("S:Envelope", "S:Header", "psf:pp", "psf:reqstatus"), "0x80048821"),
    (8, SERVICE + step("Info", "Handle", "Type"), "Messenger"),
    (8, SERVICE + step("LastChange"), ISO),
    (8, SERVICE + step("Memberships", "Membership", "MemberRole"), "Allow|Block|Reverse|Pending"),
    (8, MEMBER + "/@*[name()='xsi:type']", "PassportMember"),
    (8, MEMBER + step("MembershipId"), r"\d+"),
    (8, MEMBER + step("Type"), "Passport"),
    (8, MEMBER + step("PassportName"), r"\S+@\S+"),
    (8, MEMBER + step("State"), "Accepted"),
    (8, MEMBER + step("Deleted"), "false"),
    (8, MEMBER + step("CID"), r"-?\d+"),
    (8, MEMBER + step("LastChanged"), ISO),
    (11, INFO + step("contactType"), "Me|Regular"),
    (11, INFO + step("passportName"), r"\S+@\S+"),
    (11, INFO + step("displayName"), r".+"),
    (11, INFO + step("isMessengerUser"), "true"),
    (11, INFO + step("CID"), r"-?\d+"),
    (11, INFO + step("groupIds", "guid"), r"[0-9a-f-]{36}"),
    (11, ENVELOPE + step("ABFindAllResponse", "ABFindAllResult", "ab", "lastChange"), ISO),
    (11, ENVELOPE + step("ABFindAllResponse", "ABFindAllResult", "groups", "Group", "groupInfo", "name"), r".+"),
    (15, PROFILE + step("ResourceID"), r"[0-9a-f]{16}!106"),
    (15, PROFILE + step("ExpressionProfile", "ResourceID"), r"[0-9a-f]{16}!118"),
    (15, PROFILE + step("ExpressionProfile", "DisplayName"), r".+"),
    (15, PROFILE + step("ExpressionProfile", "PersonalStatus"), r".+"),
    (15, STREAM + step("MimeType"), "image/png"),
    (15, STREAM + step("DataSize"), "69"),
    (15, STREAM + step("PreAuthURL"), r"/.+"),
    (15, STREAM + "/@*[name()='xsi:type']", "PhotoStream"),
    (31, FAULT + step("faultcode"), "q0:AuthenticationFailed"),
    (31, FAULT + step("detail", "LockKeyChallenge"), r"\d{10}|\d{20}"),
    (35, ENVELOPE + step("GetMetadataResponse", "MD", "M", "I"), r"[0-9a-f-]{36}"),
    (35, ENVELOPE + step("GetMetadataResponse", "MD", "M", "T"), "11"),
    (41, ENTRY + step("EntryID"), r"\d+"),
    (41, ENTRY + step("URL"), r"http://appdirectory\.messenger\.msn\.com/.+"),
    (43, CARD + step("elements") + "/@totalMatches", r"\d+"),
    (43, CARD + step("elements") + "/@returnedMatches", r"\d+"),
    (43, CARD + step("elements", "element", "subElement") + "/@lastUpdated", ISO),
    (43, CARD + step("elements", "element", "subElement", "webReadyUrl"), r"http://.+"),
    (2, FAULT + step("detail", "errorcode"), "PassportAuthFail"),
]


@pytest.mark.parametrize(("number", "path", "pattern"), CLIENT_READS)
def test_clients_find_what_they_read(number: int, path: str, pattern: str) -> None:
    for document in (ANSWERS[number](), vector(number)):
        found = etree.fromstring(document).getroottree().xpath(path)
        texts = [one if isinstance(one, str) else one.text for one in found]
        assert texts, f"nothing at {path}"
        assert all(re.fullmatch(pattern, text) for text in texts), texts


def test_the_order_that_clients_without_a_parser_rely_on() -> None:
    """emesene searches strings: the profile's id comes first, the challenge's attribute form is literal."""
    profile = ANSWERS[15]().decode()
    assert re.findall(r"<ResourceID>[^<]+!(\d+)<", profile)[0] == "106"
    assert '<LockKeyChallenge xmlns="http://messenger.msn.com/ws/2004/09/oim/">' in ANSWERS[31]().decode()
    me = ANSWERS[11]().decode()
    assert re.search(r"<contactType>Me</contactType>.*?<displayName>.+?</displayName>.*?<CID>-?\d+</CID>", me)


def test_every_group_of_a_contact_is_a_known_group() -> None:
    root = etree.fromstring(ANSWERS[11]())
    groups = {one.text for one in root.iterfind(".//{*}groupId")}
    assert {one.text for one in root.iterfind(".//{*}groupIds/{*}guid")} <= groups


def test_every_url_of_the_configuration_is_one_of_ours() -> None:
    hosts = set(re.findall(r"https?://([^/?<]+)", ANSWERS[29]().decode()))
    assert hosts
    assert hosts <= set(load().host_names)


def test_secrets_of_two_answers_differ() -> None:
    there = scene()
    bodies = (
        ask("POST", "https://login.live.com/RST.srf", (), rst.request(LOGIN), at=there).response.body for _ in range(2)
    )
    one, other = (rst.read_answer(body) for body in bodies)
    assert one.tokens[1].secret != other.tokens[1].secret
    assert one.tokens[0].secret != other.tokens[0].secret
