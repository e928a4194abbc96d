"""The pure codecs behind the web services, against published values and independent readers."""

from __future__ import annotations

import email
import email.policy
import shutil
import struct
import subprocess
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from web_place import NOW, TAG

from emulator.wire import challenge, clientconfig, markup, oim, passport, sqm, tags, webfiles, webtag
from emulator.wire.errors import WireError
from emulator.wire.http import Request
from emulator.wire.markup import Xml, el

PUBLISHED = [  # challenge, product, answer: msnp.md 7.1 and http.md 14.1
    ("13038318816579321232", "PROD0113H11T8$X_", "3b25f5aab8143dd9a47971541666ae0e"),
    ("11533365622852247127", "PROD0113H11T8$X_", "f086d1ded067186deca8dba2231602cf"),
    ("13676118092332012962", "PROD0113H11T8$X_", "e9ccbb3e90fabb047bad055f1d025cde"),
    ("22210219642164014968", "PROD0114ES4Z%Q5W", "e790b908276bb51115fa7eb3c8a36315"),
    ("22210219642164014968", "PROD0119GSJUC$18", "a400af809ac86fbdf6deec7286fc06b8"),
    ("22210219642164014968", "PROD0090YUAUV{2B", "85ecb0db8f32113df79ce0892b9a102c"),
    ("22210219642164014968", "PROD0101{0RM?UBW", "64812169fe9717715f03c678fa4ab938"),
    ("22210219642164014968", "PROD0112J1LW7%NB", "82b096fe53bbc00f9c8436a2fbc48f0d"),
    ("22210219642164014968", "PROD0120PW!CCV9@", "6e92a312bf6b70ee58e75a1e3315695c"),
    ("15570131571988941333", "PROD0114ES4Z%Q5W", "ae79936594a1918def84ea4997163d6c"),
    ("13038318816579321232", "PROD0119GSJUC$18", "d7ab624e79b048bd0ff594bfb8be089a"),
    ("2047716230", "PROD0114ES4Z%Q5W", "a564600b6a204c31734a223b900cccb6"),
    ("2047716230", "PROD0119GSJUC$18", "c60dc4cb6fef16107559e9cbfd879793"),
    ("1234567890123456", "PROD0114ES4Z%Q5W", "0d892417f5fa62c5f31ff562a1cc12f5"),  # ambiguous length: nothing padded
]
SQM_HEADER_ONLY = b64decode(
    "TVNRTXgAAAAABAAAhiy/CQAAAAAAAAAAYwAAAAEACAAAALIAAAAAAICM25cPu8cBAAAAAAAAAAAA4D8vDrvHAQCc4JQPu8cBDi8MbytdfkqcMQtr"
    "L00aAQAAAAAAAAAAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAA"
)
SQM_POINTS = b64decode(
    "TVNRTXgAAAAAAAAA8/iokQEAAAAgAAAAYwAAAAEACAAAALIAAAAAAICM25cPu8cBAAAAAAAAAAAA4D8vDrvHAQCc4JQPu8cBDi8MbytdfkqcMQtr"
    "L00aAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABgAAAAHAAAAAQAAAAAAAAAqAAAA/wcAANwFAAA="
)


@pytest.mark.parametrize(("digits", "product", "wanted"), PUBLISHED)
def test_published_challenges(digits: str, product: str, wanted: str) -> None:
    assert challenge.lock_key(digits, product) == wanted


@pytest.mark.parametrize(
    ("digits", "key", "wanted"),
    [
        ("15570131571988941333", "Q1P7W2E4J9R8U3S5", "8f2f5a91b72102cd28355e9fc9000d6e"),
        ("22210219642164014968", "VT6PX?UQTM4WM%YR", "c60f42bcef15148c614190c61e8eebf6"),
    ],
)
def test_published_old_challenges(digits: str, key: str, wanted: str) -> None:
    assert challenge.old_answer(digits, key) == wanted


def test_an_unknown_product_has_no_lock_key() -> None:
    assert challenge.lock_key("1", "PROD9999") == ""


@given(st.text())
def test_challenges_are_twenty_digits_so_that_no_client_pads_them_differently(about: str) -> None:
    digits = challenge.digits(b"secret", about)
    assert len(digits) == 20
    assert digits.isdigit()
    assert all((len(digits) + len(product)) % 8 for product in challenge.PRODUCTS if len(product) == 16)
    assert digits == challenge.digits(b"secret", about)


def test_challenges_differ_by_secret_and_subject() -> None:
    assert len({challenge.digits(secret, about) for secret in (b"a", b"b") for about in ("c", "d")}) == 4


def test_the_published_sqm_sessions_verify() -> None:
    header, points = sqm.decode(SQM_HEADER_ONLY), sqm.decode(SQM_POINTS)
    assert header.internal & sqm.WANTS_MANIFEST
    assert header.sections == ()
    assert points.points() == [(7, 1), (42, 2047)]
    assert header.client == points.client == b64decode("Di8MbytdfkqcMQtrL00aAQ==")
    assert sqm.checksum(SQM_POINTS[:120], SQM_POINTS[120:]) == 0x91A8F8F3


def test_our_encoder_writes_the_published_session() -> None:
    assert sqm.encode(sqm.decode(SQM_POINTS)) == SQM_POINTS
    assert sqm.encode(sqm.decode(SQM_HEADER_ONLY)) == SQM_HEADER_ONLY


@pytest.mark.parametrize("at", [0, 4, 12, 16, 20, 24, 28, 32, 35, 120, 124, 128, 151])
def test_a_changed_byte_is_found(at: int) -> None:
    broken = bytearray(SQM_POINTS)
    broken[at] ^= 1
    with pytest.raises(WireError):
        sqm.decode(bytes(broken))


@pytest.mark.parametrize("body", [b"", SQM_POINTS[:119], SQM_POINTS + b"x", SQM_POINTS[:-1], bytes(sqm.LIMIT + 1)])
def test_a_session_of_another_size_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        sqm.decode(body)


@given(st.binary(max_size=400))
def test_any_sqm_body_is_a_session_or_a_wire_error(tail: bytes) -> None:
    header = bytearray(SQM_HEADER_ONLY)
    struct.pack_into("<I", header, 20, len(tail))
    struct.pack_into("<I", header, 12, sqm.checksum(bytes(header), tail))
    try:
        session = sqm.decode(bytes(header) + tail)
    except WireError:
        return
    assert sum(len(data) + 8 for _, data in session.sections) == len(tail)
    session.points()


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=20),
    st.binary(min_size=16, max_size=16),
)
def test_sqm_round_trip(points: list[tuple[int, int, int]], client: bytes) -> None:
    session = sqm.Session(client=client, sections=(sqm.dword_section(tuple(points)),))
    body = sqm.encode(session)
    assert sqm.decode(body) == session
    assert sqm.client_of(body) == client
    assert session.points() == [(identifier, value) for identifier, value, _ in points]


BOMBS = {
    "entity": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "billion laughs": b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    "external": b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>',
    "external entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "bare dtd": b"<!DOCTYPE a><a/>",
    "deep": b"<a>" * 65 + b"</a>" * 65,
    "many": b"<a>" + b"<b/>" * 20_000 + b"</a>",
    "cut": b"<a><b></a>",
    "nothing": b"",
    "binary": bytes(range(256)),
    "unknown encoding": b"<?xml version='1.0' encoding='none-such'?><a/>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(name: str) -> None:
    with pytest.raises(WireError):
        markup.parse(BOMBS[name])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_both_unicode_encodings_are_read(encoding: str) -> None:
    assert markup.text(markup.parse("<a> \u03a9\n</a>".encode(encoding))) == "\u03a9"


@given(st.text(), st.text())
def test_whatever_is_written_lxml_reads_back(content: str, value: str) -> None:
    document = markup.document(el("a", el("b", content), at={"c": value}))
    root = etree.fromstring(document)
    ours = markup.parse(document)
    assert root.findtext("b") == (ours.findtext("b") or "")
    assert root.get("c") == ours.get("c")
    legal = all(
        ord(one) >= 32 and not 0xD800 <= ord(one) <= 0xDFFF and ord(one) not in (0xFFFE, 0xFFFF) for one in content
    )
    if legal:
        assert root.findtext("b") == content


def test_markup_is_not_escaped_twice() -> None:
    assert el("a", el("b", "<&>"), True, -5) == "<a><b>&lt;&amp;&gt;</b>true-5</a>"
    assert isinstance(el("a"), Xml)


@pytest.mark.parametrize(
    ("text", "seconds"), [("Sun, 01 Jul 2007 12:00:05 GMT", NOW), ("Sunday", None), ("", None), ("1 Jan 999999", None)]
)
def test_http_dates(text: str, seconds: float | None) -> None:
    assert webfiles.from_http_date(text) == seconds


def test_dates_are_written_in_english_and_whole_seconds() -> None:
    assert webfiles.http_date(NOW + 0.9) == "Sun, 01 Jul 2007 12:00:05 GMT"
    assert webfiles.soap_date(NOW + 0.9) == "2007-07-01T12:00:05Z"


def test_pictures_are_those_of_the_dossier() -> None:
    assert webfiles.etag(webfiles.TILE) == '"76897be140e7071523bcaa1ba9333585ce4d3a4d"'
    assert webfiles.etag(webfiles.DOT) == '"2daeaa8b5f19f0bc209d976c02bd6acb51b00b0a"'
    assert webfiles.media_type(webfiles.TILE) == "image/png"
    assert webfiles.media_type(webfiles.DOT) == "image/gif"


@pytest.mark.skipif(shutil.which("file") is None, reason="the tool `file` is not installed")
def test_an_independent_tool_knows_the_pictures() -> None:
    for data, words in (
        (webfiles.TILE, b"PNG image data, 1 x 1"),
        (webfiles.DOT, b"GIF image data, version 89a, 1 x 1"),
    ):
        shown = subprocess.run(["file", "-"], input=data, capture_output=True, check=True).stdout
        assert words in shown


def test_a_waiting_message_is_mail_for_an_independent_parser() -> None:
    content = oim.mime(oim.WAITING) + "\r\n"
    text = oim.mail(content, "contact@hotmail.com", "contact \u03a9", tags.account(TAG), int(NOW * 1000))
    parsed = email.message_from_string(text, policy=email.policy.default)
    assert parsed.get_content().rstrip("\n") == oim.WAITING.text
    assert parsed["Date"].datetime == datetime.fromtimestamp(NOW, UTC)
    assert parsed["From"].addresses[0].addr_spec == "contact@hotmail.com"
    assert parsed["From"].addresses[0].display_name == "contact \u03a9"
    assert oim.read_mime(text) == oim.WAITING
    low, high = (int(part, 16) for part in text.partition("FILETIME=[")[2].partition("]")[0].split(":"))
    assert ((high << 32) + low) / 10_000_000 - 11_644_473_600 == NOW


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, 10**9 - 1))
def test_offline_text_survives(text: str, number: int) -> None:
    message = oim.Message(tags.guid(TAG), number, text)
    assert oim.read_mime(oim.mime(message)) == message
    assert oim.read_mime(oim.mime(message).replace("\r\n", "\n")) == message


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_a_wire_error(content: str) -> None:
    try:
        oim.read_mime("X-OIM-Message-Type: OfflineMessage\n" + content)
    except WireError:
        pass


def test_a_message_cannot_bring_fields_of_its_own() -> None:
    content = oim.mime(oim.WAITING).replace("MIME-Version", "From: <eve@emu.test>\r\nTo: <x@emu.test>\r\nMIME-Version")
    text = oim.mail(content, "bob@emu.test", "Bob", "alice@emu.test", int(NOW * 1000))
    parsed = email.message_from_string(text)
    assert parsed.get_all("From") == ['"=?utf-8?B?Qm9i?=" <bob@emu.test>']
    assert parsed.get_all("To") == ["<alice@emu.test>"]


@given(st.text(max_size=60))
def test_names_survive_their_encoding(name: str) -> None:
    legal = name.encode("utf-8", "ignore").decode()
    assert oim.unword(oim.word(legal)) == legal[: oim.NAME_LIMIT]
    assert len(oim.unword(name)) <= oim.NAME_LIMIT


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2007-07-01T12:00:05Z", int(NOW * 1000)),
        ("2007-07-01T12:00:05.1234567Z", int(NOW * 1000) + 123),
        ("2007-07-01T05:00:05.000-07:00", int(NOW * 1000)),
        ("2007-07-01T12:00:05", int(NOW * 1000)),
        ("0001-01-01T00:00:00.0000000-08:00", 0),
        ("0001-01-01T00:00:00", 0),
        ("9999-12-31T23:59:59+99:99", 0),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_moments_of_soap(text: str, milliseconds: int) -> None:
    assert webfiles.from_soap_moment(text) == milliseconds


@given(st.integers(0, 253_402_300_799_999))
def test_moments_come_back_exactly(milliseconds: int) -> None:
    assert webfiles.from_soap_moment(webfiles.soap_moment(milliseconds)) == milliseconds


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    assert webfiles.from_soap_moment(text) >= 0


def test_numbers_of_an_account() -> None:
    numbers = passport.numbers("Alice@emu.test")
    assert numbers == passport.numbers("alice@emu.test")
    assert -(2**63) <= numbers.cid < 2**63
    assert int(numbers.cid_hex, 16) == numbers.cid % 2**64
    assert numbers.puid_hex.startswith("0003")
    assert len(numbers.puid_hex) == 16


def test_passport_claims() -> None:
    challenge_text = (
        "lc=1033,id=507,tw=40,ru=http%3A%2F%2Fmessenger%2Emsn%2Ecom,ct=1181040434,kpp=1,kv=5,ver=2.1.0173.1,tpf=0"
    )
    line = passport.authorization("alice@example.com", "pass word,=", challenge_text)
    assert "sign-in=alice%40example.com,pwd=pass%20word%2C%3D," in line
    assert passport.claim(line) == passport.Claim("alice@example.com", "pass word,=")
    for bad in ("", "Basic dTpw", "Passport1.4", "Passport1.4 sign-in=a%40b", "Passport1.4 pwd=x", f"{line[:40]}"):
        assert passport.claim(bad) is None


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/c.gif", (("Cookie", f"a=b; MUID={TAG.hex().upper()}"),)),
        ("/x", (("If-None-Match", f'"{TAG.hex()}"'),)),
        ("/x", (("If-None-Match", f'"{TAG.hex()}", "other"'),)),
        (f"/tile?t=ML{TAG.hex()}", ()),
        (f"/tile?t=ML{TAG.hex()}%26p%3D", ()),
        ("/5meen_us/106?passport=" + tags.account(TAG).replace("@", "%40"), ()),
        ("/Profile.aspx?mem=" + tags.account(TAG), ()),
        (f"/ADSAdClient31.dll?GetAd?PG=IMUSX1?LANG=EN?ID={TAG.hex()}", ()),
        ("/", (("Authorization", passport.presented(tags.ticket(TAG))),)),
        ("/", (("Authorization", passport.authorization(tags.account(TAG), "x", "lc=1")),)),
        ("/", (("Cookie", f"MSPAuth=ML{TAG.hex()};MSPProf="),)),
    ],
)
def test_tags_outside_the_body_are_found(target: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert webtag.in_request(Request("GET", target, headers)) == TAG.hex()


@given(st.text(max_size=120), st.text(max_size=60))
def test_any_request_has_a_tag_or_none(target: str, value: str) -> None:
    names = ("Cookie", "If-None-Match", "Authorization")
    found = webtag.in_request(Request("GET", "/" + target, tuple((name, value) for name in names)))
    assert found == "" or len(bytes.fromhex(found)) == 16


def test_the_inner_configuration_is_well_formed_for_lxml() -> None:
    outer = etree.fromstring(clientconfig.answer())
    inner = etree.fromstring(outer.findtext(".//{*}GetClientConfigResult").encode())
    assert etree.tostring(inner, method="c14n") == etree.tostring(
        etree.fromstring(clientconfig.config()), method="c14n"
    )
