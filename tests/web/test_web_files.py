"""Files, links, pages and uploads: conditions, queries, cookies, limits."""

from __future__ import annotations

import re

import pytest
from cryptography import x509
from lxml import etree
from web_place import NOW, ROOT, TAG, ask, authority, revocation_list, scene, town

from emulator.wire import (
    http,
    sqm,
    tags,
    webfiles,
)
from emulator.world import picture


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


def test_tiles_and_dav() -> None:
    home = town()
    home.world.accounts.set_tile("alice@emu.test", webfiles.TILE, "image/png")
    there = scene(home=home)
    url = f"http://byfiles.storage.msn.com/emu/tile/{home.world.account('alice@emu.test').cid_hex}!205"
    for query in ("", "?t=EMUSTORAGEalice+/0==", f"?t=ML{TAG.hex()}"):
        response = ask("GET", url + query, at=there).response
        assert response.body == webfiles.TILE
        assert response.header("ETag") == '"76897be140e7071523bcaa1ba9333585ce4d3a4d"'
    assert ask("OPTIONS", url, at=there).response.header("DAV") == "1"
    found = ask("PROPFIND", url, (("Depth", "0"),), at=there).response
    assert found.status == 207
    assert etree.fromstring(found.body).findtext(".//{DAV:}getcontentlength") == "69"
    for other in ("!206", "!x", "", "00!205", "!\u00b2"):
        assert ask("GET", url[:-4] + other, at=there).response.status == 404
        assert ask("PROPFIND", url[:-4] + other, at=there).response.status == 404
    refused = ask("LOCK", url, (), webfiles.TILE, at=there).response
    assert refused.status == 405
    assert refused.header("Allow") == "DELETE, GET, HEAD, OPTIONS, PROPFIND, PUT"


def test_tiles_are_put_and_deleted_by_their_owner_alone() -> None:
    home = town()
    world = home.world
    world.accounts.set_tile("alice@emu.test", webfiles.TILE, "image/png")
    there = scene(home=home)
    cid = world.account("alice@emu.test").cid_hex
    mine, foreign = (
        world.tickets.issue(f"{name}@emu.test", "storage.msn.com").text.removeprefix("t=").removesuffix("&p=")
        for name in ("alice", "bob")
    )
    place = f"http://byfiles.storage.msn.com/emu/tile/{cid}"

    def put(path: str, data: bytes, *headers: tuple[str, str], ticket: str = mine) -> http.Response:
        return ask("PUT", f"{place}{path}?t={ticket}", headers, data, at=there).response

    other = picture.generate("other")
    first = ask("GET", f"{place}!205", at=there).response.header("ETag")
    assert put("!205", other, ticket=foreign).status == 403
    assert put("!205", other, ticket="").status == 403
    assert put("!205", b"<html>").status == 415
    assert put("!205", other + bytes(256 * 1024)).status == 413
    assert put("!205", other, ("If-Match", '"none"')).status == 412
    assert ask("GET", f"{place}!205", at=there).response.body == webfiles.TILE
    changed = put("!205", other, ("If-Match", first))
    assert (changed.status, changed.body) == (204, b"")
    shown = ask("GET", f"{place}!205", at=there).response
    assert (shown.body, shown.header("ETag")) == (other, changed.header("ETag"))
    held = (("If-None-Match", changed.header("ETag")),)
    assert ask("GET", f"{place}!205", held, at=there).response.status == 304
    created = put("!999", webfiles.TILE)
    assert created.status == 201
    assert ask("GET", created.header("Location"), at=there).response.body == webfiles.TILE
    number = created.header("Location").rpartition("!")[2]
    delete = f"{place}!{number}?t="
    assert ask("DELETE", delete + foreign, at=there).response.status == 403
    assert ask("DELETE", delete + mine, (("If-Match", '"none"'),), at=there).response.status == 412
    assert ask("DELETE", delete + mine, at=there).response.status == 204
    assert ask("DELETE", delete + mine, at=there).response.status == 404
    assert ask("GET", created.header("Location"), at=there).response.status == 404


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


def test_echo_limits() -> None:
    url = "http://echo.edge.messenger.live.com/emu/echo"
    body = tags.guid(TAG).encode() + b"\r\n" + bytes(100)
    answered = ask("POST", url, (), body)
    assert (answered.response.body, answered.tag) == (body, TAG.hex())
    assert answered.facts["observed"] == "192.0.2.10:50000"
    assert ask("POST", url, (), bytes(64 * 1024 + 1)).response.status == 413


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
