"""What the services refuse, and how: tickets, passwords, operations, paths, methods, sizes, bombs."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import quote

import pytest
from cryptography import x509
from lxml import etree
from web_place import NOW, ROOT, TAG, ask, authority, revocation_list, scene, vector

from emulator.services.web import relay_sessions, site
from emulator.wire import (
    addressbook,
    appdirectory,
    challenge,
    clientconfig,
    contactcard,
    http,
    oim,
    passport,
    roaming,
    rst,
    soap,
    sqm,
    tags,
    webfiles,
)
from emulator.wire.http import Response
from emulator.wire.markup import el
from emulator.wire.talk import Conversation

TICKET = tags.ticket(TAG)
ACCOUNT = tags.account(TAG)
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


def call(operation: str, *content: str, ticket: str = TICKET, url: str = BOOK) -> Response:
    return ask("POST", url, (), addressbook.call(operation, ticket, *content)).response


@pytest.mark.parametrize("ticket", ["", "t=", "t=&p=", "nonsense", "   "])
@pytest.mark.parametrize(
    ("url", "body"),
    [
        (SHARING, addressbook.find_membership),
        (BOOK, addressbook.find_all),
        (STORAGE, lambda ticket: roaming.get_profile(ticket, 1)),
        (CARD, lambda ticket: contactcard.request(ticket, 1)),
    ],
)
def test_a_missing_ticket_is_a_passport_failure(url: str, body: object, ticket: str) -> None:
    answered = ask("POST", url, (), body(ticket))  # type: ignore[operator]
    assert answered.response.status == 500
    assert code(answered.response) == "PassportAuthFail"
    assert answered.tag == ""


@pytest.mark.parametrize("ticket", ["t=EMUCONTACTSalice00001aa==&p=", "t=x&p=y", "t=x"])
def test_any_other_ticket_is_taken(ticket: str) -> None:
    answered = ask("POST", SHARING, (), addressbook.find_membership(ticket))
    assert answered.response.status == 200
    assert answered.tag == ""
    assert passport.STRANGER.encode() in answered.response.body


@pytest.mark.parametrize("url", [SHARING, STORAGE])
def test_the_cookie_stands_in_for_the_ticket_element(url: str) -> None:
    body = addressbook.find_membership("") if url == SHARING else roaming.get_profile("", 1)
    answered = ask("POST", url, (("Cookie", f"MSPAuth=ML{TAG.hex()};MSPProf=abc"),), body)
    assert answered.response.status == 200
    assert answered.tag == TAG.hex()


@pytest.mark.parametrize("ticket", ["", "t=&p=", "nonsense"])
def test_offline_messages_without_a_ticket_ask_for_a_new_one_and_for_nothing_else(ticket: str) -> None:
    message = oim.mime(oim.Message("{x}", 1, "y"))
    body = oim.store(oim.Store(oim.W2004, ACCOUNT, ACCOUNT, ticket, challenge.CLIENT, "", 1, message))
    response = ask("POST", STORE, (), body).response
    assert response.status == 500
    assert code(response) == "q0:AuthenticationFailed"
    detail = etree.fromstring(response.body).find(".//detail")
    assert [(etree.QName(one).localname, one.text) for one in detail] == [("RequiredAuthPolicy", "MBI_SSL")]


def test_reading_without_a_ticket_is_refused_in_the_reading_namespace() -> None:
    response = ask("POST", RSI, (), oim.rsi_call("GetMetadata", "")).response
    assert response.status == 500
    fault = etree.fromstring(response.body).find(".//faultcode")
    assert fault.text == "q0:AuthenticationFailed"
    assert fault.nsmap["q0"] == oim.RSI


def stored(**changes: object) -> Response:
    """A Store with the right lock key, changed in one place."""
    values: dict[str, object] = {
        "namespace": oim.W2004,
        "sender": ACCOUNT,
        "recipient": addressbook.CONTACT,
        "ticket": TICKET,
        "product": challenge.CLIENT,
        "lock_key": "",
        "number": 1,
        "content": oim.mime(oim.Message("{0F21A7D4-6C1B-4E0A-9B53-1E4C0D5A7702}", 1, "y")),
    }
    values |= changes
    if "lock_key" not in changes:
        first = ask("POST", STORE, (), oim.store(oim.Store(**values))).response  # type: ignore[arg-type]
        digits = etree.fromstring(first.body).findtext(".//{*}LockKeyChallenge")
        values["lock_key"] = challenge.lock_key(digits, str(values["product"])) if digits else ""
    return ask("POST", STORE, (), oim.store(oim.Store(**values))).response  # type: ignore[arg-type]


def test_a_message_with_its_lock_key_is_stored_in_the_namespace_of_its_elements() -> None:
    for namespace in (oim.W2004, oim.W2006):
        response = stored(namespace=namespace)
        assert response.status == 200
        assert soap.read_reply(response.body).tag == f"{{{namespace}}}StoreResponse"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"lock_key": "0" * 32}, "q0:AuthenticationFailed"),
        ({"lock_key": "\u03a9"}, "q0:AuthenticationFailed"),
        ({"product": "PROD9999"}, "q0:AuthenticationFailed"),
        ({"recipient": "nobody"}, "q0:SystemUnavailable"),
        ({"content": "hello"}, "q0:InvalidContent"),
        ({"content": oim.mime(oim.Message("no braces", 1, "y"))}, "q0:InvalidContent"),
        ({"content": oim.mime(oim.Message("{x}", 2, "y"))}, "q0:InvalidContent"),
        ({"content": oim.mime(oim.Message("{x}", 1, "y" * 8193))}, "q0:InvalidContent"),
        ({"number": 0}, "q0:InvalidContent"),
    ],
)
def test_messages_that_are_not_stored(changes: dict[str, object], wanted: str) -> None:
    response = stored(**changes)
    assert response.status == 500
    assert code(response) == wanted


def test_challenges_belong_to_a_ticket() -> None:
    texts = set()
    for ticket in (TICKET, "t=other&p="):
        response = stored(ticket=ticket, lock_key="")
        texts.add(etree.fromstring(response.body).findtext(".//{*}LockKeyChallenge"))
    assert len(texts) == 2


def test_messages_are_fetched_and_deleted_by_their_id_only() -> None:
    def ask_for(operation: str, identifier: str) -> Response:
        inside = el("messageId", identifier)
        content = el("messageIds", inside) if operation == "DeleteMessages" else inside
        return ask("POST", RSI, (), oim.rsi_call(operation, TICKET, content)).response

    for operation in ("GetMessage", "DeleteMessages"):
        assert ask_for(operation, oim.WAITING_ID).status == 200
        unknown = ask_for(operation, "00000000-a11c-4000-8000-0000000000e1")
        assert unknown.status == 500
        assert code(unknown) == "soap:Client"


def test_the_listed_size_is_that_of_the_message_with_crlf() -> None:
    listed = ask("POST", RSI, (), oim.rsi_call("GetMetadata", TICKET)).response
    size = int(etree.fromstring(listed.body).findtext(".//SZ") or etree.fromstring(listed.body).findtext(".//{*}SZ"))
    fetched = ask("POST", RSI, (), oim.rsi_call("GetMessage", TICKET, el("messageId", oim.WAITING_ID))).response
    text = etree.fromstring(fetched.body).findtext(".//{*}GetMessageResult")
    assert size == len(text.replace("\n", "\r\n").encode())


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


def test_only_changes_are_refused_as_full_sync_required() -> None:
    for url, body in ((SHARING, addressbook.find_membership(TICKET)), (BOOK, addressbook.find_all(TICKET))):
        deltas = body.replace(b"<deltasOnly>false", b"<deltasOnly>true")
        assert code(ask("POST", url, (), deltas).response) == "FullSyncRequired"


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
        ("ABContactAdd", contact("a@b.example"), ""),
        ("ABGroupAdd", group("x" * 62), "BadArgumentLength"),
        ("ABGroupAdd", group(""), "BadArgumentLength"),
        ("ABGroupAdd", group("x" * 61), ""),
        ("ABGroupContactAdd", contact("a@b.example"), ""),
        ("ABGroupDelete", "", ""),
        ("ABContactUpdate", "", ""),
    ],
)
def test_changes_of_the_address_book(operation: str, content: str, wanted: str) -> None:
    response = call(operation, *((content,) if content else ()))
    assert code(response) == wanted
    assert response.status == (500 if wanted else 200)


def test_members_without_an_address_are_nobody() -> None:
    body = vector(9).replace(b"bob@emu.test", b"bob")
    assert code(ask("POST", SHARING, (), body).response) == "UserDoesNotExist"


def test_the_affinity_key_that_is_echoed_has_not_changed() -> None:
    body = addressbook.find_all(TICKET)
    first = etree.fromstring(ask("POST", BOOK, (), body).response.body)
    assert first.findtext(".//{*}CacheKeyChanged") == "true"
    assert first.findtext(".//{*}PreferredHostName") == "local-bay.contacts.msn.com"
    key = first.findtext(".//{*}CacheKey").encode()
    echoed = body.replace(b"<ApplicationId>", b"<CacheKey>" + key + b"</CacheKey><ApplicationId>", 1)
    second = etree.fromstring(ask("POST", BOOK, (), echoed).response.body)
    assert second.findtext(".//{*}CacheKeyChanged") == "false"


@pytest.mark.parametrize(("data", "wanted"), [(b"hello", "AccessDenied"), (webfiles.DOT * 7000, "AccessDenied")])
def test_documents_that_are_no_small_pictures(data: bytes, wanted: str) -> None:
    body = vector(16).replace(b64encode(webfiles.TILE), b64encode(data))
    assert code(ask("POST", STORAGE, (), body).response) == wanted
    broken = vector(16).replace(b64encode(webfiles.TILE), b"!!!")
    assert code(ask("POST", STORAGE, (), broken).response) == "InvalidObjectHandle"


def test_the_storage_service_answers_in_the_namespace_of_the_call() -> None:
    body = roaming.get_profile(TICKET, 1).replace(roaming.W10.encode(), roaming.Y2008.encode())
    assert roaming.Y2008.encode() in ask("POST", STORAGE, (), body).response.body
    assert roaming.W10.encode() not in ask("POST", STORAGE, (), body).response.body


def sites(count: int) -> tuple[rst.Site, ...]:
    return tuple(rst.Site(f"site{number}.example") for number in range(count))


@pytest.mark.parametrize(
    ("body", "fault", "status"),
    [
        (rst.request(rst.Login(ACCOUNT, "wrong", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login(ACCOUNT, "", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login("", "right", sites(2))), rst.FAILED, "0x80048821"),
        (rst.request(rst.Login(ACCOUNT, "right", ())), rst.INVALID, "0x80048820"),
        (rst.request(rst.Login(ACCOUNT, "right", sites(33))), rst.INVALID, "0x80048820"),
        (b"", rst.INVALID, "0x80048820"),
        (b"<a/>", rst.INVALID, "0x80048820"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Envelope>&b;</Envelope>', rst.INVALID, "0x80048820"),
        (vector(3)[:-30], rst.INVALID, "0x80048820"),
    ],
)
def test_refused_ticket_requests_are_200_with_a_fault_beside_the_body(body: bytes, fault: str, status: str) -> None:
    for url in ("https://login.live.com/RST.srf", "http://msnia.login.live.com/pp900/RST.srf"):
        response = ask("POST", url, (), body).response
        assert response.status == 200
        assert rst.read_answer(response.body) == rst.Outcome(fault=fault, status=status)
        assert etree.fromstring(response.body).find("{*}Fault") is not None


def test_tickets_in_the_order_asked_numbered_by_their_place() -> None:
    login = rst.Login("alice@emu.test", "right", (rst.Site(rst.PASSPORT), *sites(3)))
    outcome = rst.read_answer(ask("POST", "https://login.live.com/RST.srf", (), rst.request(login)).response.body)
    assert [token.site for token in outcome.tokens] == [site.address for site in login.sites]
    assert [token.id for token in outcome.tokens] == ["", "Compact1", "Compact2", "Compact3"]
    assert {token.expires for token in outcome.tokens} == {"2007-07-02T12:00:05Z"}


def test_no_password_and_no_ticket_in_facts() -> None:
    login = rst.Login(ACCOUNT, "secret-word", sites(1))
    answered = ask("POST", "https://login.live.com/RST.srf", (), rst.request(login))
    assert "secret-word" not in repr(answered.facts)
    assert TICKET not in repr(answered.facts)


@pytest.mark.parametrize("host", ["login.live.com", "loginnet.passport.com"])
def test_passport_of_old_clients(host: str) -> None:
    def sign_in(password: str) -> http.Answered:
        line = passport.authorization(ACCOUNT, password, "lc=1033,id=507")
        return ask("GET", f"https://{host}/login2.srf", (("Authorization", line),))

    good, bad, none = sign_in("right"), sign_in("wrong"), ask("GET", f"https://{host}/login2.srf")
    assert good.tag == bad.tag == TAG.hex()
    assert good.response.status == 200
    info = good.response.header("Authentication-Info")
    assert re.match(r"Passport1\.4 da-status=success,.*from-PP='t=[^']+&p=',", info)
    assert f"from-PP='{TICKET}'" in info
    for refused in (bad, none):
        assert refused.response.status == 401
        assert refused.response.header("WWW-Authenticate").startswith("Passport1.4 da-status=failed,")


def test_the_nexus_header_is_spelled_as_old_clients_compare_it() -> None:
    far = Conversation(site.talk(scene(secure=True)))
    out = far.start() + far.feed(b"GET /rdr/pprdr.asp HTTP/1.1\r\nHost: nexus.passport.com\r\n\r\n")
    assert b"\r\nPassportURLs: DARealm=Passport.Net,DALogin=login.live.com/login2.srf," in out
    assert b"ConfigVersion=11\r\n" in out


def test_login_pages() -> None:
    clear = ask("GET", "http://login.live.com/login.srf?ru=http://messenger.msn.com/&a=1").response
    assert (clear.status, clear.header("Location")) == (
        302,
        "https://login.live.com/login.srf?ru=http://messenger.msn.com/&a=1",
    )
    assert ask("GET", "https://login.live.com/login.srf?ru=x").response.status == 200
    assert ask("POST", "http://login.live.com/").response.status == 200
    assert ask("POST", "https://login.live.com/").response.status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://messenger.msn.com/emu/today", 302),
        ("http://elsewhere.example/", 500),
        ("", 500),
        ("http://[", 500),
        ("http://messenger.msn.com/\r\nX: y", 500),
    ],
)
def test_a_hand_over_leads_to_our_own_hosts_only(target: str, status: int) -> None:
    body = "token=" + quote("x=1&ru=" + quote(target, safe=""), safe="")
    response = ask("POST", "https://login.live.com/ppsecure/sha1auth.srf", (), body.encode()).response
    assert response.status == status
    assert response.header("Location") == (target if status == 302 else "")


@pytest.mark.parametrize(
    ("query", "status", "size"),
    [
        ("", 200, 0),
        ("?op=GetClientConfig", 200, 0),
        ("?ver=8x", 500, 0),
        ("?ver=8.1.0178", 200, 1),
        ("?VER=14.0", 200, 1),
    ],
)
def test_configuration_by_version(query: str, status: int, size: int) -> None:
    for scheme in ("http", "https"):
        response = ask("GET", f"{scheme}://config.messenger.msn.com/config/msgrconfig.asmx{query}").response
        assert response.status == status
        assert bool(response.body) == bool(size)


@pytest.mark.parametrize("name", [webfiles.CRL_NAME, "MicrosoftProductSecureServer.crl", "WinPCA.crl"])
def test_revocation_list_and_its_conditions(name: str) -> None:
    url = f"http://crl.microsoft.com/pki/crl/products/{name}"
    fresh = ask("GET", url).response
    assert fresh.status == 200
    assert x509.load_der_x509_crl(fresh.body).is_signature_valid(authority(ROOT)[1].public_key())
    assert fresh.header("Content-Type") == "application/pkix-crl"
    assert fresh.header("Last-Modified") == "Sun, 01 Jul 2007 12:00:05 GMT"
    held = (("If-None-Match", fresh.header("ETag")),)
    since = (("If-Modified-Since", "Sun, 01 Jul 2007 12:00:05 GMT"),)
    assert ask("GET", url, held).response.status == 304
    assert ask("GET", url, since).response.status == 304
    assert ask("GET", url, (("If-None-Match", f'"{TAG.hex()}"'),)).response.status == 200
    assert ask("GET", url, (("If-Modified-Since", "Sun, 01 Jul 2007 11:00:05 GMT"),)).response.status == 200
    later = scene(now=lambda: NOW + 901)
    assert ask("GET", url, held, at=later).response.status == 200
    revoked = scene(crl=lambda: revocation_list(NOW + 5, revoked=(5,)))
    assert ask("GET", url, held, at=revoked).response.status == 200
    assert ask("GET", url, since, at=revoked).response.status == 200
    assert ask("GET", "http://crl.microsoft.com/pki/crl/products/none.crl").response.status == 404


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (
            "/5meen_us/106?passport=bob%40emu.test&Plcid=0409",
            "http://spaces.live.com/Profile.aspx?partner=Messenger&mkt=en-us&mem=bob%40emu.test",
        ),
        ("/5meen_us/60?a=1&b=%20", "http://messenger.msn.com/emu/tab1?a=1&b=%20"),
        ("/5meen_us/60?ru=http://x.example/", "http://messenger.msn.com/emu/tab1?ru=http://x.example/"),
        ("/5MEEN_US/55", "http://messenger.msn.com/Help/"),
        ("/5meen_us/99999", "http://messenger.msn.com/?glink=/5meen_us/99999"),
        ("/other", "http://messenger.msn.com/?glink=/other"),
    ],
)
def test_links(path: str, location: str) -> None:
    response = ask("GET", "http://g.msn.com" + path).response
    assert (response.status, response.header("Location")) == (302, location)


def test_the_beacon_issues_an_id_only_to_those_without() -> None:
    def cookies(value: str) -> list[str]:
        headers = (("Cookie", value),) if value else ()
        response = ask("GET", "http://c.msn.com/c.gif?di=1", headers).response
        return [text for name, text in response.headers if name == "Set-Cookie"]

    first = cookies("")
    assert re.fullmatch(
        r"MC1=V=2&GUID=([0-9a-f]{32}); domain=\.msn\.com; path=/; expires=Fri, 29-Jun-2012 12:00:05 GMT", first[0]
    )
    assert re.match(r"MUID=[0-9A-F]{32};", first[1])
    assert first[0][13:45] == first[1][5:37].lower()
    identity = TAG.hex()
    assert [text[:45] for text in cookies(f"MUID={identity.upper()}")] == [f"MC1=V=2&GUID={identity}"]
    assert [text[:37] for text in cookies(f"MC1=V=2&GUID={identity}")] == [f"MUID={identity.upper()}"]
    assert cookies(f"MUID={identity}; MC1=V=2&GUID={identity}") == []


def test_tiles_and_the_reading_half_of_dav() -> None:
    url = "http://byfiles.storage.msn.com/emu/tile/2b00c4f1a9e35d07!205"
    for query in ("", "?t=EMUSTORAGEalice+/0==", f"?t=ML{TAG.hex()}"):
        response = ask("GET", url + query).response
        assert response.body == webfiles.TILE
        assert response.header("ETag") == '"76897be140e7071523bcaa1ba9333585ce4d3a4d"'
    assert ask("OPTIONS", url).response.header("DAV") == "1"
    found = ask("PROPFIND", url, (("Depth", "0"),)).response
    assert found.status == 207
    assert etree.fromstring(found.body).findtext(".//{DAV:}getcontentlength") == "69"
    refused = ask("PUT", url, (), webfiles.TILE).response
    assert refused.status == 405
    assert refused.header("Allow") == "GET, HEAD, OPTIONS, PROPFIND"


@pytest.mark.parametrize(
    ("query", "status", "start"),
    [
        ("?GetAd?PG=IMUSX1?LANG=EN?ID=1", 200, b"<?xml"),
        ("?GetAd=&PG=IMFFTA", 200, b"<?xml"),
        ("?GetImage?PG=X", 200, b"GIF89a"),
        ("?GetSAd=&PG=X", 200, b"<!DOCTYPE html>"),
        ("?GetAd?PG=OTHER", 204, b""),
        ("", 204, b""),
    ],
)
def test_advertisements(query: str, status: int, start: bytes) -> None:
    response = ask("GET", "http://rad.msn.com/ADSAdClient31.dll" + query).response
    assert response.status == status
    assert response.body.startswith(start)


def test_sqm_uploads() -> None:
    def upload(body: bytes, path: str = "/sqm/any/sqmserver.dll") -> http.Answered:
        return ask("POST", "http://sqm.microsoft.com" + path, (), body)

    session = sqm.Session(client=TAG, sections=(sqm.dword_section(((42, 2047, 1500),)),))
    good = upload(sqm.encode(session))
    assert (good.response.status, good.tag, good.facts["points"]) == (200, TAG.hex(), [[42, 2047]])
    bad = upload(sqm.encode(session)[:-1] + b"\xff")
    assert (bad.response.status, bad.tag) == (400, TAG.hex())
    asking = upload(sqm.encode(sqm.Session(client=TAG, internal=sqm.WANTS_MANIFEST)))
    assert (asking.response.status, asking.response.header("ManifestVersion")) == (201, '"1"')
    knowing = upload(sqm.encode(sqm.Session(client=TAG, internal=sqm.WANTS_MANIFEST, manifest=1)))
    assert knowing.response.status == 200
    assert upload(bytes(sqm.LIMIT + 1)).response.status == 413
    assert upload(b"").response.status == 400
    assert upload(sqm.encode(session), "/sqm/any/other.dll").response.status == 404


def test_unknown_entries_and_locales_of_the_directory() -> None:
    url = appdirectory.HOST + appdirectory.PATH
    unknown = ask("POST", url, (), appdirectory.entry_request("1")).response
    rows = appdirectory.read(soap.read_reply(unknown.body), "GetAppEntry")
    assert rows[0]["Error"] != ""
    empty = ask("POST", url, (), appdirectory.list_request("pt-BR")).response
    assert empty.status == 200
    assert appdirectory.read(soap.read_reply(empty.body), "GetFilteredDataSet2") == []


def test_echo_limits() -> None:
    url = "http://echo.edge.messenger.live.com/emu/echo"
    body = tags.guid(TAG).encode() + b"\r\n" + bytes(100)
    answered = ask("POST", url, (), body)
    assert (answered.response.body, answered.tag) == (body, TAG.hex())
    assert answered.facts["observed"] == "192.0.2.10:50000"
    assert ask("POST", url, (), bytes(64 * 1024 + 1)).response.status == 413


class Relay:
    """One session of the relay, driven by plain requests."""

    URL = "http://relay.data.edge.messenger.live.com" + webfiles.RELAY_PATH

    def __init__(self) -> None:
        self.now = NOW
        self.scene = scene(now=lambda: self.now, crl=lambda: b"")
        self.id, self.a, self.b = "", "", ""

    def open(self) -> int:
        shown = (("Authorization", passport.presented(TICKET)),)
        response = ask("POST", self.URL, shown, at=self.scene).response
        if response.status == 201:
            self.id = re.findall(rb'"id":"([0-9a-f]{32})"', response.body)[0].decode()
            self.a, self.b = (
                token.decode() for token in re.findall(rb'"([0-9a-f]{32})"', response.body.partition(b"writer")[2])
            )
        return response.status

    def push(self, side: str, token: str, offset: int, data: bytes) -> int:
        ranged = (("Content-Range", f"bytes {offset}-{offset + len(data) - 1}/*"),)
        return ask("POST", f"{self.URL}/{self.id}/{side}/{token}", ranged, data, at=self.scene).response.status

    def pull(self, side: str, token: str, offset: int) -> Response:
        ranged = (("Range", f"bytes={offset}-"),)
        return ask("GET", f"{self.URL}/{self.id}/{side}/{token}", ranged, at=self.scene).response

    def close(self, side: str, token: str) -> int:
        return ask("DELETE", f"{self.URL}/{self.id}/{side}/{token}", at=self.scene).response.status


def test_the_relay_carries_both_ways_in_order() -> None:
    relay = Relay()
    assert relay.open() == 201
    assert relay.pull("b", relay.b, 0).status == 204
    assert relay.push("a", relay.a, 0, b"abc") == 204
    assert relay.push("a", relay.a, 3, b"def") == 204
    assert relay.push("a", relay.a, 3, b"def") == 409
    assert relay.push("b", relay.b, 0, b"xyz") == 204
    got = relay.pull("b", relay.b, 2)
    assert (got.status, got.body, got.header("Content-Range")) == (206, b"cdef", "bytes 2-5/*")
    assert relay.pull("b", relay.b, 0).status == 409  # dropped when 2 was asked for
    assert relay.pull("a", relay.a, 0).body == b"xyz"
    assert relay.close("b", relay.b) == 204
    assert relay.pull("a", relay.a, 3).status == 410


def test_the_relay_has_limits() -> None:
    relay = Relay()
    assert ask("POST", Relay.URL, at=relay.scene).response.status == 401
    assert relay.open() == 201
    assert relay.push("a", relay.b, 0, b"x") == 403
    assert relay.push("a", relay.a, 0, bytes(relay_sessions.PUSH_LIMIT + 1)) == 413
    piece = bytes(relay_sessions.PUSH_LIMIT)
    results = [relay.push("a", relay.a, number * len(piece), piece) for number in range(17)]
    assert results == [204] * 16 + [429]
    known = relay.id
    relay.id = "0" * 32
    assert relay.push("a", relay.a, 0, b"x") == 404
    relay.id = known
    relay.now += relay_sessions.LIFETIME + 1
    assert relay.pull("b", relay.b, 0).status == 410


def test_the_relay_table_is_bounded_and_dead_sessions_make_room() -> None:
    relay = Relay()
    results = [relay.open() for _ in range(relay_sessions.SESSIONS + 1)]
    assert results == [201] * relay_sessions.SESSIONS + [503]
    relay.now += relay_sessions.LIFETIME + 1
    assert relay.open() == 201
    assert len(relay.scene.relay_sessions) == 1


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://messenger.msn.com/", 200),
        ("http://anything.messenger.msn.com/Help/x", 200),
        ("http://messenger.msn.com/nothing", 404),
        ("http://spaces.live.com/profile.aspx?mem=a", 200),
        ("http://unknown.example/", 404),
        ("http://192.0.2.1/", 404),
        ("http:///", 404),
    ],
)
def test_pages(url: str, status: int) -> None:
    answered = ask("GET", url)
    assert answered.response.status == status
    assert answered.facts.get("unknown", False) is (status == 404)
    assert etree.HTML(answered.response.body).findtext(".//title")


def test_head_is_answered_as_get() -> None:
    assert ask("HEAD", "http://c.msn.com/c.gif").response.status == 200
