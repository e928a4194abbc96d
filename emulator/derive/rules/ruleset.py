"""What a device must let through, as the fewest port ranges and names: for the whole catalog or for some features.

Not a device's language: the renderers beside it write that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from emulator.catalog import Catalog, Clause, Exchange
from emulator.catalog.model import Endpoint, Transport
from emulator.judge.flow import Direction
from emulator.problems import BadInput

PEER = "peer"  # host of exchanges among peers: they are opened from either side
SESSION = "sign-in"  # the feature that every feature with a session rests on
DIRECTIONS: tuple[Direction, ...] = ("outward", "inward")
TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp")


class Opening(msgspec.Struct, frozen=True, order=True):
    """Ports `low` to `high` that must be reachable. `direction`: who opens the flow; answers to it belong to it.

    `rows`: features and endpoints that need it, in catalog order.
    """

    direction: Direction
    transport: Transport
    low: int
    high: int
    rows: tuple[str, ...]

    @property
    def ports(self) -> str:
        """`80` or `1025-65535`."""
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


class Beyond(msgspec.Struct, frozen=True):
    """Something that a run found and that no rule about ports mends: a verdict, the flows, who has to do what."""

    verdict: str
    flows: tuple[str, ...]
    remedy: str


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a renderer needs. `title`: what it is for, one line.

    `openings` are merged and sorted. `domains`: names as documented (`*.contacts.msn.com`), for proxies; `additive`:
    it repairs a device and so goes before what is there, else it is all that passes. `missing`: people's loss by
    feature or endpoint, as a run found it.
    """

    title: str
    openings: tuple[Opening, ...]
    domains: tuple[str, ...]
    agent: str
    additive: bool = False
    beyond: tuple[Beyond, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()

    def of(self, direction: Direction, transport: Transport) -> tuple[Opening, ...]:
        """The openings of one direction and transport, ascending."""
        return tuple(one for one in self.openings if (one.direction, one.transport) == (direction, transport))


def needed(catalog: Catalog, features: Sequence[str] = ()) -> RuleSet:
    """The smallest rule set with which these features work as documented; without names, the whole catalog.

    Features that need a session bring sign-in with them. Raises BadInput for an unknown feature.
    """
    chosen = _with_session(catalog, features)
    openings = [one for clause in catalog.clauses if clause.feature in chosen for one in of_clause(catalog, clause)]
    endpoints = [one for one in catalog.endpoints if not features or one.id in _endpoints(catalog, chosen)]
    openings += [of_endpoint(one) for one in endpoints]
    title = "everything documented" if not features else ", ".join(chosen)
    return RuleSet(
        title=title,
        openings=merge(catalog, openings),
        domains=domains(catalog, endpoints, chosen, observed=not features),
        agent=catalog.note.agent,
    )


def of_clause(catalog: Catalog, clause: Clause) -> list[Opening]:
    """Outward for every clause; inward too where peers speak among themselves, because either of them may listen."""
    spoken = [catalog.exchanges[name] for name in clause.speaks]
    ways: list[Direction] = ["outward", "inward"] if any(one.host == PEER for one in spoken) else ["outward"]
    return [Opening(way, clause.transport, clause.low, clause.high, (clause.feature,)) for way in ways]


def of_endpoint(endpoint: Endpoint) -> Opening:
    """The port of a URL."""
    return Opening("outward", "tcp", endpoint.port, endpoint.port, (endpoint.id,))


def merge(catalog: Catalog, openings: Iterable[Opening]) -> tuple[Opening, ...]:
    """The fewest openings that say the same: overlapping and adjacent ranges become one."""
    order = {name: at for at, name in enumerate((*catalog.feature_by_id, *catalog.endpoint_by_id))}
    merged: list[Opening] = []
    for direction in DIRECTIONS:
        for transport in TRANSPORTS:
            mine = sorted(one for one in openings if (one.direction, one.transport) == (direction, transport))
            runs: list[list[Opening]] = []
            reach = 0
            for one in mine:
                if not runs or one.low > reach + 1:
                    runs.append([])
                runs[-1].append(one)
                reach = max(reach, one.high)
            for run in runs:
                rows = sorted({row for one in run for row in one.rows}, key=lambda row: order.get(row, len(order)))
                high = max(one.high for one in run)
                merged.append(Opening(direction, transport, run[0].low, high, tuple(rows)))
    return tuple(merged)


def domains(
    catalog: Catalog, endpoints: Iterable[Endpoint], features: Iterable[str], *, observed: bool
) -> tuple[str, ...]:
    """Names that HTTP proxies must let through, lower case; a name below a wildcard of the list is left out.

    `observed`: also the names beyond the documented rows that real clients ask for.
    """
    wanted = [endpoint.pattern for endpoint in endpoints]
    spoken = {name for clause in catalog.clauses if clause.feature in set(features) for name in clause.speaks}
    wanted += [one.host for one in _in_order(catalog, spoken) if "." in one.host]
    if observed:
        wanted += [host.name for host in catalog.hosts]
    return fewest(wanted)


def fewest(names: Iterable[str]) -> tuple[str, ...]:
    """Names and `*.` patterns in order, without those that another pattern covers, once each."""
    unique = tuple(dict.fromkeys(name.lower() for name in names))
    stars = [name[1:] for name in unique if name.startswith("*.")]
    return tuple(name for name in unique if not any(_below(name, star) for star in stars))


def _below(name: str, star: str) -> bool:
    """`star` is `.contacts.msn.com`."""
    plain = name.removeprefix("*")
    return plain != star and plain.endswith(star)


def _with_session(catalog: Catalog, features: Sequence[str]) -> tuple[str, ...]:
    for name in features:
        if name not in catalog.feature_by_id:
            known = ", ".join(catalog.feature_by_id)
            raise BadInput(f"--feature {name!r}: no such feature: give one of {known}")
    chosen = set(features or catalog.feature_by_id)
    if any(row.session for row in catalog.outcomes if row.feature in chosen):
        chosen.add(SESSION)
    return tuple(name for name in catalog.feature_by_id if name in chosen)


def _endpoints(catalog: Catalog, features: Iterable[str]) -> set[str]:
    """Endpoints that the outcomes of these features rest on, fallbacks included."""
    rows = [row for row in catalog.outcomes if row.feature in set(features)]
    needs = {need for row in rows for stage in row.stage for way in stage.way for need in way.needs}
    spoken = {name for clause in catalog.clauses if clause.feature in set(features) for name in clause.speaks}
    return {one.id for one in catalog.endpoints if one.id in needs or spoken & set(one.speaks)}


def _in_order(catalog: Catalog, names: set[str]) -> list[Exchange]:
    return [one for one in catalog.exchanges.values() if one.id in names]
