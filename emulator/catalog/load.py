"""Reads the TOML files beside it into the model and checks that they hold together. Nothing else is read."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TypeVar

import msgspec

from emulator.catalog import model
from emulator.problems import BadInput

T = TypeVar("T")

FILES = ("features.toml", "endpoints.toml", "exchanges.toml", "hosts.toml", "outcomes.toml", "journeys.toml")


class CatalogError(BadInput):
    """The catalog contradicts itself; the text names file, row and field."""


class _Features(msgspec.Struct, forbid_unknown_fields=True):
    feature: tuple[model.FeatureRow, ...]


class _Endpoints(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: tuple[model.Endpoint, ...]
    note: model.Note


class _Exchanges(msgspec.Struct, forbid_unknown_fields=True):
    exchange: tuple[model.Exchange, ...]


class _Hosts(msgspec.Struct, forbid_unknown_fields=True):
    host: tuple[model.Host, ...]
    leak: model.LeakPorts
    ports: model.OwnPorts


class _Outcomes(msgspec.Struct, forbid_unknown_fields=True):
    outcome: tuple[model.OutcomeRow, ...]


class _Journeys(msgspec.Struct, forbid_unknown_fields=True):
    journey: tuple[model.Journey, ...]


@cache
def load() -> model.Catalog:
    """The packaged catalog. Raises CatalogError when a file is malformed or rows contradict each other."""
    raw = {name: resources.files(__package__).joinpath(name).read_bytes() for name in FILES}
    features = _decode(raw, "features.toml", _Features)
    endpoints = _decode(raw, "endpoints.toml", _Endpoints)
    exchanges = _decode(raw, "exchanges.toml", _Exchanges)
    hosts = _decode(raw, "hosts.toml", _Hosts)
    catalog = model.Catalog(
        features=tuple(_feature(row) for row in features.feature),
        endpoints=endpoints.endpoint,
        exchanges={exchange.id: exchange for exchange in exchanges.exchange},
        note=endpoints.note,
        hosts=hosts.host,
        leak=hosts.leak,
        ports=hosts.ports,
        outcomes=_decode(raw, "outcomes.toml", _Outcomes).outcome,
        journeys=_decode(raw, "journeys.toml", _Journeys).journey,
        digest=sha256(b"\0".join(raw[name] for name in FILES)).hexdigest(),
    )
    _check(catalog, len(exchanges.exchange))
    return catalog


def _decode(raw: dict[str, bytes], name: str, kind: type[T]) -> T:
    try:
        return msgspec.toml.decode(raw[name], type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise CatalogError(f"{name}: {error}") from error


def _feature(row: model.FeatureRow) -> model.Feature:
    return model.Feature(
        id=row.id,
        name=row.name,
        legacy=row.legacy,
        source=row.source,
        status=row.status,
        clauses=tuple(_clause(row, clause) for clause in row.clause),
    )


def _clause(row: model.FeatureRow, clause: model.ClauseRow) -> model.Clause:
    low, _, high = clause.ports.partition("-")
    return model.Clause(
        feature=row.id,
        transport=clause.transport,
        low=int(low),
        high=int(high or low),
        speaks=clause.speaks,
        records=clause.records,
        source=row.source,
        status=row.status,
    )


def _check(catalog: model.Catalog, exchange_count: int) -> None:
    if len(catalog.exchanges) != exchange_count:
        raise CatalogError("exchanges.toml: an id stands twice")
    for clause in catalog.clauses:
        if not 1 <= clause.low <= clause.high <= 65535:
            raise CatalogError(f"features.toml: {clause.id}: impossible ports")
        for name in clause.speaks + clause.records:
            exchange = catalog.exchanges.get(name)
            if exchange is None:
                raise CatalogError(f"features.toml: {clause.id}: speaks unknown exchange {name!r}")
            if exchange.transport != clause.transport:
                raise CatalogError(f"features.toml: {clause.id}: {name} is {exchange.transport}")
    for endpoint in catalog.endpoints:
        for name in endpoint.speaks:
            if name not in catalog.exchanges:
                raise CatalogError(f"endpoints.toml: {endpoint.id}: speaks unknown exchange {name!r}")
    if [row.feature for row in catalog.outcomes] != [feature.id for feature in catalog.features]:
        raise CatalogError("outcomes.toml: the features differ from features.toml, or stand in another order")
    for row in catalog.outcomes:
        for need in (need for stage in row.stage for way in stage.way for need in way.needs):
            if not _is_tested(catalog, need) and not _is_step(catalog, need):
                raise CatalogError(f"outcomes.toml: {row.feature}: need {need!r} names nothing that is tested")
    _check_journeys(catalog)
    for name in catalog.note.endpoints:
        if name not in catalog.endpoint_by_id:
            raise CatalogError(f"endpoints.toml: note: unknown endpoint {name!r}")


def _is_tested(catalog: model.Catalog, need: str) -> bool:
    """True for a row, or an exchange that a clause must carry."""
    name, _, spoken = need.removeprefix("all ").partition("/")
    known = catalog.clause_by_id.get(name) if spoken else catalog.endpoint_by_id.get(name)
    return known is not None and (not spoken or spoken.partition("@")[0] in known.speaks)


def _is_step(catalog: model.Catalog, need: str) -> bool:
    """True for a journey's step, `session/chat`, or a step on one of its paths, `session/chat/gateway`."""
    name, _, rest = need.partition("/")
    step, _, spoken = rest.partition("/")
    journey = catalog.journey_by_id.get(name)
    found = next((one for one in journey.step if one.id == step), None) if journey is not None else None
    if journey is None or found is None:
        return False
    return not spoken or spoken in {path.speaks for path in journey.paths(found)}


def _check_journeys(catalog: model.Catalog) -> None:
    for journey in catalog.journeys:
        if journey.id in catalog.clause_by_id or journey.id in catalog.endpoint_by_id:
            raise CatalogError(f"journeys.toml: {journey.id} is the id of a row")
        before: list[str] = []
        for step in journey.step:
            where = f"journeys.toml: {journey.id}/{step.id}"
            if bool(step.way) == bool(step.carried) or (step.carried and step.carried not in before):
                raise CatalogError(f"{where}: give `way`, or `carried` with the id of an earlier step")
            for path in step.way:
                if path.speaks not in catalog.exchanges:
                    raise CatalogError(f"{where}: speaks unknown exchange {path.speaks!r}")
                for need in path.needs:
                    if not _is_tested(catalog, need):
                        raise CatalogError(f"{where}: need {need!r} names nothing that is tested")
            before.append(step.id)
