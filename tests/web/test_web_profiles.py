"""Roaming profiles, pictures and contact cards of people: changed by one call, seen by the next."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lxml import etree
from web_client import Client, Faulted
from web_place import ask, town

from emulator.services.msnp.house import House
from emulator.wire import contactcard, webfiles
from emulator.wire.markup import el
from emulator.world import picture

ALICE, BOB = "alice@emu.test", "bob@emu.test"


@pytest.fixture
def home() -> House:
    return town()


def profile_change(home: House, **values: str) -> str:
    cid = home.world.account(ALICE).cid_hex
    inside = (el(name, value) for name, value in values.items())
    return el("profile", el("ResourceID", f"{cid}!106"), el("ExpressionProfile", el("FreeText", "Update"), *inside))


def test_a_profile_is_changed_and_read_back(home: House) -> None:
    alice = Client(home, ALICE)
    before = alice.profile()
    assert before.findtext(".//{*}DisplayName") == "Alice Ω"
    assert before.find(".//{*}PersonalStatus") is None
    assert before.find(".//{*}Photo") is None
    alice.storage("UpdateProfile", profile_change(home, PersonalStatus="on the <wall>", DisplayName="Alicia"))
    after = alice.profile()
    assert after.findtext(".//{*}PersonalStatus") == "on the <wall>"
    assert after.findtext(".//{*}DisplayName") == "Alicia"
    assert after.findtext(".//{*}DisplayNameLastModified") > before.findtext(".//{*}DisplayNameLastModified")
    gone = el("profileAttributesToDelete", el("ExpressionProfileAttributes", el("PersonalStatus", True)))
    alice.storage("UpdateProfile", profile_change(home), gone)
    assert alice.profile().find(".//{*}PersonalStatus") is None
    with pytest.raises(Faulted) as foreign:
        Client(home, BOB).storage("UpdateProfile", profile_change(home, PersonalStatus="mine"))
    assert foreign.value.code == "ItemDoesNotExist"


@pytest.mark.parametrize("namespace", ["w10", "2008"])
def test_a_tile_is_changed_as_clients_do_it(home: House, namespace: str) -> None:
    alice = Client(home, ALICE)
    place = f"http://www.msn.com/webservices/storage/{namespace}"
    cid = home.world.account(ALICE).cid_hex

    def storage(operation: str, *content: str) -> etree._Element:
        answer = alice.storage(operation, *content, namespace=place)
        assert etree.QName(answer).namespace == place
        return answer

    def upload(data: bytes) -> str:
        stream = el("DocumentStream", el("MimeType", "png"), el("Data", b64encode(data).decode()))
        document = el("document", el("Name", "tile"), el("DocumentStreams", stream))
        rid = storage("CreateDocument", document).findtext("{*}CreateDocumentResult")
        relation = el(
            "Relationship", el("SourceID", f"{cid}!118"), el("TargetID", rid), el("RelationshipName", "ProfilePhoto")
        )
        storage("CreateRelationships", el("relationships", relation))
        return rid

    def unlink(rid: str) -> None:
        target = el("targetHandles", el("ObjectHandle", el("ResourceID", rid)))
        storage("DeleteRelationships", el("sourceHandle", el("RelationshipName", "/UserTiles")), target)
        storage("DeleteRelationships", el("sourceHandle", el("ResourceID", f"{cid}!118")), target)

    def fetch() -> bytes:
        path = alice.profile().findtext(".//{*}PreAuthURL")
        ticket = alice.tickets["storage.msn.com"].removeprefix("t=").partition("&")[0]
        url = f"http://byfiles.storage.msn.com{path}?t={ticket}"
        response = ask("GET", url, at=alice.scene).response
        held = (("If-None-Match", response.header("ETag")),)
        assert ask("GET", url, held, at=alice.scene).response.status == 304
        return response.body

    first, second = picture.generate("one"), webfiles.DOT
    rid = upload(first)
    assert fetch() == first
    unlink(rid)
    assert alice.profile().find(".//{*}Photo") is None
    assert ask("GET", f"http://byfiles.storage.msn.com/emu/tile/{rid}", at=alice.scene).response.status == 404
    rid = upload(second)
    assert fetch() == second
    assert alice.profile().findtext(".//{*}MimeType") == "image/gif"
    found = storage("FindDocuments")
    assert [one.text for one in found.iterfind(".//{*}Document/{*}ResourceID")] == [rid]
    document = el(
        "document",
        el("ResourceID", rid),
        el("DocumentStreams", el("DocumentStream", el("Data", b64encode(first).decode()))),
    )
    storage("UpdateDocument", document)
    assert fetch() == first
    version = int(storage("GetItemVersion").findtext("{*}GetItemVersionResult"))
    storage("UpdateProfile", profile_change(home, PersonalStatus="x"))
    assert int(storage("GetItemVersion").findtext("{*}GetItemVersionResult")) > version
    assert storage("CreateProfile").findtext("{*}CreateProfileResult") == f"{cid}!106"
    storage("ShareItem")


def test_a_card_shows_name_and_picture(home: House) -> None:
    home.world.accounts.set_tile(BOB, picture.generate("b"), picture.MIME)
    bob = home.world.account(BOB)
    url = "http://cc.services.spaces.live.com" + contactcard.PATH
    alice = Client(home, ALICE)

    def card(cid: int | str) -> etree._Element:
        return alice.post(url, contactcard.request(alice.ticket, cid)).find(".//{*}elements")

    shown = card(bob.cid)
    assert (shown.get("displayName"), shown.get("totalMatches")) == ("Boris", "0")
    fetched = ask("GET", shown.get("displayPictureUrl"), at=alice.scene).response
    assert fetched.body == picture.generate("b")
    for nobody in (1, "x", ""):
        assert card(nobody).attrib == {"totalMatches": "0", "returnedMatches": "0"}
