"""Whole lives of clients over SOAP: from the ticket to the offline message, seen by both sides and by the messenger."""

from __future__ import annotations

import email
import email.policy
import tomllib
from pathlib import Path

import pytest
from lxml import etree
from web_client import Client, Faulted, Messenger, entries, groups, people
from web_place import NOW, PASSWORD, TAG, house, scene, town

from emulator.services.msnp.house import House
from emulator.store import find_cast
from emulator.wire import tags
from emulator.wire.markup import el

ALICE, BOB, CAROL = "alice@emu.test", "bob@emu.test", "carol@emu.test"


@pytest.fixture
def home() -> House:
    return town()


def contact(address: str, *more: str) -> str:
    return el("contacts", el("Contact", el("contactInfo", el("passportName", address), *more)))


ALLOW = el("options", el("EnableAllowListManagement", True))


def add(client: Client, address: str, *more: str) -> str:
    made = client.book("ABContactAdd", contact(address, el("isMessengerUser", True), *more), ALLOW)
    return made.findtext("{*}ABContactAddResult/{*}guid")


def test_a_client_lives(home: House) -> None:
    """Everything that http.md 4.9 and 5 tell to try, one after the other."""
    alice = Client(home, ALICE)
    assert people(alice.lists()) == {"Allow": [], "Block": [], "Reverse": [], "Pending": []}
    assert entries(alice.contacts()) == {}
    info = el("GroupInfo", el("name", "Climbing"))
    climbing = alice.book("ABGroupAdd", el("groupInfo", info)).findtext(".//{*}guid")
    assert groups(alice.contacts()) == {"Climbing": climbing}
    bob = add(alice, BOB)
    inside = el("groupFilter", el("groupIds", el("guid", climbing)))
    named = el("contacts", el("Contact", el("contactId", bob)))
    alice.book("ABGroupContactAdd", inside, named)
    (shown,) = entries(alice.contacts()).values()
    assert shown.findtext("{*}groupIds/{*}guid") == climbing
    assert people(alice.lists())["Allow"] == [BOB]
    alice.member("AddMember", "Block", BOB)
    assert people(alice.lists()) == {"Allow": [], "Block": [BOB], "Reverse": [], "Pending": []}
    alice.member("DeleteMember", "Block", BOB)
    with pytest.raises(Faulted) as second:
        alice.member("DeleteMember", "Block", BOB)
    assert second.value.code == "MemberDoesNotExist"
    alice.book("ABGroupContactDelete", named, inside)
    assert entries(alice.contacts())[BOB].find("{*}groupIds") is None
    renamed = el("Group", el("groupId", climbing), el("groupInfo", el("name", "Rope")))
    alice.book("ABGroupUpdate", el("groups", renamed))
    assert groups(alice.contacts()) == {"Rope": climbing}
    alice.book("ABContactDelete", named)
    alice.book("ABGroupDelete", inside)
    assert entries(alice.contacts()) == groups(alice.contacts()) == {}


def test_an_invitation_and_its_acceptance(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)
    note = el("Annotation", el("Name", "MSN.IM.InviteMessage"), el("Value", "Met you at the crag"))
    asking = el("MessengerMemberInfo", el("PendingAnnotations", note), el("DisplayName", "Alice"))
    add(alice, BOB, el("contactType", "LivePending"), asking)
    assert entries(alice.contacts())[BOB].findtext("{*}contactType") == "LivePending"
    waiting = bob.lists()
    assert people(waiting)["Pending"] == people(waiting)["Reverse"] == [ALICE]
    pending = waiting.xpath(".//*[local-name()='Annotation'][*[local-name()='Name']='MSN.IM.InviteMessage']")
    assert [one.findtext("{*}Value") for one in pending] == ["Met you at the crag"]
    assert {one.getparent().findtext("{*}PassportName") for one in (node.getparent() for node in pending)} == {ALICE}
    number = next(
        int(one.findtext("{*}MembershipId"))
        for one in waiting.iterfind(".//{*}Membership/{*}Members/{*}Member")
        if one.find("{*}Annotations") is not None
    )
    bob.member("DeleteMember", "Pending", "", number=number)
    bob.member("AddMember", "Reverse", ALICE)  # clients do that; it follows from alice's own list
    bob.member("AddMember", "Allow", ALICE)
    bob.member("DeleteMember", "Pending", ALICE)  # decided already: done
    add(bob, ALICE)
    assert people(bob.lists()) == {"Allow": [ALICE], "Block": [], "Reverse": [ALICE], "Pending": []}
    assert entries(alice.contacts())[BOB].findtext("{*}contactType") == "LiveAccepted"
    assert people(alice.lists())["Pending"] == []


def test_a_second_client_sees_the_changes_by_delta(home: House) -> None:
    here, there = Client(home, ALICE), Client(home, ALICE)
    first, second = add(here, BOB), add(here, CAROL)
    book_at = there.contacts().findtext(".//{*}ab/{*}lastChange")
    lists_at = there.lists().findtext(".//{*}Service/{*}LastChange")
    nothing = there.contacts(book_at)
    assert nothing.find(".//{*}Contact") is None
    assert people(there.lists(lists_at)) == {"Allow": [], "Block": [], "Reverse": [], "Pending": []}
    here.book("ABContactDelete", el("contacts", el("Contact", el("contactId", first))))
    comment = el("contactInfo", el("comment", "ropes"))
    changed = el("Contact", el("contactId", second), comment, el("propertiesChanged", "Comment "))
    here.book("ABContactUpdate", el("contacts", changed))
    here.book("ABGroupAdd", el("groupInfo", el("GroupInfo", el("name", "New"))))
    here.member("DeleteMember", "Allow", BOB)
    here.member("AddMember", "Block", BOB)
    news = there.contacts(book_at)
    assert set(entries(news)) == {"-" + BOB, CAROL}
    assert entries(news)[CAROL].findtext("{*}comment") == "ropes"
    assert list(groups(news)) == ["New"]
    assert people(there.lists(lists_at)) == {"Allow": ["-" + BOB], "Block": [BOB], "Reverse": [], "Pending": []}
    later = news.findtext(".//{*}ab/{*}lastChange")
    assert there.contacts(later).find(".//{*}Contact") is None


def test_deltas_from_another_life_need_a_full_synchronisation(home: House) -> None:
    alice = Client(home, ALICE)
    for ask_for in (alice.lists, alice.contacts):
        with pytest.raises(Faulted) as refused:
            ask_for("2001-01-01T00:00:00Z")
        assert refused.value.code == "FullSyncRequired"
        assert ask_for("0001-01-01T00:00:00.0000000-08:00") is not None


def test_clients_of_2009_find_the_same_people(home: House) -> None:
    alice = Client(home, ALICE)
    add(alice, BOB)
    paged = alice.book("ABFindContactsPaged", el("abView", "Full"))
    result = paged.find("{*}ABFindContactsPagedResult")
    assert [etree.QName(one).localname for one in result] == ["Groups", "Contacts", "Ab"]
    assert list(entries(paged)) == list(entries(alice.contacts())) == [BOB]
    at = result.findtext("{*}Ab/{*}lastChange")
    options = el("filterOptions", el("DeltasOnly", True), el("LastChanged", at))
    assert alice.book("ABFindContactsPaged", options).find(".//{*}Contact") is None


def test_the_me_contact_and_its_settings(home: House) -> None:
    alice = Client(home, ALICE)

    def mine() -> tuple[str, dict[str, str]]:
        info = next(
            one for one in alice.contacts().iterfind(".//{*}contactInfo") if one.findtext("{*}contactType") == "Me"
        )
        notes = {one.findtext("{*}Name"): one.findtext("{*}Value") for one in info.iterfind(".//{*}Annotation")}
        assert info.findtext("{*}puid") == str(home.world.account(ALICE).puid)
        return info.findtext("{*}displayName"), notes

    name, notes = mine()
    assert (name, notes["MSN.IM.BLP"], notes["MSN.IM.GTC"]) == ("Alice Ω", "1", "1")
    values = {"MSN.IM.BLP": "2", "MSN.IM.GTC": "2", "AB.JobTitle": "climber"}
    wanted = (el("Annotation", el("Name", key), el("Value", value)) for key, value in values.items())
    info = el("contactInfo", el("contactType", "Me"), el("displayName", "Alicia"), el("annotations", *wanted))
    alice.book(
        "ABContactUpdate", el("contacts", el("Contact", info, el("propertiesChanged", "DisplayName Annotation ")))
    )
    name, notes = mine()
    assert name == "Alicia"
    assert values.items() <= notes.items()
    assert (home.world.account(ALICE).blp, home.world.account(ALICE).gtc) == ("BL", "N")


def test_contacts_of_other_networks(home: House) -> None:
    alice = Client(home, ALICE)
    mail = el("ContactEmail", el("contactEmailType", "Messenger2"), el("email", "y@yahoo.example"))
    alice.book("ABContactAdd", el("contacts", el("Contact", el("contactInfo", el("emails", mail)))))
    phone = el("ContactPhone", el("contactPhoneType", "ContactPhoneMobile"), el("number", "+15555550123"))
    alice.book("ABContactAdd", el("contacts", el("Contact", el("contactInfo", el("phones", phone)))))
    tree = alice.contacts()
    infos = [one for one in tree.iterfind(".//{*}contactInfo") if one.findtext("{*}contactType") != "Me"]
    assert infos[0].findtext("{*}emails/{*}ContactEmail/{*}email") == "y@yahoo.example"
    assert infos[0].findtext("{*}emails/{*}ContactEmail/{*}Capability") == "32"
    assert infos[0].find("{*}passportName") is None
    assert infos[1].findtext("{*}phones/{*}ContactPhone/{*}number") == "+15555550123"
    assert all(one.text is not None or one.tag.endswith("propertiesChanged") for one in tree.iter("{*}number"))
    member = el("Member", el("Type", "Email"), el("Email", "y@yahoo.example"), at={"xsi:type": "EmailMember"})
    role = el("Membership", el("MemberRole", "Block"), el("Members", member))
    alice.sharing("AddMember", el("memberships", role))
    listed = alice.lists().find(".//{*}Member")
    assert listed.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "EmailMember"
    assert listed.findtext("{*}Email") == "y@yahoo.example"


def test_the_ticket_and_its_secret_sign_in_to_the_messenger(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)
    add(alice, BOB)
    add(bob, ALICE)
    near = Messenger(alice)
    assert b"USR 4 OK alice@emu.test" in near.signed_in
    assert b"CHG 5 NLN" in near.present
    other = Messenger(bob)
    assert b"NLN NLN bob@emu.test" in near.read()
    bob.secret = Client(home, CAROL).secret
    assert Messenger(bob).signed_in.startswith(b"911")
    info = el("contactInfo", el("contactType", "Me"), el("displayName", "Robert"))
    Client(home, BOB).book("ABContactUpdate", el("contacts", el("Contact", info)))
    assert b"NLN NLN bob@emu.test 1 Robert" in near.read()
    alice.member("AddMember", "Block", BOB)
    assert b"FLN alice@emu.test" in other.read()


def test_offline_messages_go_both_ways(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)
    near = Messenger(bob)
    text = "Привет, Боря! See you at 7."
    done = alice.write(BOB, text, nickname="Alice Ω")
    assert etree.QName(done).localname == "StoreResponse"
    assert b"text/x-msmsgsoimnotification" in near.read()
    listed = bob.mail("GetMetadata")
    (entry,) = listed.iterfind("{*}MD/{*}M")
    assert (entry.findtext("{*}E"), entry.findtext("{*}RS"), entry.findtext("{*}T")) == (ALICE, "0", "11")
    assert str(email.header.make_header(email.header.decode_header(entry.findtext("{*}N")))) == "Alice Ω"
    identifier = entry.findtext("{*}I")
    call = (el("messageId", identifier), el("alsoMarkAsRead", True))
    fetched = bob.mail("GetMessage", *call).findtext("{*}GetMessageResult")
    parsed = email.message_from_string(fetched, policy=email.policy.default)
    assert parsed.get_content().strip() == text
    assert parsed["From"].addresses[0].addr_spec == ALICE
    assert parsed["X-OIM-Sequence-Num"] == "1"
    assert bob.mail("GetMetadata").findtext(".//{*}RS") == "1"
    with pytest.raises(Faulted) as foreign:
        alice.mail("GetMessage", *call)
    assert foreign.value.code == "soap:Client"
    several = el("messageIds", el("messageId", identifier), el("messageId", "none"))
    with pytest.raises(Faulted):
        bob.mail("DeleteMessages", several)
    one = el("messageIds", el("messageId", identifier))
    bob.mail("DeleteMessages", one)
    assert bob.mail("GetMetadata").find(".//{*}M") is None
    with pytest.raises(Faulted):
        bob.mail("DeleteMessages", one)
    bob.write(ALICE, "and back")
    assert alice.mail("GetMetadata").findtext(".//{*}M/{*}E") == BOB


def test_offline_messages_that_are_refused(home: House) -> None:
    alice, bob = Client(home, ALICE), Client(home, BOB)

    def code(to: str, text: str) -> str:
        with pytest.raises(Faulted) as refused:
            alice.write(to, text)
        return refused.value.code

    assert code("nobody@emu.test", "x") == "q0:SystemUnavailable"
    bob.member("AddMember", "Block", ALICE)
    assert code(BOB, "x") == "q0:SystemUnavailable"
    assert code(CAROL, "x" * 8193) == "q0:InvalidContent"
    for number in range(10):
        alice.write(CAROL, "x", number + 1)
    assert code(CAROL, "x") == "q0:SenderThrottleLimitExceeded"
    assert len(home.world.mail.messages(CAROL)) == 10
    assert home.world.mail.messages(BOB) == ()


def test_the_emulated_contact_never_runs_out_of_room(home: House) -> None:
    home.world.mail.throttle = None
    alice = Client(home, ALICE)
    for number in range(1, 204):
        alice.write("contact@hotmail.com", "x", number)
    assert len(home.world.mail.messages("contact@hotmail.com")) < 200


def test_an_expired_ticket_is_a_passport_failure() -> None:
    clock = [NOW]
    home = house(lambda: clock[0])
    home.world.accounts.create(ALICE, PASSWORD)
    alice = Client(home, ALICE)
    alice.lists()
    clock[0] += 86_400
    with pytest.raises(Faulted) as refused:
        alice.lists()
    assert refused.value.code == "PassportAuthFail"


def test_what_a_probe_finds_is_found_once(home: House) -> None:
    probe = Client(home, tags.account(TAG), "any")
    assert set(probe.tickets.values()) == {"", tags.ticket(TAG)}
    for _ in range(2):
        assert list(entries(probe.contacts())) == ["contact@hotmail.com"]
        assert list(groups(probe.contacts())) == ["Emulated group"]
        assert len(list(probe.mail("GetMetadata").iterfind(".//{*}M"))) == 1
    identifier = probe.mail("GetMetadata").findtext(".//{*}M/{*}I")
    probe.mail("DeleteMessages", el("messageIds", el("messageId", identifier)))
    assert probe.mail("GetMetadata").find(".//{*}M") is None
    known = entries(probe.contacts())["contact@hotmail.com"].getparent().findtext("{*}contactId")
    probe.book("ABContactDelete", el("contacts", el("Contact", el("contactId", known))))
    assert entries(probe.contacts()) == {}
    assert probe.profile().findtext(".//{*}PersonalStatus")


def test_answers_wait_until_changes_are_kept(home: House) -> None:
    kept = []

    def settle() -> None:
        kept.append(home.world.unwritten)
        home.settle()

    there = scene(home=home, settle=settle)
    alice = Client(home, ALICE)
    alice.scene = there
    alice.book("ABGroupAdd", el("groupInfo", el("GroupInfo", el("name", "Climbing"))))
    assert kept == [True]
    assert not home.world.unwritten


def test_a_cast_and_the_first_visit_do_not_furnish_twice(home: House) -> None:
    find_cast(cwd=Path(__file__).parents[2]).populate(home.world)
    text = (Path(__file__).parents[2] / "scenarios" / "casts" / "default.toml").read_text(encoding="utf-8")
    newcomers = tomllib.loads(text)["newcomers"]["contacts"]
    assert "contact@hotmail.com" in newcomers
    probe = Client(home, tags.account(TAG), "any")
    assert list(entries(probe.contacts())) == newcomers
    assert list(groups(probe.contacts())) == ["Emulated group"]
    assert people(probe.lists())["Allow"] == newcomers
    assert people(Client(home, "alice@example.com").lists())["Pending"] == ["dave@example.com"]
