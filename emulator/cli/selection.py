"""Which scenarios and passes a person named. Shared by the commands that run them."""

from __future__ import annotations

from pathlib import Path

from emulator.catalog import Catalog
from emulator.cli.terminal import BAD_INPUT, complain
from emulator.scenario.load import find
from emulator.scenario.load import load as load_scenario
from emulator.scenario.model import Pass, Scenario

Selected = tuple[Path, Scenario]


def select(catalog: Catalog, names: tuple[str, ...]) -> list[Selected]:
    """Scenarios by name or path. Raises ScenarioError."""
    cwd = Path.cwd()
    return [(find(name, cwd=cwd), load_scenario(name, catalog, cwd=cwd)) for name in names]


def passes_of(scenario: Scenario, only: str | None) -> list[Pass]:
    """The passes to run; a name that a scenario does not have is bad input."""
    if only is None:
        return list(scenario.passes)
    found = [one for one in scenario.passes if one.id == only]
    if not found:
        names = ", ".join(one.id for one in scenario.passes)
        complain(f"--pass {only!r}: scenario {scenario.id} has {names}", BAD_INPUT)
    return found
