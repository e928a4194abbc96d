"""The record as JUnit XML: one suite per pass, one test case per expectation. Not the evidence.

Counts: failures are expectations not met, errors those undecided or failed by our own fault, skipped passes not run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from emulator.judge.record import Expectation, Judged, PassRecord, RunRecord
from emulator.report.redaction import redacted
from emulator.report.whole import write_whole
from emulator.report.words import flow_line

SHOWN = 12  # flows named in one test case's text

# What XML 1.0 cannot hold (section 2.2), written so that a person still sees what it was.
_UNSPEAKABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(record: RunRecord, path: Path) -> None:
    """Write the suites. Raises OSError."""
    record = redacted(record)
    xml = JUnitXml("messenger-lab")
    suites = [
        *(_suite(one) for one in record.passes),
        *(_left_out(name, "the run ended before it") for name in record.not_run),
        *(_left_out(one.id, one.why) for one in record.skipped),
        *(_lost(one.vantage, one.why) for one in record.lost),
    ]
    for suite in suites:
        xml.append(suite)  # add_testsuite would melt two equal passes into one
    xml.tests = sum(suite.tests for suite in suites)
    xml.failures = sum(suite.failures for suite in suites)
    xml.errors = sum(suite.errors for suite in suites)
    xml.time = round(record.seconds, 3)
    write_whole(path, lambda draft: xml.write(str(draft), pretty=True))


def _suite(record: PassRecord) -> TestSuite:
    suite = TestSuite(_speakable(record.id))
    suite.timestamp = datetime.fromtimestamp(record.started, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite.hostname = _speakable(record.vantage)
    for name, value in (
        ("title", record.title),
        ("firewall", record.firewall),
        ("proxy", record.proxy),
        ("seed", record.seed),
        ("samples", str(record.samples)),
        ("vantage", record.vantage),
        ("control", record.control),
    ):
        suite.add_property(name, _speakable(value))
    judged = {item.flow.id: item for item in record.judged}
    suite.add_testcases([_case(record, expectation, judged) for expectation in record.expectations])
    suite.time = round(record.seconds, 3)
    return suite


def _left_out(name: str, why: str) -> TestSuite:
    suite = TestSuite(_speakable(name))
    case = TestCase("pass", classname=f"messenger-lab.{_speakable(name)}")
    case.result = [Skipped(_speakable(why))]
    suite.add_testcase(case)
    return suite


def _lost(vantage: str, why: str) -> TestSuite:
    """A vantage without a record is an error, not a thing left out."""
    suite = TestSuite(_speakable(vantage))
    case = TestCase("record", classname=f"messenger-lab.{_speakable(vantage)}")
    case.result = [Error(_speakable(why), "lost")]
    suite.add_testcase(case)
    return suite


def _case(record: PassRecord, expectation: Expectation, judged: dict[str, Judged]) -> TestCase:
    items = [judged[name] for name in expectation.flows if name in judged]
    took = max((item.observation.ended - item.observation.started for item in items), default=0.0)
    case = TestCase(_speakable(expectation.id), classname=f"messenger-lab.{_speakable(record.id)}", time=round(took, 3))
    words = _speakable(f"{expectation.subject}: expected {expectation.wanted}, got {expectation.got}")
    lines = [words, *(_speakable(flow_line(item)) for item in items[:SHOWN])]
    if len(items) > SHOWN:
        lines.append(f"and {len(items) - SHOWN} more flows; the JSON record has all")
    match expectation.state:
        case "not-met":
            result: Failure | Error = Failure(words, "not-met")
        case "error" | "undecided":
            result = Error(words, expectation.state)
        case _:
            return case
    result.text = "\n".join(lines)
    case.result = [result]
    return case


def _speakable(text: str) -> str:
    return _UNSPEAKABLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)
