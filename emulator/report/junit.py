"""The record as JUnit XML: one suite per pass, one test case per expectation."""

from __future__ import annotations

from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from emulator.judge.record import Expectation, Judged, PassRecord, RunRecord

SHOWN = 12  # flows named in one test case's text


def write(record: RunRecord, path: Path) -> None:
    """Write the suites. Raises OSError."""
    xml = JUnitXml("messenger-lab")
    for one in record.passes:
        xml.add_testsuite(_suite(one))
    for name in record.not_run:
        suite = TestSuite(name)
        case = TestCase(name, classname=name)
        case.result = [Skipped("the run ended before it")]
        suite.add_testcase(case)
        xml.add_testsuite(suite)
    draft = path.with_name(f".{path.name}.draft")
    xml.write(str(draft), pretty=True)
    draft.replace(path)


def _suite(record: PassRecord) -> TestSuite:
    suite = TestSuite(record.id)
    for name, value in (("seed", record.seed), ("samples", str(record.samples)), ("vantage", record.vantage)):
        suite.add_property(name, value)
    judged = {item.flow.id: item for item in record.judged}
    for expectation in record.expectations:
        suite.add_testcase(_case(record, expectation, judged))
    return suite


def _case(record: PassRecord, expectation: Expectation, judged: dict[str, Judged]) -> TestCase:
    case = TestCase(expectation.id, classname=f"messenger-lab.{record.id}", time=record.seconds)
    words = f"expected {expectation.wanted}, got {expectation.got}"
    lines = [words]
    for name in expectation.flows[:SHOWN]:
        if name in judged:
            verdict = judged[name].verdict
            lines.append(f"{name}: {verdict.verdict} ({verdict.certainty}) {verdict.detail}".rstrip())
    if len(expectation.flows) > SHOWN:
        lines.append(f"and {len(expectation.flows) - SHOWN} more flows")
    match expectation.state:
        case "not-met":
            case.result = [Failure(words, "not-met")]
        case "error":
            case.result = [Error(words, "error")]
        case "undecided":
            case.result = [Error(words, "undecided")]
    if expectation.state != "met":
        case.system_out = "\n".join(lines)
    return case
