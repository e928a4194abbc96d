"""JUnit XML, read by lxml: a case per expectation, sums that are right, text that cannot break it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from stored_run import everything, one_pass, run, surprised, web_only

from emulator.report import junit


def parsed(record, folder):
    path = folder / "junit.xml"
    junit.write(record, path)
    return etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()


def sums(suite):
    return {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }


def test_counts_are_those_of_the_cases(tmp_path):
    bad = surprised(one_pass("web/one", web_only), "not-met", "error", "undecided", "not-met")
    record = run(one_pass("open", everything), bad, one_pass("web/two", web_only), not_run=("later",))
    root = parsed(record, tmp_path)
    assert root.tag == "testsuites"
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["open", "web/one", "web/two", "later"]
    for suite in suites:
        assert {name: int(suite.get(name)) for name in sums(suite)} == sums(suite)
    assert sums(suites[1]) == {"tests": 12, "failures": 2, "errors": 2, "skipped": 0}
    assert sums(suites[3]) == {"tests": 1, "failures": 0, "errors": 0, "skipped": 1}
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name)) == sum(int(suite.get(name)) for suite in suites)


def test_every_expectation_is_a_case_with_name_and_class(tmp_path):
    one = one_pass("web/only", web_only)
    suite = parsed(run(one), tmp_path)[0]
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [item.id for item in one.expectations]
    assert {case.get("classname") for case in cases} == {"messenger-lab.web/only"}
    assert all(0 <= float(case.get("time")) <= one.seconds for case in cases)
    assert float(suite.get("time")) == one.seconds
    assert suite.get("timestamp") == "2023-11-14T22:13:20"


def test_a_failure_says_what_was_expected_and_which_flows(tmp_path):
    one = surprised(one_pass("web", web_only), "met", "not-met")
    failure = parsed(run(one), tmp_path).find(".//failure")
    assert failure.get("message") == "network-detection: expected works, got broken (the client says Firewall)"
    assert "network-detection-udp-9/discard: blocked.drop.outbound (confirmed)" in failure.text


def test_many_flows_are_folded(tmp_path):
    one = one_pass("web", web_only, samples=20)
    names = tuple(item.flow.id for item in one.judged[:40])
    first = msgspec.structs.replace(one.expectations[0], state="not-met", flows=names)
    one = msgspec.structs.replace(one, expectations=(first,))
    text = parsed(run(one), tmp_path).find(".//failure").text
    assert len(text.splitlines()) == junit.SHOWN + 2
    assert "and 28 more flows" in text


def test_equal_passes_stay_two_suites(tmp_path):
    one = one_pass("open", everything)
    assert len(parsed(run(one, one), tmp_path)) == 2


def test_a_run_of_nothing_is_valid(tmp_path):
    root = parsed(run(), tmp_path)
    assert (root.get("tests"), len(root)) == ("0", 0)


@pytest.mark.parametrize(
    "text", ["\x00\x1b[31m", "\ud800", "\ufffe", "]]>", "<&\"'>", "a\nb\tc", "é漢😀", "\x85\u2028"]
)
def test_no_text_breaks_the_xml(tmp_path, text):
    one = surprised(one_pass("open", everything), "not-met")
    first = msgspec.structs.replace(one.expectations[0], got=text, wanted=text, subject=text)
    one = msgspec.structs.replace(one, title=text, vantage=text, expectations=(first, *one.expectations[1:]))
    root = parsed(run(one, not_run=(text,)), tmp_path)
    assert len(root.findall(".//testcase")) == 13


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_any_text_is_carried_or_escaped(tmp_path_factory, text):
    one = surprised(one_pass("open", everything), "not-met")
    first = msgspec.structs.replace(one.expectations[0], got=f"<{text}>")
    one = msgspec.structs.replace(one, expectations=(first,))
    message = parsed(run(one), tmp_path_factory.getbasetemp()).find(".//failure").get("message")
    assert message.startswith("sign-in: expected works, got <")
    assert message.endswith(">")
