"""Words and counts: every verdict has its lane and way, summaries add up, the sentence fits the exit code."""

from __future__ import annotations

import msgspec
import pytest
from stored_run import DEVICE, everything, one_pass, refused, run, surprised, undecided, web_only

from emulator.judge.verdicts import VERDICTS
from emulator.report.summary import rows, stops
from emulator.report.words import EXIT_WORD, PLACE, meaning, place, sentence, way, whose


def test_every_verdict_has_a_place():
    assert set(PLACE) == set(VERDICTS)


def test_ways_follow_the_meaning_of_the_verdict():
    assert place("blocked.drop.outbound").way == "out"
    assert place("blocked.drop.return").way == "back"
    assert [name for name in VERDICTS if place(name).lane == "through"] == ["pass"]
    assert place("a verdict of the future").lane == "open"


def test_flows_that_the_contact_opened_go_the_other_way():
    assert way("blocked.drop.outbound", "inward") == "in"
    assert way("blocked.drop.return", "inward") == "reply"
    assert way("unknown", "inward") == ""
    assert "on the way in" in meaning("blocked.drop.outbound", "inward")
    assert meaning("blocked.rst", "inward") == meaning("blocked.rst")
    summary = rows(one_pass("closed", web_only))["file-transfer-tcp-1025-65535"]
    assert {stop.way: stop.count for stop in summary.stops} == {"out": summary.total // 2, "in": summary.total // 2}


def test_row_counts_add_up():
    record = one_pass("refused", refused, samples=4)
    for summary in rows(record).values():
        deciding = [item for item in summary.members if item.flow.decides]
        assert summary.passed + sum(stop.count for stop in summary.stops) == summary.total == len(deciding)
        assert summary.extras[1] == len(summary.members) - len(deciding)
    assert sum(stop.count for stop in stops(record.judged)) == sum(not item.verdict.passed for item in record.judged)


def test_undecided_rows_are_not_called_stopped():
    summaries = rows(one_pass("undecided", undecided))
    assert summaries["audio-legacy-udp-5004-65535"].state == "open"
    assert summaries["network-detection-tcp-7001"].state == "pass"


def test_leak_rows_count_although_they_decide_nothing():
    summary = rows(one_pass("closed", web_only, leaks=True))["leak-tcp-22"]
    assert (summary.state, summary.total) == ("stop", 1)


def test_whose_device_is_the_one_that_the_evidence_names():
    by_verdict = {item.verdict.verdict: whose(item) for item in one_pass("refused", refused).judged}
    assert by_verdict == {"pass": "", "blocked.icmp": DEVICE, "blocked.rst": "unnamed device"}
    proxied = one_pass("proxy", lambda flow: "proxy.denied" if flow.via else "pass", proxy="http://192.0.2.9:3128")
    assert {whose(item) for item in proxied.judged if item.flow.via} == {"proxy 192.0.2.9:3128"}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (run(one_pass("open", everything)), "12 of 12 expectations met in 1 pass"),
        (run(surprised(one_pass("open", everything), "not-met")), "Not everything is as the scenarios say: 11 of 12"),
        (run(surprised(one_pass("open", everything), "undecided", "error")), "does not decide everything: 10 of 12"),
        (run(not_run=("a", "b"), interrupted=True), "interrupted: 0 of 0 expectations met in 0 passes; 2 not run"),
    ],
)
def test_sentence(record, words):
    assert words in sentence(record)
    assert record.exit_code in EXIT_WORD


def test_sentence_of_a_lost_control_channel_is_no_success():
    record = msgspec.structs.replace(one_pass("open", everything), control="lost")
    assert sentence(run(record)).startswith("The run does not decide everything")
