"""Scenarios as pytest items, and fixtures for scenario scripts in Python. Loaded by pytest through its entry point.

Runs `messenger-lab` as processes: no reactor and no port of this plugin ever lives in the process of the tests, so it
goes together with pytest-twisted, pytest-asyncio and whatever else a suite uses. Imports of weight are made when used.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from emulator.pytest_plugin.fixtures import messenger_emulator, messenger_lab, messenger_probe

__all__ = ["messenger_emulator", "messenger_lab", "messenger_probe"]

FLAKE = "messenger_flake"  # user property of an item that was as expected only when its pass was run again
MARKERS = (
    "messenger_feature(id): the feature or endpoint that an expectation of a scenario is about",
    "messenger_verdict(name): a verdict that an expectation of a scenario accepts",
    "messenger_scenario(id): the scenario that an item belongs to",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("messenger-lab", "Messenger through firewalls and proxies")
    group.addoption("--messenger-join", metavar="FILE", help="join file of the emulator (default: a lab is built)")
    group.addoption("--messenger-proxy", metavar="URL", help="HTTP proxy in the path, with --messenger-join")
    group.addoption("--messenger-samples", type=int, metavar="N", help="random ports per range")
    group.addoption("--messenger-seed", metavar="HEX", help="replay the ports of an earlier run")
    group.addoption("--messenger-timeout", type=float, metavar="SECONDS", help="for one stage of a flow")
    group.addoption(
        "--messenger-retries",
        type=int,
        metavar="N",
        help="run a pass up to N times more when an expectation is not met; what is met then is marked as flaky",
    )
    parser.addini(
        "messenger_scenarios", "scenario files to collect (patterns below the root directory)", "linelist", []
    )
    parser.addini("messenger_retries", "default of --messenger-retries", default="0")


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Scenario files that are named on the command line or in `messenger_scenarios`; no other TOML file is touched."""
    if file_path.suffix != ".toml" or not (_named(file_path, parent.config) or _listed(file_path, parent.config)):
        return None
    from emulator.pytest_plugin.items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def _named(path: Path, config: pytest.Config) -> bool:
    where = config.invocation_params.dir
    return any(path == Path(where, argument.partition("::")[0]).resolve() for argument in config.args)


def _listed(path: Path, config: pytest.Config) -> bool:
    if not path.is_relative_to(config.rootpath):
        return False
    below = path.relative_to(config.rootpath)
    return any(below.match(pattern) for pattern in config.getini("messenger_scenarios"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    from emulator.pytest_plugin.runs import close

    close(session.config)


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    if report.when == "call" and report.passed and _flake(report):
        return "flaky", "~", "FLAKY"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, None, None]:
    yield
    flaky = terminalreporter.stats.get("flaky", [])
    if flaky:
        terminalreporter.section("messenger-lab: as expected only when run again")
        for report in flaky:
            terminalreporter.line(f"FLAKY {report.nodeid}: {_flake(report)}")


def _flake(report: Any) -> str:
    return next((str(value) for name, value in report.user_properties if name == FLAKE), "")
