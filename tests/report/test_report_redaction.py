"""Nothing secret leaves: planted passwords, tickets and cookies are in no output, and verdicts stay what they were."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from stored_run import CATALOG, everything, one_pass, run, undecided

from emulator.judge import classify
from emulator.judge.evidence import Index
from emulator.judge.record import Judged, PassRecord, RunRecord
from emulator.report import html, json, junit, terminal
from emulator.report.redaction import HIDDEN, header, redacted, target
from emulator.wire.receipt import Receipt

SECRET = "5eC2e7-planted"  # long enough to be found, like nothing else
TICKET = f"t={SECRET}&p="
# RFC 3489 11.1 and 11.2.7: a Shared Secret Response whose PASSWORD is 16 bytes
PASSWORD = b"planted-password"
SHARED_SECRET = b"\x01\x02\x00\x2c" + bytes(16) + b"\x00\x06\x00\x14" + b"u" * 20 + b"\x00\x07\x00\x10" + PASSWORD

HEADERS = [
    ["Host", "c.msn.com"],
    ["User-Agent", "MSMSGS"],
    ["Via", "1.1 firewall.lab (squid/5.7)"],
    ["Authorization", f"Passport1.4 from-PP='{TICKET}'"],
    ["proxy-authorization", f"Basic {SECRET}"],
    ["Cookie", f"MSPAuth={SECRET}; MUID={SECRET}"],
    ["Set-Cookie", f"MC1={SECRET}"],
]


def with_secrets() -> RunRecord:
    """A run whose every place that can hold a secret holds one."""
    record = one_pass("open", undecided)
    judged = list(record.judged)
    tag = judged[0].tag
    heads = [
        SHARED_SECRET,
        f"HTTP/1.1 200 OK\r\nSet-Cookie: MC1={SECRET}\r\nLocation: /?t={SECRET}\r\n\r\n<?xml?><p>{SECRET}</p>".encode(),
        f"HTTP/1.1 500 No\r\nServer: x\r\n\r\n<soap:Envelope><p>{SECRET}</p>".encode(),
        f"XFR 3 SB 192.0.2.5:1863 CKI {SECRET}\r\n".encode(),
    ]
    for at, head in enumerate(heads, 1):
        near = msgspec.structs.replace(judged[at].observation, ending="malformed", head=head.hex())
        judged[at] = msgspec.structs.replace(judged[at], observation=near)
    complete = judged[9]
    near = msgspec.structs.replace(
        complete.observation,
        head=SHARED_SECRET.hex(),
        detail=f"GET /tile?T={SECRET}&x=1 failed at http://user:{SECRET}@proxy:3128/",
        facts={
            "password": SECRET,
            "nested": {"ticket": SECRET},
            "location": f"http://a/?passwd={SECRET}",
            "raw": TICKET,
        },
    )
    judged[9] = msgspec.structs.replace(complete, observation=near)
    receipt = record.receipts[0]
    seen = msgspec.structs.replace(
        receipt.seen[0], facts={"method": "GET", "target": f"/x?{TICKET}", "headers": HEADERS, "status": 200}
    )
    own = msgspec.structs.replace(
        receipt.seen[0], tag=tag, facts={"method": "GET", "target": f"/x?t=ML{tag}&y={tag}", "status": 200}
    )
    receipt = msgspec.structs.replace(receipt, seen=(seen, own), facts={"secret": SECRET})
    record = msgspec.structs.replace(
        record,
        proxy=f"http://user:{SECRET}@192.0.2.1:3128",
        notes=(f"the proxy http://user:{SECRET}@192.0.2.1:3128 answers",),
        judged=tuple(judged),
        receipts=(receipt, *record.receipts[1:]),
        expectations=tuple(msgspec.structs.replace(item, state="not-met") for item in record.expectations),
    )
    return run(record)


def outputs(record: RunRecord, folder) -> dict[str, str]:
    json.write(record, folder / "run.json")
    junit.write(record, folder / "junit.xml")
    html.write(record, CATALOG, folder / "report.html")
    console = Console(file=io.StringIO(), width=200)
    terminal.show(record, CATALOG, console)
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    return {**texts, "terminal": console.file.getvalue()}


def test_no_output_holds_a_planted_secret(tmp_path):
    for name, text in outputs(with_secrets(), tmp_path).items():
        assert SECRET not in text, name
        assert SECRET.encode().hex() not in text, name
        assert PASSWORD.decode() not in text, name
        assert PASSWORD.hex() not in text, name


def test_planted_secrets_would_be_found(tmp_path):
    """The test above can fail: without redaction the secrets are in the JSON."""
    raw = msgspec.json.encode(with_secrets()).decode()
    assert raw.count(SECRET) >= 10
    assert PASSWORD.hex() in raw


def test_evidence_stays():
    record = redacted(with_secrets())
    first, own = record.passes[0].receipts[0].seen
    held = dict(first.facts["headers"])
    assert held["Via"] == "1.1 firewall.lab (squid/5.7)"
    assert held["Authorization"] == f"Passport1.4 {HIDDEN}"
    assert held["proxy-authorization"] == f"Basic {HIDDEN}"
    assert held["Cookie"] == HIDDEN
    assert own.facts["target"] == f"/x?t=ML{own.tag}&y={own.tag}"
    assert record.passes[0].proxy == "http://192.0.2.1:3128"
    assert bytes.fromhex(record.passes[0].judged[2].observation.head).startswith(b"HTTP/1.1 200 OK\r\nSet-Cookie: ")


@pytest.mark.parametrize(
    ("text", "tag", "kept"),
    [
        ("/emu/tile/1?t=MLaabbccddeeff0011", "aabbccddeeff0011", True),
        ("GET http://h/emu/tile/1?t=MLaabbccdd", "aabbccddeeff0011", True),  # cut short for the eye
        ("/emu/tile/1?t=MLaabbccddeeff0012", "aabbccddeeff0011", False),
        ("/emu/tile/1?t=aa", "aabbccddeeff0011", False),
        ("/emu/tile/1?t=EwAo&p=", "", False),
        ("/c.gif?di=340&pi=7317&ps=95101", "", True),
        ("/gateway/gateway.dll?Action=open&Server=NS&IP=messenger.hotmail.com", "", True),
        ("/login.srf?wa=wsignin1.0&username=p1%40hotmail.com", "", True),
    ],
)
def test_ticket_parameters_stay_only_as_far_as_they_are_the_tag(text, tag, kept):
    assert (target(text, tag) == text) is kept


def test_a_completed_flow_needs_no_first_bytes():
    record = one_pass("open", everything)
    near = msgspec.structs.replace(record.judged[0].observation, head=b"USR 1 OK".hex())
    record = msgspec.structs.replace(
        record, judged=(msgspec.structs.replace(record.judged[0], observation=near), *record.judged[1:])
    )
    assert redacted(run(record)).passes[0].judged[0].observation.head == ""


def verdicts_again(record: PassRecord) -> list[str]:
    """Judge a stored pass anew."""
    index = Index(record.receipts)
    found = [
        index.evidence(item.flow, item.observation, item.protocol, item.tag, "up", watched=True)
        for item in record.judged
    ]
    return [classify.classify(known).verdict for known in found]


def test_a_stored_run_is_judged_as_before():
    record = with_secrets()
    again = verdicts_again(redacted(record).passes[0])
    assert again == verdicts_again(record.passes[0])
    assert "proxy.intercepted" in again  # by the Via header, which must survive


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
names = st.sampled_from(["Authorization", "Cookie", "Set-Cookie", "Via", "Location", "X-Any"])


@given(names, printable)
def test_header_twice_is_header_once(name, value):
    once = header(name, value)
    assert header(name, once) == once


@given(printable, st.sampled_from(["", "aabbccddeeff00112233445566778899"]))
def test_target_twice_is_target_once(text, tag):
    once = target(text, tag)
    assert target(once, tag) == once


@given(st.sampled_from(["t", "p", "ticket", "Password", "pwd", "auth_token"]), st.text("abcXYZ0189%+*!", min_size=9))
def test_a_secret_parameter_never_stays(name, value):
    shown = target(f"http://h/x?a=1&{name}={value}&b=2", "")
    assert shown == f"http://h/x?a=1&{name}={HIDDEN}&b=2"


@settings(max_examples=30)
@given(st.binary(max_size=120), st.sampled_from(["silence", "closed", "malformed", "differs", "completed"]))
def test_any_first_bytes_are_taken(head, ending):
    record = one_pass("open", everything)
    item: Judged = record.judged[0]
    near = msgspec.structs.replace(item.observation, ending=ending, head=head.hex())
    record = msgspec.structs.replace(
        record, judged=(msgspec.structs.replace(item, observation=near),), receipts=tuple[Receipt, ...](())
    )
    once = redacted(run(record))
    assert redacted(once) == once
    assert re.fullmatch("(?:[0-9a-f]{2})*", once.passes[0].judged[0].observation.head)
