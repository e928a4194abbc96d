"""Offline messages: tickets, lock keys, contents, what is stored and what can be fetched."""

from __future__ import annotations

import pytest
from lxml import etree
from web_place import TAG, ask, scene

from emulator.services.web.scene import Scene
from emulator.wire import (
    addressbook,
    challenge,
    oim,
    soap,
    tags,
)
from emulator.wire.http import Response
from emulator.wire.markup import el

TICKET = tags.ticket(TAG)


ACCOUNT = tags.account(TAG)


STORE = "https://ows.messenger.msn.com" + oim.STORE_PATH


RSI = "https://rsi.hotmail.com" + oim.READ_PATH


def code(response: Response) -> str:
    """`detail/errorcode` or faultcode of an answer."""
    return soap.errorcode(soap.read_reply(response.body))


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
    for ticket in (TICKET, tags.ticket(bytes(16))):
        response = stored(ticket=ticket, lock_key="")
        texts.add(etree.fromstring(response.body).findtext(".//{*}LockKeyChallenge"))
    assert len(texts) == 2


def waiting(there: Scene) -> str:
    """Id of the message that every probe finds."""
    listed = ask("POST", RSI, (), oim.rsi_call("GetMetadata", TICKET), at=there).response
    (entry,) = oim.entries(soap.read_reply(listed.body))
    return entry["I"]


def test_messages_are_fetched_and_deleted_by_their_id_only() -> None:
    there = scene()

    def ask_for(operation: str, identifier: str) -> Response:
        inside = el("messageId", identifier)
        content = el("messageIds", inside) if operation == "DeleteMessages" else inside
        return ask("POST", RSI, (), oim.rsi_call(operation, TICKET, content), at=there).response

    for operation in ("GetMessage", "DeleteMessages"):
        identifier = waiting(there)
        assert ask_for(operation, identifier.upper()).status == 200
        unknown = ask_for(operation, "00000000-a11c-4000-8000-0000000000e1")
        assert unknown.status == 500
        assert code(unknown) == "soap:Client"


def test_the_listed_size_is_that_of_the_message_with_crlf() -> None:
    there = scene()
    listed = ask("POST", RSI, (), oim.rsi_call("GetMetadata", TICKET), at=there).response
    size = int(etree.fromstring(listed.body).findtext(".//SZ") or etree.fromstring(listed.body).findtext(".//{*}SZ"))
    call = oim.rsi_call("GetMessage", TICKET, el("messageId", waiting(there)))
    fetched = ask("POST", RSI, (), call, at=there).response
    text = etree.fromstring(fetched.body).findtext(".//{*}GetMessageResult")
    assert size == len(text.replace("\n", "\r\n").encode())
