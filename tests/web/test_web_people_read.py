"""What the tables of http.md say that each client reads, in the answers for people with everything set, by lxml."""

from __future__ import annotations

import re

import pytest
from lxml import etree
from web_client import Client
from web_place import town

from emulator.world import picture

ALICE, BOB, CAROL = "alice@emu.test", "bob@emu.test", "carol@emu.test"
NUMBER, FLAG, MOMENT, GUID = r"-?\d+", "true|false", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", r"[0-9a-f-]{36}"
MEMBERS = "Services/Service/Memberships/Membership/Members/Member/"
INFO = "contacts/Contact/contactInfo/"
PHOTO = "ExpressionProfile/Photo/DocumentStreams/DocumentStream/"
READ = [  # what the tables of http.md 4.3, 4.5 and 5.1 say that clients read, of people with everything set
    ("FindMembership", "Services/Service/Info/Handle/Type", "Messenger"),
    ("FindMembership", "Services/Service/LastChange", MOMENT),
    ("FindMembership", "Services/Service/Memberships/Membership/MemberRole", "Allow|Block|Reverse|Pending"),
    ("FindMembership", MEMBERS + "MembershipId", NUMBER),
    ("FindMembership", MEMBERS + "Type", "Passport|Email|Phone"),
    ("FindMembership", MEMBERS + "DisplayName", ".+"),
    ("FindMembership", MEMBERS + "State", "Accepted"),
    ("FindMembership", MEMBERS + "Deleted", FLAG),
    ("FindMembership", MEMBERS + "LastChanged", MOMENT),
    ("FindMembership", MEMBERS + "Annotations/Annotation/Name", r"MSN\.IM\.InviteMessage"),
    ("FindMembership", MEMBERS + "Annotations/Annotation/Value", ".+"),
    ("FindMembership", MEMBERS + "PassportName", ".+@.+"),
    ("FindMembership", MEMBERS + "IsPassportNameHidden", FLAG),
    ("FindMembership", MEMBERS + "PassportId", NUMBER),
    ("FindMembership", MEMBERS + "CID", NUMBER),
    ("FindMembership", "OwnerNamespace/Info/CreatorCID", NUMBER),
    ("FindMembership", "OwnerNamespace/Info/CreatorPassportName", ALICE),
    ("ABFindAll", "ab/abId", GUID),
    ("ABFindAll", "ab/lastChange", MOMENT),
    ("ABFindAll", "ab/abInfo/OwnerCID", NUMBER),
    ("ABFindAll", "groups/Group/groupId", GUID),
    ("ABFindAll", "groups/Group/groupInfo/groupType", GUID),
    ("ABFindAll", "groups/Group/groupInfo/name", ".+"),
    ("ABFindAll", "groups/Group/groupInfo/IsNotMobileVisible", FLAG),
    ("ABFindAll", "groups/Group/groupInfo/IsPrivate", FLAG),
    ("ABFindAll", "groups/Group/fDeleted", FLAG),
    ("ABFindAll", "contacts/Contact/contactId", GUID),
    ("ABFindAll", "contacts/Contact/fDeleted", FLAG),
    ("ABFindAll", "contacts/Contact/lastChange", MOMENT),
    ("ABFindAll", INFO + "groupIds/guid", GUID),
    ("ABFindAll", INFO + "contactType", "Me|Regular"),
    ("ABFindAll", INFO + "firstName", "Robert"),
    ("ABFindAll", INFO + "annotations/Annotation/Name", r"[A-Za-z.]+"),
    ("ABFindAll", INFO + "annotations/Annotation/Value", ".+"),
    *(
        ("ABFindAll", INFO + name, pattern)
        for name, pattern in {
            "quickName": ".+",
            "passportName": ".+@.+",
            "displayName": ".+",
            "IsPassportNameHidden": FLAG,
            "puid": NUMBER,
            "CID": NUMBER,
            "isMobileIMEnabled": FLAG,
            "isMessengerUser": FLAG,
            "isFavorite": FLAG,
            "isSmtp": FLAG,
            "hasSpace": FLAG,
            "spotWatchState": "NoDevice",
            "birthdate": MOMENT,
            "primaryEmailType": "ContactEmailPersonal",
        }.items()
    ),
    ("GetProfile", "ResourceID", r"[0-9a-f]{16}!106"),
    ("GetProfile", "ExpressionProfile/ResourceID", r"[0-9a-f]{16}!118"),
    ("GetProfile", "ExpressionProfile/DisplayName", "Alice Ω"),
    ("GetProfile", "ExpressionProfile/PersonalStatus", "on the wall"),
    ("GetProfile", "ExpressionProfile/DateModified", MOMENT),
    ("GetProfile", "ExpressionProfile/StaticUserTilePublicURL", "http://byfiles.storage.msn.com/emu/tile/.+"),
    ("GetProfile", "ExpressionProfile/Photo/ResourceID", r"[0-9a-f]{16}!\d+"),
    ("GetProfile", PHOTO + "MimeType", "image/png"),
    ("GetProfile", PHOTO + "DataSize", NUMBER),
    ("GetProfile", PHOTO + "PreAuthURL", "/emu/tile/.+"),
]


@pytest.fixture(scope="module")
def documents() -> dict[str, etree._Element]:
    home = town()
    home.world.books.add_contact(CAROL, ALICE, invite="hello")
    alice = Client(home, ALICE)
    group = home.world.books.add_group(ALICE, "Climbing").id
    home.world.books.add_contact(
        ALICE, BOB, groups=(group,), nickname="Bobby", details=(("firstName", "Robert"),), allow=True
    )
    home.world.accounts.set_psm(ALICE, "on the wall")
    home.world.accounts.set_tile(ALICE, picture.generate("x"), picture.MIME)
    return {"FindMembership": alice.lists(), "ABFindAll": alice.contacts(), "GetProfile": alice.profile()}


@pytest.mark.parametrize(("operation", "path", "pattern"), READ)
def test_clients_find_what_they_read_of_people(
    documents: dict[str, etree._Element], operation: str, path: str, pattern: str
) -> None:
    steps = "/".join("{*}" + step for step in path.split("/"))
    found = [one.text or "" for one in documents[operation].iterfind("{*}" + f"{operation}Result/{steps}")]
    assert found
    assert all(re.fullmatch(pattern, text) for text in found), found
