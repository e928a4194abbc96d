"""Finds a scenario by path or name and reads it. The one place of this package that touches files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path

import emulator
from emulator.catalog import Catalog
from emulator.scenario.model import Scenario
from emulator.scenario.parse import ScenarioError, parse

__all__ = ["ScenarioError", "find", "known_scenarios", "load"]

FOLDER = "scenarios"


def load(spec: str, catalog: Catalog, *, cwd: Path) -> Scenario:
    """The scenario called `spec`: a path, else a name, looked up in `cwd/scenarios`, then among those that ship.

    Raises ScenarioError: unknown (with those that come close), unreadable, malformed, or a file of its is missing.
    """
    path = find(spec, cwd=cwd)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}: name another file") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    scenario = parse(text, path, catalog)
    needed = [("firewall", scenario.firewall_path)]
    needed += [(f"pass {one.id}: proxy", scenario.proxy_path(one)) for one in scenario.passes]
    for key, file in needed:
        if file is not None and not file.is_file():
            raise ScenarioError(f"{path}: {key}: no file {file.name!r} beside it: add it, or mend the name")
    return scenario


def find(spec: str, *, cwd: Path) -> Path:
    """Path of a scenario file. Raises ScenarioError when there is none of that name."""
    if spec.endswith(".toml") or "/" in spec or "\\" in spec:
        path = cwd / spec
        if not path.is_file():
            raise ScenarioError(f"{path}: no such file: name a scenario file, or one of {_list(known_scenarios(cwd))}")
        return path
    for folder in _folders(cwd):
        path = folder / f"{spec}.toml"
        if path.is_file():
            return path
    known = known_scenarios(cwd)
    close = get_close_matches(spec, known, n=3, cutoff=0.4)
    hint = f"did you mean {_list(close)}? " if close else ""
    raise ScenarioError(f"unknown scenario {spec!r}: {hint}known are {_list(known)}")


def known_scenarios(cwd: Path) -> tuple[str, ...]:
    """Names of all scenarios that `find` finds by name, sorted."""
    return tuple(sorted({path.stem for folder in _folders(cwd) for path in folder.glob("*.toml")}))


def _folders(cwd: Path) -> Iterator[Path]:
    yield cwd / FOLDER
    package = Path(emulator.__file__).parent
    yield package / FOLDER  # where an installed wheel has them
    if (package.parent / "pyproject.toml").is_file():
        yield package.parent / FOLDER  # where a checkout has them


def _list(names: Collection[str]) -> str:
    return ", ".join(names) or "none"
