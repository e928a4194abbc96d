"""Typed model of the catalog. Facts only: no rule, no I/O, no port that is not in a TOML file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

import msgspec

Status = Literal["documented", "observed", "inferred", "emulated"]
Grade = Literal["genuine", "minimal", "emulated"]
Transport = Literal["tcp", "udp"]

WIDE = 16  # more ports than this: sampled; fewer (6891-6900): every port is tested and listened on


class Text(msgspec.Struct, frozen=True):
    """The same words in English and Portuguese (the language of the source table)."""

    en: str
    pt: str


class TagField(msgspec.Struct, frozen=True):
    """Where a flow's tag rides: protocol of the receipt to join, width in bits (0: joined by a sibling), field."""

    protocol: str
    bits: int
    field: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of conversation that a row carries. `port` 0 means: the row's own port."""

    id: str
    service: str
    transport: Transport
    title: str
    what: str
    grade: Grade
    certainty: Literal["A", "B", "C", "D"]
    host: str
    tls: bool
    tag: TagField
    dissector: str
    port: int = 0

    @property
    def emulated(self) -> bool:
        return self.grade == "emulated"


class ClauseRow(msgspec.Struct, frozen=True):
    """A clause as it stands in features.toml."""

    transport: Transport
    ports: str
    speaks: tuple[str, ...]
    records: tuple[str, ...] = ()


class FeatureRow(msgspec.Struct, frozen=True):
    """A feature as it stands in features.toml."""

    id: str
    name: Text
    legacy: bool
    source: str
    status: Status
    clause: tuple[ClauseRow, ...]


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One (feature, transport, port or range). `id` is e.g. `audio-udp-30000-65535`."""

    feature: str
    transport: Transport
    low: int
    high: int
    speaks: tuple[str, ...]
    records: tuple[str, ...]
    source: str
    status: Status

    @property
    def ports(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"

    @property
    def id(self) -> str:
        return f"{self.feature}-{self.transport}-{self.ports}"

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    @property
    def wide(self) -> bool:
        """True when the range is sampled; a narrow one is tested port by port."""
        return self.count > WIDE


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One of the 12 features with its clauses."""

    id: str
    name: Text
    legacy: bool
    source: str
    status: Status
    clauses: tuple[Clause, ...]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One of the 22 URLs. `host` is the concrete name asked for, `notice` what a person notices without it."""

    id: str
    url: str
    host: str
    speaks: tuple[str, ...]
    notice: str
    source: str
    status: Status
    purpose: Text

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()

    @property
    def pattern(self) -> str:
        """Documented host in lower case, possibly with a leading `*.`."""
        return self.url.partition("://")[2].partition(":")[0].lower()

    @property
    def port(self) -> int:
        """The URL's port; `http` without one means 80, `https` 443."""
        explicit = self.url.partition("://")[2].partition(":")[2]
        return int(explicit) if explicit else {"http": 80, "https": 443}[self.scheme]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """The note on authenticating proxies: `agent` is the User-Agent, `endpoints` the rows that send it."""

    id: str
    agent: str
    source: str
    status: Status
    text: Text
    endpoints: tuple[str, ...]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A name beyond the 22 rows that real clients ask for."""

    name: str
    why: str
    status: Status


class LeakPorts(msgspec.Struct, frozen=True):
    """Undocumented ports: nothing of Messenger belongs there."""

    tcp: tuple[int, ...]
    udp: tuple[int, ...]


class OwnPorts(msgspec.Struct, frozen=True):
    """Ports of the emulator's own that are no rows."""

    relay: int
    control: int
    dns: int


class Way(msgspec.Struct, frozen=True):
    """One way a client can go. `by` names it when it is not the first; `needs` as in outcomes.toml."""

    needs: tuple[str, ...]
    by: str = ""
    emulated: bool = False


class Stage(msgspec.Struct, frozen=True):
    """Something a feature needs, by the first way that works; `broken` says what a person notices without it."""

    broken: str
    way: tuple[Way, ...]


class OutcomeRow(msgspec.Struct, frozen=True):
    """How a feature's outcome follows from flows; `session`: a signed-in session is needed first."""

    feature: str
    stage: tuple[Stage, ...]
    session: bool = True


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One path that a journey's step can take: open when its `needs` passed; `speaks` names the exchange."""

    needs: tuple[str, ...]
    speaks: str
    by: str = ""


class JourneyStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a journey. `carried`: the step whose path it rides on; `optional`: the journey goes on without it.

    `emulated`: what is said in it is our own, because the original is not known, whatever the path's exchange is.
    """

    id: str
    title: Text
    way: tuple[Path, ...] = ()
    carried: str = ""
    optional: bool = False
    emulated: bool = False

    def labelled(self, language: Literal["en", "pt"]) -> str:
        """The title, with the label of what is our own."""
        title, label = (self.title.en, "emulated") if language == "en" else (self.title.pt, "emulado")
        return f"{title} ({label})" if self.emulated else title


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole client does, in order."""

    id: str
    title: Text
    about: str
    step: tuple[JourneyStep, ...]

    def paths(self, step: JourneyStep) -> tuple[Path, ...]:
        """The paths of a step; those of the step that carries it where it has none of its own."""
        if step.way:
            return step.way
        return self.paths(next(other for other in self.step if other.id == step.carried))


class Catalog(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything documented. `digest` is a SHA-256 (hex) over the TOML files: both ends must hold the same."""

    features: tuple[Feature, ...]
    endpoints: tuple[Endpoint, ...]
    exchanges: dict[str, Exchange]
    note: Note
    hosts: tuple[Host, ...]
    leak: LeakPorts
    ports: OwnPorts
    outcomes: tuple[OutcomeRow, ...]
    journeys: tuple[Journey, ...]
    digest: str

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        return tuple(clause for feature in self.features for clause in feature.clauses)

    @cached_property
    def clause_by_id(self) -> dict[str, Clause]:
        return {clause.id: clause for clause in self.clauses}

    @cached_property
    def feature_by_id(self) -> dict[str, Feature]:
        return {feature.id: feature for feature in self.features}

    @cached_property
    def endpoint_by_id(self) -> dict[str, Endpoint]:
        return {endpoint.id: endpoint for endpoint in self.endpoints}

    @cached_property
    def journey_by_id(self) -> dict[str, Journey]:
        return {journey.id: journey for journey in self.journeys}

    def port_of(self, need: str) -> int:
        """The port of the row that a need names; the low end of a range."""
        row = need.removeprefix("all ").partition("/")[0]
        endpoint = self.endpoint_by_id.get(row)
        return endpoint.port if endpoint is not None else self.clause_by_id[row].low

    @cached_property
    def host_names(self) -> tuple[str, ...]:
        """Every concrete name that must resolve, lower case, in catalog order, once each."""
        names = [endpoint.host for endpoint in self.endpoints]
        names += [endpoint.pattern for endpoint in self.endpoints if not endpoint.pattern.startswith("*.")]
        names += [exchange.host for exchange in self.exchanges.values() if "." in exchange.host]
        names += [host.name for host in self.hosts]
        return tuple(dict.fromkeys(name.lower() for name in names))

    @cached_property
    def wildcards(self) -> tuple[str, ...]:
        """Documented `*.` patterns without the star, lower case: every name below them exists, at any depth."""
        return tuple(endpoint.pattern[2:] for endpoint in self.endpoints if endpoint.pattern.startswith("*."))

    def fixed_ports(self, transport: Transport) -> tuple[int, ...]:
        """Documented ports outside the wide ranges, ascending; always listened on."""
        ports = {
            port
            for clause in self.clauses
            if clause.transport == transport and not clause.wide
            for port in range(clause.low, clause.high + 1)
        }
        if transport == "tcp":
            ports |= {endpoint.port for endpoint in self.endpoints}
        return tuple(sorted(ports))

    def rows_on(self, transport: Transport, port: int) -> Iterator[str]:
        """Ids of all rows that lose something when `port` cannot be served."""
        for clause in self.clauses:
            if clause.transport == transport and clause.low <= port <= clause.high:
                yield clause.id
        if transport == "tcp":
            for endpoint in self.endpoints:
                if endpoint.port == port:
                    yield endpoint.id
