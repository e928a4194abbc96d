"""The text of a scenario file becomes a `Scenario`, or an error that names file, key and remedy. Reads no file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from emulator.catalog import Catalog
from emulator.catalog.model import Text, Transport
from emulator.judge.flow import Direction
from emulator.judge.nat import CLASSIC_TYPES, CONN_TYPES, FILTERINGS, MAPPINGS
from emulator.judge.verdicts import VERDICTS
from emulator.problems import BadInput
from emulator.scenario.model import (
    EVERYTHING,
    LEAK,
    NOTE,
    Credentials,
    Expected,
    ExpectedJourney,
    ExpectedNetwork,
    Grade,
    Must,
    Parity,
    Pass,
    Ports,
    Rule,
    Scenario,
    Way,
)

T = TypeVar("T")

LONGEST = 3600.0  # seconds of a time budget
NETWORK_WORDS: dict[str, tuple[str, ...]] = {
    "messenger": CONN_TYPES,
    "tcp": CONN_TYPES,
    "classic": CLASSIC_TYPES,
    "mapping": MAPPINGS,
    "filtering": FILTERINGS,
}


class ScenarioError(BadInput):
    """A scenario cannot be used; the text names the file, the key and the remedy."""


class _Rule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    rows: tuple[str, ...]
    must: Must
    how: tuple[str, ...] = ()
    transport: Transport | None = None
    ports: str | None = None
    parity: Parity | None = None
    agent: bool | None = None
    via: Way | None = None
    direction: Direction | None = None


class _Outcome(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    outcome: Grade = msgspec.field(name="is")
    by: str = ""


class _Journey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    state: Literal["done", "broken"] = msgspec.field(name="is")
    by: str | None = None


class _Expect(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    outcomes: dict[str, Any] = {}
    journeys: dict[str, Any] = {}
    network: dict[str, str] = {}
    flows: tuple[_Rule, ...] = ()


class _Pass(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    proxy: str = ""
    credentials: Credentials = "none"
    expect: _Expect


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    title: Text
    about: str
    firewall: str = ""
    leaks: bool = False
    budget: float | None = None
    skip: str | None = None
    expect: _Expect | None = None
    passes: tuple[_Pass, ...] = msgspec.field(name="pass", default=())


def parse(text: str, path: Path, catalog: Catalog) -> Scenario:
    """The scenario in `text`; `path` names it in errors and says where its other files lie.

    Raises ScenarioError: not TOML (with the line), unknown or missing
    key, unknown row, feature, verdict or label, impossible port.
    """
    return _Reader(path, catalog).scenario(text)


class _Reader:
    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._path = path
        self._catalog = catalog
        self._features = tuple(catalog.feature_by_id)
        self._journeys = tuple(catalog.journey_by_id)
        rows = (*catalog.clause_by_id, *catalog.endpoint_by_id, *self._features, *self._journeys)
        self._rows = (EVERYTHING, LEAK, NOTE, *rows)
        self._labels = _labels(catalog)

    def scenario(self, text: str) -> Scenario:
        raw = self._decode(text)
        if raw.id != self._path.stem:
            raise self._error("id", f"{raw.id!r} is not the name of the file", f"write {self._path.stem!r}")
        if (raw.expect is None) == (not raw.passes):
            raise self._error("expect", "a scenario has either [expect] or [[pass]]", "keep one of the two")
        if raw.expect is not None:
            passes: tuple[Pass, ...] = (self._pass(_Pass(id="only", expect=raw.expect), "", raw.leaks),)
        else:
            passes = tuple(self._pass(one, f"pass[{index}].", raw.leaks) for index, one in enumerate(raw.passes))
        ids = [one.id for one in passes]
        for index, name in enumerate(ids):
            if name in ids[:index]:
                raise self._error(f"pass[{index}].id", f"{name!r} stands twice", "give every pass its own id")
        self._beside("firewall", raw.firewall)
        if raw.budget is not None and not 0 < raw.budget <= LONGEST:
            raise self._error("budget", f"{raw.budget:g} s", f"give seconds, more than 0 and at most {LONGEST:g}")
        if raw.skip is not None and not raw.skip.strip():
            raise self._error("skip", "no reason", "say why it is skipped, or leave it out")
        return Scenario(
            id=raw.id,
            title=raw.title,
            about=raw.about.strip(),
            firewall=raw.firewall,
            folder=self._path.parent,
            leaks=raw.leaks,
            budget=raw.budget or 0.0,
            skip=(raw.skip or "").strip(),
            passes=passes,
        )

    def _decode(self, text: str) -> _File:
        try:
            return msgspec.toml.decode(text, type=_File)
        except msgspec.ValidationError as error:
            raise ScenarioError(f"{self._path}: {error}. Compare with the scenario `open`.") from error
        except msgspec.DecodeError as error:
            raise ScenarioError(f"{self._path}: not TOML: {error}. Mend that line.") from error

    def _pass(self, raw: _Pass, key: str, leaks: bool) -> Pass:
        self._beside(f"{key}proxy", raw.proxy)
        if raw.credentials != "none" and not raw.proxy:
            raise self._error(f"{key}credentials", "credentials without a proxy", "name a squid file as `proxy`")
        wanted = raw.expect
        flows = tuple(self._rule(rule, f"{key}expect.flows[{index}]") for index, rule in enumerate(wanted.flows))
        if not leaks and any(LEAK in rule.rows for rule in flows):
            raise self._error("leaks", "a rule speaks of leaks that are not looked for", "write `leaks = true`")
        outcomes = {
            name: self._outcome(name, outcome, f"{key}expect.outcomes.{name}")
            for name, outcome in wanted.outcomes.items()
        }
        journeys = {
            name: self._journey(name, journey, f"{key}expect.journeys.{name}")
            for name, journey in wanted.journeys.items()
        }
        return Pass(
            id=raw.id,
            proxy=raw.proxy,
            credentials=raw.credentials,
            outcomes=outcomes,
            journeys=journeys,
            network=self._network(wanted.network, f"{key}expect.network"),
            flows=flows,
        )

    def _network(self, raw: dict[str, str], key: str) -> ExpectedNetwork:
        for name, word in raw.items():
            self._known(key, name, NETWORK_WORDS, "key")
            self._known(f"{key}.{name}", word, NETWORK_WORDS[name], "word")
        return ExpectedNetwork(**raw)

    def _journey(self, name: str, raw: object, key: str) -> ExpectedJourney:
        self._known(key, name, self._journeys, "journey")
        try:
            table = msgspec.convert({"is": raw} if isinstance(raw, str) else raw, _Journey)
        except msgspec.ValidationError as error:
            raise self._error(key, str(error), 'write "done", "broken", or { is = "done", by = "gateway" }') from error
        journey = self._catalog.journey_by_id[name]
        labels = [path.by for step in journey.step for path in step.way if path.by]
        if table.state == "broken":
            labels = [step.id for step in journey.step]
        for piece in (table.by or "").split(", "):
            if piece:
                self._known(f"{key}.by", piece, labels, "step" if table.state == "broken" else "path")
        return ExpectedJourney(table.state, table.by)

    def _outcome(self, feature: str, raw: object, key: str) -> Expected:
        self._known(key, feature, self._features, "feature")
        try:
            if isinstance(raw, str):
                return Expected(msgspec.convert(raw, Grade))
            table = msgspec.convert(raw, _Outcome)
        except msgspec.ValidationError as error:
            remedy = 'write "works", "degraded" or "broken", or { is = "degraded", by = "gateway" }'
            raise self._error(key, str(error), remedy) from error
        if table.by:
            if table.outcome == "works":
                raise self._error(f"{key}.by", "what works needs no label", "leave `by` out")
            labels = self._labels[feature][table.outcome]
            for piece in table.by.split(", ") if table.outcome == "degraded" else (table.by,):
                self._known(f"{key}.by", piece, labels, "label")
        return Expected(table.outcome, table.by)

    def _rule(self, raw: _Rule, key: str) -> Rule:
        if not raw.rows:
            raise self._error(f"{key}.rows", "no row is named", 'write ["*"] for all')
        for row in raw.rows:
            self._known(f"{key}.rows", row, self._rows, "row")
        if raw.how and raw.must != "stop":
            raise self._error(f"{key}.how", f"`how` with must = {raw.must!r}", 'leave it out, or write must = "stop"')
        for verdict in raw.how:
            self._known(f"{key}.how", verdict, [one for one in VERDICTS if one != "pass"], "verdict")
        return Rule(
            rows=raw.rows,
            must=raw.must,
            how=raw.how,
            transport=raw.transport,
            ports=None if raw.ports is None else self._ports(raw.ports, f"{key}.ports"),
            parity=raw.parity,
            agent=raw.agent,
            via=raw.via,
            direction=raw.direction,
        )

    def _ports(self, text: str, key: str) -> Ports:
        ranges = []
        for piece in text.split(","):
            low, dash, high = (part.strip() for part in piece.partition("-"))
            numbers = (low, high if dash else low)
            if not all(number.isascii() and number.isdecimal() and len(number) <= 5 for number in numbers):
                raise self._error(key, f"{piece.strip()!r} is no port", 'write "80,443" or "1025-65535"')
            first, last = int(numbers[0]), int(numbers[1])
            if not 1 <= first <= last <= 65535:
                raise self._error(key, f"{piece.strip()!r} is impossible", "ports go from 1 to 65535, low end first")
            ranges.append((first, last))
        return Ports(tuple(ranges))

    def _beside(self, key: str, name: str) -> None:
        if name and Path(name).name != name:
            raise self._error(key, f"{name!r} is not a plain file name", "put the file beside the scenario")

    def _known(self, key: str, name: str, known: Iterable[str], what: str) -> None:
        names = tuple(known)
        if name not in names:
            close = get_close_matches(name, names, n=3, cutoff=0.4) or names[:6]
            raise self._error(key, f"unknown {what} {name!r}", f"did you mean {', '.join(close) or 'none'}?")

    def _error(self, key: str, problem: str, remedy: str) -> ScenarioError:
        return ScenarioError(f"{self._path}: {key}: {problem}: {remedy}")


def _labels(catalog: Catalog) -> dict[str, dict[str, tuple[str, ...]]]:
    """Labels that outcomes can carry: fallbacks for degraded ones, what is missing for broken ones."""
    return {
        row.feature: {
            "degraded": tuple(way.by for stage in row.stage for way in stage.way if way.by),
            "broken": (*(stage.broken for stage in row.stage), *(("cannot sign in",) if row.session else ())),
        }
        for row in catalog.outcomes
    }
