"""The calls of the clients of 2009, and what else one or two clients ask for: seen by both sides."""

from __future__ import annotations

import pytest
from lxml import etree
from web_client import RSI, SHARING, Client, Faulted, entries, people
from web_place import ask, scene, town

from emulator.services.msnp.house import House
from emulator.wire import addressbook, oim, soap
from emulator.wire.markup import Xml, el

ALICE, BOB, CAROL = "alice@emu.test", "bob@emu.test", "carol@emu.test"
CIRCLE = "00000000-0000-0000-0009-000000000001"
WHATS_NEW = "http://sup.live.com/whatsnew/whatsnewservice.asmx"


@pytest.fixture
def home() -> House:
    return town()


def handle(identifier: str = addressbook.NOBODY) -> Xml:
    return el("abHandle", el("ABId", identifier), el("Puid", 0), el("Cid", 0))


def create(client: Client, address: str, book: str = addressbook.NOBODY) -> etree._Element:
    person = el("contactHandle", el("Email", address), el("Puid", 0), el("Cid", 0), el("CircleId", addressbook.NOBODY))
    return client.book("CreateContact", handle(book), person)[0]


def manage(client: Client, contact: str, *, action: int = 1, invite: str = "") -> etree._Element:
    notes = el("annotations", el("Annotation", el("Name", "MSN.IM.InviteMessage"), el("Value", invite)))
    values = {"connection": "true", "presence": "false", "action": action, "relationshipType": 3, "relationshipRole": 0}
    fields = (el(name, value) for name, value in values.items())
    return client.book("ManageWLConnection", handle(), el("contactId", contact), *fields, notes)[0]


def break_off(client: Client, contact: str, *, block: bool = False, delete: bool = False) -> None:
    fields = (el("deleteContact", delete), el("blockContact", block))
    client.book("BreakConnection", handle(), el("contactId", contact), *fields)


def code(call: object) -> str:
    with pytest.raises(Faulted) as refused:
        call()  # type: ignore[operator]
    return str(refused.value.code)


def test_somebody_is_created_befriended_and_dropped(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)
    made = create(alice, BOB)
    assert etree.QName(made).localname == "CreateContactResult"
    contact = made.findtext("{*}contactId")
    assert made.findtext("{*}contactInfo/{*}passportName") == BOB
    assert made.findtext("{*}contactInfo/{*}isMessengerUser") == "false"
    assert people(bob.lists())["Reverse"] == []
    shown = manage(alice, contact, invite="Met you at the crag")
    assert shown.findtext("{*}contactId") == contact
    assert shown.findtext("{*}contactInfo/{*}contactType") == "LivePending"
    assert people(alice.lists())["Allow"] == [BOB]
    waiting = bob.lists()
    assert people(waiting)["Pending"] == people(waiting)["Reverse"] == [ALICE]
    assert "Met you at the crag" in waiting.xpath("string()")
    back = create(bob, ALICE).findtext("{*}contactId")
    accepted = manage(bob, back)
    assert accepted.findtext("{*}contactInfo/{*}contactType") == "LiveAccepted"
    assert people(bob.lists()) == {"Allow": [ALICE], "Block": [], "Reverse": [ALICE], "Pending": []}
    break_off(bob, back, block=True)
    assert people(bob.lists())["Block"] == [ALICE]
    assert entries(bob.contacts())[ALICE].findtext("{*}isMessengerUser") == "false"
    assert people(alice.lists())["Reverse"] == []
    break_off(bob, back, delete=True)
    assert entries(bob.contacts()) == {}
    assert code(lambda: break_off(bob, back)) == "ContactDoesNotExist"


def test_who_has_asked_is_declined(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)
    manage(alice, create(alice, BOB).findtext("{*}contactId"))
    there = create(bob, ALICE).findtext("{*}contactId")
    manage(bob, there, action=2)
    assert people(bob.lists()) == {"Allow": [], "Block": [], "Reverse": [ALICE], "Pending": []}
    assert entries(bob.contacts())[ALICE].findtext("{*}isMessengerUser") == "false"


def test_what_cannot_be_connected(home: House) -> None:
    alice = Client(home, ALICE)
    assert code(lambda: create(alice, "nobody@emu.test")) == "InvalidPassportUser"
    assert code(lambda: create(alice, "no address")) == "BadEmailArgument"
    assert code(lambda: create(alice, BOB, CIRCLE)) == "ABDoesNotExist"
    contact = create(alice, BOB).findtext("{*}contactId")
    with pytest.raises(Faulted) as twice:
        create(alice, BOB)
    assert twice.value.code == "ContactAlreadyExists"
    assert twice.value.root.findtext(".//{*}conflictObjectId") == contact
    assert code(lambda: manage(alice, contact, action=7)) == "Forbidden"
    assert code(lambda: manage(alice, "none")) == "ContactDoesNotExist"
    mail = el("ContactEmail", el("contactEmailType", "Messenger2"), el("email", "y@yahoo.example"))
    foreign = alice.book("ABContactAdd", el("contacts", el("Contact", el("contactInfo", el("emails", mail)))))
    assert code(lambda: manage(alice, foreign.findtext(".//{*}guid"))) == "InvalidPassportUser"


def test_a_member_that_is_updated_must_be_there(home: House) -> None:
    alice = Client(home, ALICE)
    alice.member("AddMember", "Allow", BOB)
    alice.member("UpdateMember", "Allow", BOB)
    number = alice.lists().findtext(".//{*}MembershipId")
    alice.member("UpdateMember", "Allow", "", number=int(number))
    assert code(lambda: alice.member("UpdateMember", "Block", BOB)) == "MemberDoesNotExist"
    assert code(lambda: alice.member("UpdateMember", "Allow", CAROL)) == "MemberDoesNotExist"


def test_spaces_are_listed_for_clients_that_show_them(home: House) -> None:
    alice = Client(home, ALICE)
    made = el("contacts", el("Contact", el("contactInfo", el("passportName", BOB), el("isMessengerUser", True))))
    alice.book("ABContactAdd", made)
    assert alice.contacts().find(".//{*}DynamicItems") is None
    view = (el("abId", addressbook.NOBODY), el("abView", "Full"), el("dynamicItemView", "Gleam"))
    (item,) = alice.book("ABFindAll", *view).iterfind(".//{*}DynamicItems/{*}DynamicItem")
    assert item.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "PassportDynamicItem"
    assert item.findtext("{*}PassportName") == BOB
    assert item.findtext("{*}SpaceGleam") == "false"
    assert int(item.findtext("{*}CID")) == home.world.account(BOB).cid

    def looked(address: str) -> object:
        viewed = el("DynamicItem", el("Type", "Passport"), el("PassportName", address), el("Changes", "GleamClear"))
        return alice.book("UpdateDynamicItem", el("dynamicItems", viewed))

    looked(BOB)
    assert code(lambda: looked(CAROL)) == "ContactDoesNotExist"


@pytest.mark.parametrize("operation", ["GetContactsRecentActivity", "GetBatchRecentActivity"])
def test_nothing_is_new(home: House, operation: str) -> None:
    alice = Client(home, ALICE)

    def call(ticket: str) -> etree._Element:
        at = {"xmlns": addressbook.NAMESPACE}
        header = el("WNAuthHeader", el("ManagedGroupRequest", False), el("TicketToken", ticket), at=at)
        body = el(operation, el("entityHandle", el("Cid", 1)), el("locales", el("string", "en-US")), at=at)
        return alice.post(WHATS_NEW, soap.envelope(body, header))

    result = call(alice.ticket)[0]
    assert [etree.QName(one).localname for one in result] == ["Activities", "Templates", "FeedUrl"]
    assert all(len(one) == 0 for one in result)
    assert code(lambda: call("t=forged&p=")) == "PassportAuthFail"


@pytest.mark.parametrize(
    "operation",
    [
        *("AddService", "UpdateService", "DeleteService", "FindInverseService", "DeleteInverseService"),
        *("AcceptInvitation", "DeclineInvitation", "AddNamespace", "DeleteNamespace", "CreateCircle", "ABDelete"),
    ],
)
def test_operations_of_which_only_the_name_is_known_are_forbidden(home: House, operation: str) -> None:
    alice = Client(home, ALICE)
    response = ask("POST", SHARING, (), addressbook.call(operation, alice.ticket), at=alice.scene).response
    assert response.status == 500
    root = etree.fromstring(response.body)
    assert root.findtext(".//{*}errorcode") == "Forbidden"
    assert operation in root.findtext(".//faultstring")


def test_the_list_of_messages_as_text_for_papyon(home: House) -> None:
    """Its `.text` of GetMetadataResponse is the whole document, which parses to what the others get as elements."""
    alice, bob = Client(home, ALICE), Client(home, BOB)
    alice.write(BOB, "Hi & <bye>", nickname="Alice <Ω>")
    call = oim.rsi_call("GetMetadata", bob.tickets["messenger.msn.com"])
    plain = etree.fromstring(ask("POST", RSI, (), call, at=bob.scene).response.body).find(".//{*}MD")
    switched = scene(home=home, mail_list_escaped=True)
    answer = etree.fromstring(ask("POST", RSI, (), call, at=switched).response.body).find(".//{*}GetMetadataResponse")
    assert len(answer) == 0
    inner = etree.fromstring(answer.text)

    def facts(tree: etree._Element) -> list[tuple[str, str | None]]:
        return [(etree.QName(one).localname, one.text) for one in tree.iter()]

    assert facts(inner) == facts(plain)
