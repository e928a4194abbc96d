"""The terminal at 80 and 140 columns: everything in words or symbols, ids whole, long lists folded."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console
from stored_run import CATALOG, DEVICE, everything, lost_back, one_pass, refused, run, surprised, undecided, web_only

from emulator.report import terminal
from emulator.report.words import ASCII_MARK, MARK

ELEVEN = [
    one_pass(name, fate)
    for name, fate in (
        ("open", everything),
        ("documented-ports", everything),
        ("web-only", web_only),
        ("no-1863", lambda flow: "blocked.drop.outbound" if flow.port == 1863 else "pass"),
        ("no-udp", lambda flow: "blocked.drop.outbound" if flow.transport == "udp" else "pass"),
        ("reject-not-drop", refused),
        ("block-all", lambda flow: "blocked.drop.outbound"),
        ("proxy-note/forced-without", lambda flow: "blocked.drop.outbound"),
        ("proxy-note/forced-with", web_only),
        ("proxy-note/exempt-without", undecided),
        ("proxy-note/exempt-with", lost_back),
    )
]


def printed(record, width, *, colour=False, encoding="utf-8"):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = Console(file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    terminal.show(record, CATALOG, console)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [80, 100, 140, 220])
def test_no_line_is_wider_than_the_terminal(width):
    for record in (run(*ELEVEN), run(*ELEVEN[:3]), *(run(one) for one in ELEVEN)):
        for line in printed(record, width).splitlines():
            assert cell_len(line.rstrip()) <= width, line


@pytest.mark.parametrize("width", [80, 140])
def test_eleven_passes_show_one_symbol_for_every_outcome(width):
    text = printed(run(*ELEVEN), width)
    lines = text.splitlines()
    for place, feature in enumerate(CATALOG.features):
        row = next(line for line in lines if line.startswith(feature.name.en + "  "))
        marks = re.findall("[●◐○?]", row.removeprefix(feature.name.en))
        assert marks == [MARK[one.outcomes[place].outcome] for one in ELEVEN]


@pytest.mark.parametrize("width", [80, 140])
def test_every_reason_stands_beneath_the_symbols(width):
    text = " ".join(printed(run(*ELEVEN), width).split())
    for one in ELEVEN:
        assert f" {one.id} " in text
        for outcome in one.outcomes:
            if outcome.by:
                assert f"{MARK[outcome.outcome]} {outcome.by}" in text


def test_few_passes_are_shown_in_words():
    lines = printed(run(ELEVEN[0], ELEVEN[2]), 140).splitlines()
    row = next(line for line in lines if line.startswith("Sign-in"))
    assert re.search("● works +◐ gateway", row)
    assert not any(line.startswith(" 1 ") for line in lines)


def test_passes_with_the_same_outcomes_share_their_reasons():
    text = printed(run(*(one_pass(f"block/{name}", lambda flow: "blocked.rst") for name in "abcdefghijk")), 80)
    assert text.count("no ticket") == 1
    assert all(f"block/{name}" in text for name in "abcdefghijk")


def test_a_surprising_outcome_is_marked_without_colour():
    text = printed(run(*ELEVEN[:10], surprised(ELEVEN[10], "not-met")), 80)
    row = next(line for line in text.splitlines() if line.startswith("Sign-in"))
    assert row.count("!") == 1
    assert "! unexpected" in text


def test_single_pass_names_clause_way_verdict_and_device():
    text = printed(run(one_pass("refused", refused, samples=4)), 80)
    assert re.search(r"✕ UDP 9 +0/1 +out +blocked\.icmp +" + re.escape(DEVICE), text)
    assert re.search(r"✕ TCP 1863 +0/1 +out +blocked\.rst +unnamed device", text)
    assert "◐ Sign-in to the Messenger service: degraded (gateway)" in text
    assert "URLs: 21 of 22 pass" in text
    assert "http://messenger.hotmail.com:1863" in text
    assert "rejected by a device with an ICMP error" in text
    assert "a contact sends that opens the flow itself" in " ".join(text.split())


def test_single_pass_prints_the_way_back():
    text = printed(run(one_pass("lost", lost_back)), 80)
    assert re.search(r"UDP 9 +0/1 +back +blocked\.drop\.return +silent device", text)


def test_clauses_urls_and_ids_stay_whole_at_80_columns():
    blocked = one_pass("block-all", lambda flow: "blocked.drop.outbound", samples=8)
    text = printed(run(surprised(blocked, "not-met", "error", "undecided")), 80)
    lines = [line.rstrip() for line in text.splitlines()]
    for clause in CATALOG.clauses:
        assert f"{clause.transport.upper()} {clause.ports} " in text
    for endpoint in CATALOG.endpoints:
        assert endpoint.url in text
    for item in blocked.expectations[:3]:
        for name in item.flows[: terminal.FLOWS_SHOWN]:
            assert f"      {name}" in lines


def test_unexpected_says_expected_and_got_and_folds():
    one = msgspec.structs.replace(
        surprised(ELEVEN[6], *["not-met"] * 12), notes=tuple(f"note {number}" for number in range(30))
    )
    one = msgspec.structs.replace(one, expectations=one.expectations * 3)
    text = printed(run(one, not_run=tuple(f"later-{number}" for number in range(30))), 80)
    assert "not met  sign-in: expected works, got broken (no ticket)" in text
    assert "and 16 more: JSON and page have all" in text
    assert "and 20 more" in text
    assert "note 29" not in text
    assert "later-29" not in text


def test_the_last_line_gives_sentence_and_exit_code():
    text = " ".join(printed(run(*ELEVEN), 80).split())
    assert text.endswith("132 of 132 expectations met in 11 passes. 12 s, exit code 0 (all as expected).")


def test_markup_in_a_record_is_text():
    one = msgspec.structs.replace(
        ELEVEN[0], title="[bold red]no[/]", notes=("[link=http://evil]x[/link]",), problem="[/]"
    )
    for record in (run(one), run(one, ELEVEN[1])):
        text = printed(record, 140)
        assert "[link=http://evil]x[/link]" in text
    assert "[bold red]no[/]" in printed(run(one), 140)


@pytest.mark.parametrize("record", [run(*ELEVEN), run(ELEVEN[5]), run(ELEVEN[0], ELEVEN[2])])
def test_a_plain_ascii_terminal_is_served(record):
    text = printed(record, 80, encoding="ascii")
    assert f"{ASCII_MARK['broken']} " in text


def test_colour_adds_nothing_but_colour():
    for record in (run(*ELEVEN), run(ELEVEN[5])):
        coloured = re.sub("\x1b\\[[0-9;]*m", "", printed(record, 80, colour=True))
        assert coloured == printed(record, 80)


def test_a_single_pass_tells_its_journeys_step_by_step():
    record = one_pass("web-only", web_only)
    text = printed(run(record), 100)
    for journey, taken in zip(CATALOG.journeys, record.journeys, strict=True):
        mark = {"done": MARK["degraded"], "broken": MARK["broken"]}[taken.state]
        assert f"{mark} {journey.title.en}: {taken.words}" in text
        for step, became in zip(journey.step, taken.steps, strict=True):
            assert f"{ {'done': '✓', 'failed': '✕', 'not-run': '?'}[became.state] } {step.title.en}" in text
    assert "✓ Sign-in (gateway)" in text
    assert "not tried: msnp was blocked.drop.outbound" in text
    broken = printed(run(one_pass("block-all", lambda flow: "blocked.drop.outbound")), 100)
    assert f"{MARK['broken']} {CATALOG.journeys[0].title.en}: broken (ticket)" in broken
    assert "✕ Ticket" in broken
    assert "? Sign-out" in broken
