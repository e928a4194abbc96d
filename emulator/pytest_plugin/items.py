"""A scenario file as pytest sees it: one item per expectation, known before anything is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.catalog import Catalog, load
from emulator.judge.record import Expectation, PassRecord, Skipped
from emulator.probe.plan import plan, plan_inward
from emulator.pytest_plugin.runs import runs_of
from emulator.scenario.expect import Foreseen, foreseen
from emulator.scenario.load import load as load_scenario
from emulator.scenario.model import Pass, Scenario

REST = "rest"  # the item for expectations that depend on which ports are drawn
SHOWN = 12  # flows named in a failure


class NotAsExpected(Exception):
    """An expectation of a scenario was not met, or could not be decided."""

    def __init__(self, record: PassRecord, wrong: list[Expectation]) -> None:
        super().__init__("\n".join(line for one in wrong for line in _lines(record, one)))


class ScenarioFile(pytest.File):
    """One scenario; its passes are named in front of their expectations where there are several."""

    def collect(self) -> Iterator[pytest.Item]:
        catalog = load()
        scenario = load_scenario(str(self.path), catalog, cwd=self.config.invocation_params.dir)
        for one in scenario.passes:
            prefix = f"{one.id}/" if len(scenario.passes) > 1 else ""
            wanted = [*_foreseen(one, scenario, catalog), Foreseen(REST)]
            for expectation in wanted:
                yield ScenarioItem.from_parent(
                    self,
                    name=f"{prefix}{expectation.id}",
                    scenario=scenario,
                    one=one,
                    expectation=expectation,
                    siblings=frozenset(other.id for other in wanted),
                )


class ScenarioItem(pytest.Item):
    """One expectation of one pass."""

    def __init__(
        self, *, scenario: Scenario, one: Pass, expectation: Foreseen, siblings: frozenset[str], **more: Any
    ) -> None:
        super().__init__(**more)
        self._one = one
        self._expectation = expectation
        self._siblings = siblings
        self.add_marker(pytest.mark.messenger_scenario(id=scenario.id))
        for name in expectation.subjects:
            self.add_marker(pytest.mark.messenger_feature(id=name))
        for name in expectation.verdicts:
            self.add_marker(pytest.mark.messenger_verdict(name=name))
        self.extra_keyword_matches.update((scenario.id, *expectation.subjects, *expectation.verdicts))
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(f"{self.path}::{one.id}"))

    def runtest(self) -> None:
        from emulator.pytest_plugin import FLAKE

        runs = runs_of(self.config)
        first: NotAsExpected | None = None
        for number in range(runs.retries + 1):
            record = runs.attempt(self.path, self._one.id, number)
            if isinstance(record, Skipped):
                pytest.skip(record.why)
            wrong = [one for one in self._mine(record.expectations) if one.state != "met"]
            if not wrong:
                if first is not None:
                    words = str(first).splitlines()[0]
                    self.user_properties.append((FLAKE, f"met in run {number + 1}; the first time: {words}"))
                return
            first = first or NotAsExpected(record, wrong)
        assert first is not None
        raise first

    def _mine(self, expectations: Iterable[Expectation]) -> list[Expectation]:
        if self._expectation.id == REST:
            return [one for one in expectations if one.id not in self._siblings]
        found = [one for one in expectations if one.id == self._expectation.id]
        if not found:
            raise AssertionError(f"the record has no expectation {self._expectation.id}")
        return found

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from emulator.problems import BadInput
        from emulator.pytest_plugin.commands import CommandFailed

        if isinstance(excinfo.value, NotAsExpected | CommandFailed | BadInput):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def _foreseen(one: Pass, scenario: Scenario, catalog: Catalog) -> Iterator[Foreseen]:
    """Ends and fixed ports of every range are always tried; drawn ports can only add to what rests on them."""
    numbers = iter(range(1 << 30))

    def uid() -> str:
        return f"{next(numbers):032x}"

    proxy = "http://proxy:3128" if one.proxy else ""
    credentials = one.credentials == "right"
    flows = (
        *plan(catalog, seed=b"", samples=0, uid=uid, proxy=proxy, credentials=credentials, leaks=scenario.leaks),
        *plan_inward(catalog, seed=b"", samples=0, uid=uid),
    )
    return foreseen(one, catalog, flows)


def _lines(record: PassRecord, expectation: Expectation) -> Iterator[str]:
    from emulator.report.words import flow_line

    yield (
        f"{record.id} {expectation.id}: expected {expectation.wanted}, got {expectation.got}"
        + ("" if expectation.state == "not-met" else f" ({expectation.state})")
    )
    judged = {item.flow.id: item for item in record.judged}
    named = [judged[name] for name in expectation.flows if name in judged]
    for item in named[:SHOWN]:
        yield f"  {flow_line(item)}"
    if len(named) > SHOWN:
        yield f"  and {len(named) - SHOWN} more flows"
    for text in (record.problem, *record.notes):
        if text:
            yield f"  note: {text}"
