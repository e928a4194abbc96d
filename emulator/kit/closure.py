"""Which modules of ours and which distributions the probe side needs, read from its import statements.

Nothing is imported to find out, and nothing is written.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import emulator
from emulator.problems import CannotRun

PACKAGE = Path(emulator.__file__).parent
PROJECT = "messenger-lab"
# Loaded by name when they are called, so no import statement tells of them.
ROOTS = ("emulator.cli.bundled", "emulator.cli.run", "emulator.cli.ping", "emulator.cli.catalog", "emulator.cli.schema")
# What `run` does on the machine that has it all: the lab, and vantages elsewhere. Nothing of it is needed inside.
OUTSIDE = frozenset({"emulator.cli.labrun", "emulator.cli.vantages"})
ALWAYS = ("packaging",)  # the launcher of a bundle asks it what this machine can load


class Needs(msgspec.Struct, frozen=True):
    """`files`: of our package, relative to it. `tops`: top-level modules of others that are imported anywhere there."""

    files: tuple[Path, ...]
    tops: frozenset[str]


def needs(roots: Collection[str] = ROOTS) -> Needs:
    """Everything that the probe side imports, at any place in its modules, with the data files beside them."""
    waiting = list(roots)
    known: dict[str, Path] = {}
    tops: set[str] = set()
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in known or name in OUTSIDE or path is None:
            continue
        known[name] = path
        for imported in _imported(ast.parse(path.read_bytes())):
            if imported.partition(".")[0] == PACKAGE.name:
                waiting += _with_parents(imported)
            else:
                tops.add(imported.partition(".")[0])
    packages = {path.parent for path in known.values() if path.name == "__init__.py"}
    data = {found for package in packages for found in _data(package)}
    files = sorted({*(path for path in known.values()), *data})
    return Needs(tuple(path.relative_to(PACKAGE) for path in files), frozenset(tops))


def distributions(tops: Collection[str]) -> tuple[Requirement, ...]:
    """The project's own requirements, as far as a module of theirs is among `tops`, with their extras."""
    owners = {canonicalize_name(name) for top in tops for name in metadata.packages_distributions().get(top, [])}
    declared = [Requirement(text) for text in metadata.requires(PROJECT) or []]
    used = [one for one in declared if canonicalize_name(one.name) in owners and "extra" not in str(one.marker or "")]
    return (*used, *(Requirement(name) for name in ALWAYS))


def required(
    roots: Collection[Requirement], environment: Mapping[str, str], known: Mapping[str, metadata.Distribution]
) -> dict[str, Requirement]:
    """By canonical name, all that must be there in an environment (PEP 508), for what `known` tells of its needs.

    What `known` lacks is among the answer too: its own needs are then not followed.
    """
    found: dict[str, Requirement] = {}
    waiting = list(roots)
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in done:
            continue
        done.add((name, extras))
        found.setdefault(name, one)
        for text in (known[name].requires or []) if name in known else []:
            inner = Requirement(text)
            marker = inner.marker
            if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)):
                waiting.append(inner)
    return found


def installed(name: str) -> metadata.Distribution:
    """A distribution of this environment. Raises CannotRun when it is missing."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise CannotRun(f"{name} is not installed here: install messenger-lab with pip, then bundle again") from error


def _file(module: str) -> Path | None:
    """Where a module of ours is; None when the name is none (a class, say)."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _data(package: Path) -> Iterator[Path]:
    """Files beside the modules of a package that are no modules: tables, templates."""
    for path in package.rglob("*"):
        inner = path.relative_to(package).parts[:-1]
        nearest = next((one for one in path.parents if (one / "__init__.py").is_file()), None)
        if path.is_file() and path.suffix not in (".py", ".pyc") and nearest == package and "scenarios" not in inner:
            yield path
