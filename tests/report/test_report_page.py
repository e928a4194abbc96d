"""The page, read by lxml: complete for every pass, self-contained, escaped, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import msgspec
import pytest
from lxml import etree
from lxml import html as lxml_html
from stored_run import (
    CATALOG,
    DEVICE,
    everything,
    lost_back,
    one_pass,
    refused,
    run,
    surprised,
    undecided,
    web_only,
)

from emulator.report import html
from emulator.report.html import json_data, ticked

SCENARIOS = (
    one_pass("open", everything),
    one_pass("web-only", web_only, samples=4, leaks=True),
    one_pass("refused", refused),
    one_pass("lost", lost_back),
    one_pass("proxy/undecided", undecided, proxy="http://192.0.2.1:3128"),
    surprised(one_pass("surprise", web_only), "not-met", "undecided", "error"),
)
RECORD = run(*SCENARIOS, not_run=("later/one",))
TEXT = html.render(RECORD, CATALOG)
TREE = lxml_html.document_fromstring(TEXT)
SECTIONS = TREE.xpath("//section[contains(@class, 'card')]")


def said(node):
    return " ".join(" ".join(node.itertext()).split())


def test_a_section_for_every_pass():
    assert [node.get("id") for node in SECTIONS] == [f"pass-{number}" for number in range(1, len(SCENARIOS) + 1)]


@pytest.mark.parametrize("at", range(len(SCENARIOS)))
def test_every_feature_clause_url_and_the_note_is_in_every_section(at):
    section, record = SECTIONS[at], SCENARIOS[at]
    headings = [said(node) for node in section.xpath(".//tr[@class='feature']/th")]
    assert len(headings) == 12
    for feature, outcome, heading in zip(CATALOG.features, record.outcomes, headings, strict=True):
        assert feature.name.en in heading
        assert feature.name.pt in heading
        assert outcome.words.replace("not-tested", "not tested") in heading
        assert ("emulated" in heading) == outcome.emulated
    ids = section.xpath(".//@data-row")
    assert ids == [clause.id for clause in CATALOG.clauses] + [row.id for row in CATALOG.endpoints] + [CATALOG.note.id]
    assert len(CATALOG.clauses) == 35
    assert len(CATALOG.endpoints) == 22
    for endpoint in CATALOG.endpoints:
        row = section.xpath(f".//tr[@data-row='{endpoint.id}']")[0]
        assert endpoint.url in said(row)
        assert endpoint.notice in said(row)
    assert CATALOG.note.agent in said(section.xpath(f".//*[@data-row='{CATALOG.note.id}']")[0])
    noted = [item.flow.id for item in record.judged if item.flow.agent == CATALOG.note.agent]
    assert noted
    assert [name for name in section.xpath(".//td[1]/code/text()") if name in noted] == noted


def test_the_matrix_says_every_outcome_in_word_and_symbol():
    rows = TREE.xpath("//div[contains(@class, 'matrix')]//tbody/tr")
    marks = {"works": "●", "degraded": "◐", "broken": "○", "not-tested": "?"}
    for place, row in enumerate(rows):
        for cell, record in zip(row.xpath("td"), SCENARIOS, strict=True):
            outcome = record.outcomes[place]
            expected = f"{marks[outcome.outcome]} {outcome.outcome.replace('-', ' ')}"
            assert said(cell).startswith(expected)
            assert outcome.by in said(cell)
            assert ("emulated" in said(cell)) == outcome.emulated
    assert len(rows) == 12


def test_the_top_gives_verdict_exit_code_direction_and_what_was_not_run():
    top = said(TREE.xpath("//body/header")[0])
    assert "Not everything is as the scenarios say" in top
    assert "Exit code 1: some expectation is not met." in top
    assert "a contact sends that opens the flow itself" in top
    assert "Not run: later/one" in top


def test_surprises_are_marked_in_matrix_section_and_expectations():
    cells = TREE.xpath("//td[contains(@class, 'surprise')]")
    assert len(cells) == 3
    assert "✕ expected works" in said(cells[0])
    states = [said(node) for node in SECTIONS[5].xpath(".//details[@open]//tbody/tr/td[1]")]
    assert states[:3] == ["✕ not met", "! error", "? undecided"]
    assert SECTIONS[0].xpath(".//details[@open]") == []


def test_clauses_tell_count_verdict_way_and_device():
    row = SECTIONS[2].xpath(".//tr[@data-row='network-detection-udp-9']")[0]
    assert said(row) == f"UDP 9 ✕ stopped blocked.icmp → out {DEVICE}"
    row = SECTIONS[3].xpath(".//tr[@data-row='network-detection-udp-9']")[0]
    assert said(row) == "UDP 9 ✕ stopped blocked.drop.return ← back silent device"
    row = SECTIONS[4].xpath(".//tr[@data-row='network-detection-udp-9']")[0]
    assert said(row).startswith("UDP 9 ? undecided unknown ?")


@pytest.mark.parametrize("at", [1, 2, 4])
def test_strips_have_a_mark_for_every_tested_port(at):
    record = SCENARIOS[at]
    for clause in CATALOG.clauses:
        drawn = SECTIONS[at].xpath(f".//tr[@data-row='{clause.id}']//*[@class='strip']")
        assert len(drawn) == (1 if clause.count > 1 else 0)
        if not drawn:
            continue
        members = [item for item in record.judged if item.flow.row == clause.id]
        deciding = {item.flow.port: item for item in members if item.flow.decides}
        fixed = {item.flow.port for item in members if not item.flow.decides} - set(deciding)
        marks = {kind: "".join(drawn[0].xpath(f".//path[@class='{kind}']/@d")) for kind in ("p", "s", "u", "fp", "fs")}
        assert marks["p"].count("M") == sum(item.verdict.passed for item in deciding.values())
        assert marks["p"].count("M") + marks["s"].count("M") + marks["u"].count("M") == len(deciding)
        assert marks["fp"].count("M") + marks["fs"].count("M") == len(fixed)
        xs = [float(x) for x in re.findall(r"M([\d.]+) ", marks["p"] + marks["s"] + marks["u"])]
        assert min(xs) == 8  # both ends of a range are always tested
        assert max(xs) == 248


def test_drawing_counts_every_flow_once():
    for section, record in zip(SECTIONS, SCENARIOS, strict=True):
        title = section.xpath(".//div[contains(@class, 'drawing')]//title/text()")[0]
        assert sum(int(count) for count in re.findall(r"(\d+) flows:", title)) == len(record.judged)


def test_undocumented_ports_are_listed_where_they_were_tried():
    assert "Undocumented ports" in said(SECTIONS[1])
    assert "TCP 22 ✕ blocked.drop.outbound → out" in said(SECTIONS[1])
    assert "Undocumented ports" not in said(SECTIONS[0])


def test_evidence_holds_both_ends_of_every_flow():
    for section, record in zip(SECTIONS, SCENARIOS, strict=True):
        held = json.loads(section.xpath("./script[@type='application/json']/text()")[0])
        assert [flow["id"] for flow in held["flows"]] == [item.flow.id for item in record.judged]
        for flow, item in zip(held["flows"], record.judged, strict=True):
            assert (flow["verdict"], flow["rule"]) == (item.verdict.verdict, item.verdict.rule)
            assert flow["near"]["ending"] == item.observation.ending
            assert flow.get("far", []) == list(item.receipts)
            for number in item.receipts:
                receipt = held["receipts"][str(number)]
                assert receipt["received"][0] == number
                assert receipt["seen"][0]["line"].startswith("GET /somewhere")
        source = section.xpath(".//details[contains(@class, 'flows')]/@data-source")[0]
        assert TREE.get_element_by_id(source).tag == "script"
        assert "run.json" in said(section.xpath(".//noscript")[0])


def test_ids_are_unique_and_links_lead_somewhere():
    ids = TREE.xpath("//@id")
    assert len(ids) == len(set(ids))
    targets = [href.removeprefix("#") for href in TREE.xpath("//@href")]
    assert set(targets) <= set(ids)
    for names in TREE.xpath("//@aria-labelledby"):
        assert names in ids


def test_nothing_is_loaded_from_elsewhere():
    assert TREE.xpath("//@src | //@srcset | //link | //iframe | //object | //embed | //base | //@style") == []
    assert all(href.startswith("#") for href in TREE.xpath("//@href"))
    style = "".join(TREE.xpath("//style/text()"))
    assert "url(" not in style
    assert "@import" not in style
    assert [name for node in TREE.iter() for name in node.attrib if name.startswith("on")] == []


def test_the_policy_allows_this_style_and_this_script_and_nothing_else():
    policy = TREE.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for name, text in (
        ("style-src", TREE.xpath("//style/text()")[0]),
        ("script-src", TREE.xpath("//script[not(@type)]/text()")[0]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert len(TREE.xpath("//style")) == len(TREE.xpath("//script[not(@type)]")) == 1


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'<!--\u2028{{ 7*7 }}`"


def test_hostile_text_stays_text():
    record = one_pass("open", web_only)
    item = msgspec.structs.replace(
        record.judged[0],
        verdict=msgspec.structs.replace(record.judged[0].verdict, detail=HOSTILE, device=HOSTILE, verdict="blockpage"),
        observation=msgspec.structs.replace(
            record.judged[0].observation,
            detail=HOSTILE,
            facts={HOSTILE: HOSTILE},
            ending="malformed",
            head=b"<!--".hex(),
        ),
    )
    record = msgspec.structs.replace(
        surprised(record, "not-met"),
        title=HOSTILE,
        about=HOSTILE,
        firewall=HOSTILE,
        vantage=HOSTILE,
        problem=HOSTILE,
        notes=(HOSTILE,),
        judged=(item, *record.judged[1:]),
    )
    text = html.render(run(record, not_run=(HOSTILE,)), CATALOG)
    tree = lxml_html.document_fromstring(text)
    assert len(tree.xpath("//script")) == 2
    assert tree.xpath("//img") == []
    assert "49" not in said(tree.xpath("//h2")[0])
    assert HOSTILE.split("\u2028")[0] in tree.xpath("//h2")[0].text_content()
    held = json.loads(tree.xpath("//script[@type]/text()")[0])
    assert held["flows"][0]["detail"] == HOSTILE


def test_json_data_cannot_end_its_element():
    text = json.dumps({"a": HOSTILE + "<!-- & ]]>"})
    shown = str(json_data(text))
    assert not set("<>&\u2028") & set(shown)
    assert json.loads(shown) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "markup"),
    [("a `b<` c", "a <code>b&lt;</code> c"), ("odd ` one <", "odd ` one &lt;"), ("", "")],
)
def test_ticked(text, markup):
    assert ticked(text) == markup


def test_a_run_of_nothing_still_says_so():
    tree = lxml_html.document_fromstring(html.render(run(not_run=("open",)), CATALOG))
    assert "The run does not decide everything" in said(tree)
    assert tree.xpath("//table") == []


def test_the_page_is_well_formed_where_xml_can_tell():
    """Every drawing parses as XML: no stray quote or tag in what the templates make."""
    drawings = re.findall(r"<svg.*?</svg>", TEXT, re.DOTALL)
    assert len(drawings) > 6 * 15
    for drawing in drawings:
        etree.fromstring(drawing)


def test_eleven_full_passes_stay_under_nine_megabytes(tmp_path):
    path = tmp_path / "report.html"
    html.write(run(*(one_pass(f"p/{number}", everything, samples=8) for number in range(11))), CATALOG, path)
    assert path.stat().st_size < 9_000_000
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("at", range(len(SCENARIOS)))
def test_every_journey_and_step_is_in_every_section(at):
    section, record = SECTIONS[at], SCENARIOS[at]
    heads = [said(node) for node in section.xpath(".//p[@class='journey']")]
    assert len(heads) == len(CATALOG.journeys)
    for head, journey, known in zip(heads, record.journeys, CATALOG.journeys, strict=True):
        assert known.title.en in head
        assert journey.words.replace("not-run", "not run") in head
        rows = [said(node) for node in section.xpath(f".//tr[@data-journey='{journey.id}']")]
        for row, step, wanted in zip(rows, journey.steps, known.step, strict=True):
            assert wanted.title.en in row
            assert {"done": "✓ done", "failed": "✕ failed", "not-run": "? not run"}[step.state] in row


def test_paths_that_were_not_tried_are_cited():
    row = next(said(node) for node in SECTIONS[1].xpath(".//tr[@data-journey='session']") if "Sign-in" in said(node))
    assert "gateway" in row
    assert "not tried: msnp was blocked.drop.outbound" in row
