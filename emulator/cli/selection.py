"""Which scenarios and passes a person named. Shared by the commands that run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emulator.catalog import Catalog
from emulator.cli.terminal import BAD_INPUT, complain
from emulator.judge.record import Skipped
from emulator.probe.place import Proxy
from emulator.scenario.load import find
from emulator.scenario.load import load as load_scenario
from emulator.scenario.model import Pass, Scenario

Selected = tuple[Path, Scenario]
Todo = list[tuple[Path, Scenario, Pass]]


def select(catalog: Catalog, names: tuple[str, ...]) -> list[Selected]:
    """Scenarios by name or path. Raises ScenarioError."""
    cwd = Path.cwd()
    return [(find(name, cwd=cwd), load_scenario(name, catalog, cwd=cwd)) for name in names]


def name_of(scenario: Scenario, one: Pass) -> str:
    """What a pass is called: by its scenario where that has one only."""
    return f"{scenario.id}/{one.id}" if len(scenario.passes) > 1 else scenario.id


def todo(
    chosen: list[Selected], only: str | None, why_not: Callable[[Pass], str] = lambda one: ""
) -> tuple[Todo, list[Skipped]]:
    """What is to be run, and what is skipped: because its scenario says so, or for what `why_not` says of a pass."""
    wanted = [(path, scenario, one) for path, scenario in chosen for one in passes_of(scenario, only)]
    reasons = [scenario.skip or why_not(one) for _, scenario, one in wanted]
    skipped = [Skipped(name_of(item[1], item[2]), why) for item, why in zip(wanted, reasons, strict=True) if why]
    return [item for item, why in zip(wanted, reasons, strict=True) if not why], skipped


def without_proxy(one: Pass, proxy: Proxy | None) -> str:
    """Why a pass makes no sense with this proxy in the path, or none; "" when it does."""
    if one.proxy and proxy is None:
        return "it goes through a proxy: name yours with --proxy http://host:port"
    if one.credentials == "right" and proxy is not None and not proxy.authorization:
        return "it needs a name that the proxy knows: --proxy http://user:password@host:port"
    return ""


def passes_of(scenario: Scenario, only: str | None) -> list[Pass]:
    """The passes to run; a name that a scenario does not have is bad input."""
    if only is None:
        return list(scenario.passes)
    found = [one for one in scenario.passes if one.id == only]
    if not found:
        names = ", ".join(one.id for one in scenario.passes)
        complain(f"--pass {only!r}: scenario {scenario.id} has {names}", BAD_INPUT)
    return found


def apart(vantages: tuple[str, ...]) -> tuple[str, list[str]]:
    """Vantages as a person gives them: the name of this place ("" when it is none of them), and those elsewhere."""
    away = [one for one in vantages if "@" in one or "ssh:" in one]
    names = [one for one in vantages if one not in away]
    if len(names) > 1:
        complain(
            f"--vantage {names[1]!r}: this place has one name; other machines are user@host or ssh:host", BAD_INPUT
        )
    return names[0] if names else ("" if away else "inside"), away
