"""A display picture changed as papyon, aMSN and msnp-sharp do it, and fetched in their three ways (http.md 5.2, 6)."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote

import envelopes as say
import pytest
import web
from people import tickets
from read_books import BOOKS
from read_profiles import PROFILES
from running import Running, needs_root

pytestmark = needs_root
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNQSFgAAAHEASFcollRAAAAAElFTkSuQmCC")
STORE = "/storageservice/SchematizedStore.asmx"


@pytest.mark.parametrize(
    ("host", "namespace", "kind"),
    [("storage.msn.com", say.STORAGE, "png"), ("tkrdr.storage.msn.com", say.STORAGE_2008, "image/png")],
)
def test_a_tile_is_changed_and_fetched(
    there: Running, pair: tuple[str, str], host: str, namespace: str, kind: str
) -> None:
    found, _ = tickets(there.address, pair[0])
    ticket = found[say.STORED] if namespace == say.STORAGE else found[say.CONTACTS]  # papyon uses that of contacts

    def storage(operation: str, body: str, action: str = "") -> web.Answer:
        call = say.storage_call(operation, ticket, body, namespace=namespace)
        answer = web.soap(there.address, host, STORE.lower(), f"{namespace}/{action or operation}", call)
        assert answer.status == 200, answer.text
        assert f'<{operation}Response xmlns="{namespace}"' in answer.text, "in the namespace of the request"
        return answer

    whole = web.soap(
        there.address,
        "contacts.msn.com",
        "/abservice/abservice.asmx",
        f"{say.BOOK}/ABFindAll",
        say.book_call("ABFindAll", found[say.CONTACTS], say.book_body()),
    )
    cid = BOOKS["papyon"](whole.body).cid
    alias = f"<Alias><Name>{cid}</Name><NameSpace>MyCidStuff</NameSpace></Alias>"
    before = storage("GetProfile", say.profile_body(cid)).text
    profile, expression = re.findall("<ResourceID>([^<]+)</ResourceID>", before)[:2]
    storage(
        "UpdateProfile",
        f"<profile><ResourceID>{profile}</ResourceID><ExpressionProfile><FreeText>Update</FreeText>"
        "<PersonalStatus>with a face</PersonalStatus><Flags>0</Flags></ExpressionProfile></profile>",
    )
    photo = 'document xsi:type="Photo"'
    made = storage(
        "CreateDocument",
        f"<parentHandle><RelationshipName>/UserTiles</RelationshipName>{alias}</parentHandle>"
        f'<{photo}><Name>face</Name><DocumentStreams><DocumentStream xsi:type="PhotoStream">'
        f"<DocumentStreamType>UserTileStatic</DocumentStreamType><MimeType>{kind}</MimeType>"
        f"<Data>{base64.b64encode(PNG).decode()}</Data><DataSize>0</DataSize></DocumentStream></DocumentStreams>"
        "</document><relationshipName>Messenger User Tile</relationshipName>",
    )
    (document,) = re.findall("<CreateDocumentResult>([^<]+)<", made.text)
    storage(
        "CreateRelationships",
        f"<relationships><Relationship><SourceID>{expression}</SourceID><SourceType>SubProfile</SourceType>"
        f"<TargetID>{document}</TargetID><TargetType>Photo</TargetType>"
        "<RelationshipName>ProfilePhoto</RelationshipName></Relationship></relationships>",
    )
    listed = storage(
        "FindDocuments",
        f"<objectHandle><RelationshipName>/UserTiles</RelationshipName>{alias}</objectHandle>"
        "<documentAttributes><ResourceID>true</ResourceID><Name>true</Name></documentAttributes>",
        action="FindDocument",  # papyon's SOAPAction lacks the last letter
    )
    assert re.findall('<Document xsi:type="Photo"><ResourceID>([^<]+)</ResourceID><Name>face<', listed.text) == [
        document
    ]
    after = storage("GetProfile", say.profile_body(cid))
    if namespace == say.STORAGE:
        for family, reader in PROFILES.items():
            shown = reader(after.body)
            assert shown.status in ("", "with a face"), family
            assert shown.picture.endswith(document) or not shown.picture, family
    (path,) = re.findall("<PreAuthURL>([^<]+)<", after.text)
    bare = ticket.removeprefix("t=").partition("&")[0]
    for files, query in (
        ("byfiles.storage.msn.com:80", f"?t={bare}"),  # papyon: unescaped, with the port
        ("blufiles.storage.msn.com", f"?t={quote(bare, safe='')}"),  # msnp-sharp
        ("byfiles.storage.msn.com", ""),  # aMSN
    ):
        answer = web.once(there.address, web.request("GET", path + query, files))
        assert answer.status == 200
        assert answer.header("Content-Type") == "image/png"
        assert hashlib.sha1(answer.body).digest() == hashlib.sha1(PNG).digest()
    held = web.request("GET", path, "byfiles.storage.msn.com", If_None_Match=answer.header("ETag"))
    assert web.once(there.address, held).status == 304
    target = f"<targetHandles><ObjectHandle><ResourceID>{document}</ResourceID></ObjectHandle></targetHandles>"
    source = f"<sourceHandle><RelationshipName>/UserTiles</RelationshipName>{alias}</sourceHandle>"
    storage("DeleteRelationships", source + target)
    storage("DeleteRelationships", f"<sourceHandle><ResourceID>{expression}</ResourceID></sourceHandle>{target}")
    assert "<Photo>" not in storage("GetProfile", say.profile_body(cid)).text
    assert web.once(there.address, web.request("GET", path, "byfiles.storage.msn.com")).status == 404
