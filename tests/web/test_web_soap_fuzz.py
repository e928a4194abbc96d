"""Every operation of every SOAP service with any body: an answer each time, and nothing has changed after a fault."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from web_client import BOOK, RSI, SHARING, STORAGE, STORE, Client
from web_place import ask, scene, town

from emulator.services.web import contacts, oim_rsi, storage
from emulator.wire import addressbook, challenge, oim, roaming, rst
from emulator.wire.markup import el, joined
from emulator.world import picture

ALICE = "alice@emu.test"
HOME = town()
GROUP = HOME.world.books.add_group(ALICE, "Climbing").id
BOB = HOME.world.books.add_contact(ALICE, "bob@emu.test", groups=(GROUP,), allow=True).id
HOME.world.accounts.set_tile(ALICE, picture.generate("x"), picture.MIME)
HOME.world.mail.store("bob@emu.test", ALICE, oim.mime(oim.WAITING), run=oim.WAITING.run)
MAIL = HOME.world.mail.messages(ALICE)[0].id
ME = Client(HOME, ALICE)
CID = HOME.world.account(ALICE).cid_hex

OPERATIONS = [
    *((SHARING, name) for name in contacts.sharing.operations),
    *((BOOK, name) for name in contacts.book.operations),
    *((STORAGE, name) for name in storage.OPERATIONS),
    *((RSI, name) for name in oim_rsi.service.operations),
]
NAMES = sorted(
    {
        *("abId", "contacts", "Contact", "contactId", "contactInfo", "passportName", "contactType", "displayName"),
        *("annotations", "Annotation", "Name", "Value", "emails", "ContactEmail", "contactEmailType", "email"),
        *("phones", "ContactPhone", "contactPhoneType", "number", "propertiesChanged", "isMessengerUser"),
        *("groupFilter", "groupIds", "guid", "groups", "Group", "groupId", "groupInfo", "GroupInfo", "name"),
        *("memberships", "Membership", "MemberRole", "Members", "Member", "Type", "PassportName", "Email"),
        *("PhoneNumber", "MembershipId", "deltasOnly", "lastChange", "filterOptions", "DeltasOnly", "LastChanged"),
        *("profile", "ExpressionProfile", "ResourceID", "PersonalStatus", "DisplayName", "document", "Data"),
        *("DocumentStreams", "DocumentStream", "relationships", "Relationship", "TargetID", "RelationshipName"),
        *("sourceHandle", "targetHandles", "ObjectHandle", "messageIds", "messageId", "alsoMarkAsRead"),
        *("serviceHandle", "serviceFilter", "Types", "ServiceType", "firstName", "comment", "birthdate"),
        *("contactHandle", "blockContact", "deleteContact", "connection", "action", "dynamicItems", "DynamicItem"),
        *("profileAttributesToDelete", "ExpressionProfileAttributes", "MessengerMemberInfo", "PendingAnnotations"),
    }
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", "true", "false", "0", "-1", "101", "9" * 30, "\u00b2", "Me", "Allow", "Block", "Reverse", "Pending"),
            *(
                "Passport",
                "Messenger",
                "Profile",
                "bob@emu.test",
                "carol@emu.test",
                "nobody@emu.test",
                ALICE,
                "x" * 2000,
            ),
            *("contact@hotmail.com", GROUP, BOB, MAIL, f"{CID}!205", f"{CID}!106", "/UserTiles", "ProfilePhoto", "!"),
            *("MSN.IM.BLP", "AB.NickName", "2", "Annotation DisplayName", "GroupName ", "2007-07-01T12:00:05Z"),
            *("iVBORw0KGgo=", "R0lGODlhAQABAA==", "Messenger2", "y@yahoo.example", "+15555550123", "LivePending"),
        ]
    ),
    st.text(max_size=12),
)
TREES = st.recursive(
    st.builds(el, st.sampled_from(NAMES), TEXTS),
    lambda inside: st.builds(lambda name, some: el(name, *some), st.sampled_from(NAMES), st.lists(inside, max_size=4)),
    max_leaves=14,
)


def nest(path: str, *inside: str) -> str:
    """Elements within each other."""
    names = path.split("/")
    found = el(names[-1], *inside)
    for name in reversed(names[:-1]):
        found = el(name, found)
    return found


def leaf(*names: str) -> st.SearchStrategy[str]:
    return st.one_of(*(st.builds(el, st.just(name), TEXTS) for name in names))


def some(path: str, *names: str) -> st.SearchStrategy[str]:
    """The right outer elements around any texts in the right inner ones."""
    return st.lists(leaf(*names), max_size=4).map(lambda inside: nest(path, *inside))


SHAPES = st.one_of(
    some("contacts/Contact/contactInfo", "passportName", "contactType", "displayName", "isMessengerUser", "firstName"),
    some("contacts/Contact", "contactId", "propertiesChanged"),
    st.tuples(leaf("contactId"), some("contactInfo", "displayName", "comment"), leaf("propertiesChanged")).map(
        lambda parts: nest("contacts/Contact", *parts)
    ),
    some("contacts/Contact/contactInfo/annotations/Annotation", "Name", "Value"),
    some("contacts/Contact/contactInfo/emails/ContactEmail", "email", "contactEmailType"),
    some("contacts/Contact/contactInfo/phones/ContactPhone", "number", "contactPhoneType"),
    some("groupFilter/groupIds", "guid"),
    some("groupInfo/GroupInfo", "name"),
    st.tuples(leaf("groupId"), some("groupInfo", "name")).map(lambda parts: nest("groups/Group", *parts)),
    st.tuples(leaf("MemberRole"), some("Members/Member", "Type", "PassportName", "Email", "MembershipId")).map(
        lambda parts: nest("memberships/Membership", *parts)
    ),
    some("profile/ExpressionProfile", "DisplayName", "PersonalStatus"),
    some("profile", "ResourceID"),
    st.tuples(leaf("ResourceID"), some("DocumentStreams/DocumentStream", "Data")).map(
        lambda parts: nest("document", *parts)
    ),
    some("relationships/Relationship", "TargetID", "RelationshipName"),
    some("targetHandles/ObjectHandle", "ResourceID"),
    some("sourceHandle", "RelationshipName"),
    some("messageIds", "messageId"),
    some("contactHandle", "Email"),
    st.just(joined(el("connection", "true"), el("action", 1), el("contactId", BOB))),
    st.just(joined(el("connection", "true"), el("action", 2), el("contactId", BOB))),
    some("dynamicItems/DynamicItem", "PassportName"),
    leaf("contactId", "blockContact", "deleteContact"),
    leaf("messageId", "alsoMarkAsRead", "deltasOnly", "lastChange", "abId"),
    TREES,
)


def state() -> bytes:
    """All that is kept, as bytes."""
    return msgspec.msgpack.encode(HOME.world.snapshot())


def call(url: str, operation: str, content: list[str]) -> bytes:
    if url == STORAGE:
        return roaming.call(operation, ME.tickets["storage.msn.com"], *content)
    if url == RSI:
        return oim.rsi_call(operation, ME.tickets["messenger.msn.com"], *content)
    return addressbook.call(operation, ME.ticket, *content)


@settings(max_examples=700, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(OPERATIONS), st.lists(SHAPES, max_size=4))
def test_any_call_is_answered_and_a_fault_changes_nothing(where: tuple[str, str], content: list[str]) -> None:
    url, operation = where
    before = state()
    response = ask("POST", url, (), call(url, operation, content), at=ME.scene).response
    root = etree.fromstring(response.body)
    assert response.status in (200, 500)
    assert (root.find("{*}Body/{*}Fault") is not None) == (response.status == 500)
    if response.status == 500:
        assert state() == before
    assert not HOME.world.unwritten


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.booleans())
def test_any_offline_message_is_answered(to: str, content: str, nickname: str, keyed: bool) -> None:
    ticket = ME.tickets["messengersecure.live.com"]
    store = oim.Store(oim.W2004, ALICE, to, ticket, challenge.CLIENT, "", 1, content, nickname)
    before = state()
    response = ask("POST", STORE, (), oim.store(store), at=ME.scene).response
    if keyed:
        digits = etree.fromstring(response.body).findtext(".//{*}LockKeyChallenge")
        store = msgspec.structs.replace(store, lock_key=challenge.lock_key(digits, challenge.CLIENT))
        response = ask("POST", STORE, (), oim.store(store), at=ME.scene).response
    assert response.status == 500
    assert state() == before


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.lists(st.builds(rst.Site, TEXTS, TEXTS, st.binary(max_size=40)), max_size=4), st.booleans())
def test_any_ticket_request_is_answered(address: str, password: str, sites: list[rst.Site], newer: bool) -> None:
    body = rst.request(rst.Login(address, password, tuple(sites)))
    path = "/RST2.srf" if newer else "/RST.srf"
    response = ask("POST", "https://login.live.com" + path, (), body, at=scene(home=HOME)).response
    root = etree.fromstring(response.body)
    assert response.status == (500 if newer else 200)
    assert root.find(".//{*}Fault") is not None
