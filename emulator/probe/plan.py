"""Which flows prove the tables: one per clause, exchange and tested port, one per endpoint. Pure planning, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from emulator.catalog import Catalog, Clause, Exchange
from emulator.derive.sample import inside, tested_ports
from emulator.judge.flow import VANTAGE, Flow

PEER = "peer"  # the emulated contact
LEAK_EXCHANGES = {"tcp": "p2p-direct", "udp": "trudp"}  # what a peer would speak on a port that is not documented


def plan(
    catalog: Catalog,
    *,
    seed: bytes,
    samples: int,
    uid: Callable[[], str],
    proxy: str = "",
    credentials: bool = False,
    leaks: bool = False,
) -> tuple[Flow, ...]:
    """All flows of a survey, in catalog order. `proxy` ("http://host:port") carries what Messenger sends by HTTP.

    `uid` gives a fresh 128-bit flow id in hex.
    """
    return tuple(_Planner(catalog, seed, samples, uid, proxy, credentials).flows(leaks=leaks))


def plan_inward(catalog: Catalog, *, seed: bytes, samples: int, uid: Callable[[], str]) -> tuple[Flow, ...]:
    """Flows that the emulator opens to the vantage: every clause that peers speak among themselves, the same ports."""
    planner = _Planner(catalog, seed, samples, uid, "", credentials=False)
    return tuple(flow for clause in catalog.clauses for flow in planner.inward(clause))


class _Planner:
    def __init__(
        self, catalog: Catalog, seed: bytes, samples: int, uid: Callable[[], str], proxy: str, credentials: bool
    ) -> None:
        self._catalog = catalog
        self._seed = seed
        self._samples = samples
        self._uid = uid
        self._proxy = proxy
        self._credentials = credentials
        noted = {name for row in catalog.note.endpoints for name in catalog.endpoint_by_id[row].speaks}
        self._noted = noted | {f"{name}-clear" for name in noted}

    def flows(self, *, leaks: bool) -> Iterator[Flow]:
        for clause in self._catalog.clauses:
            yield from self._clause(clause)
        for endpoint in self._catalog.endpoints:
            for name in endpoint.speaks:
                exchange = self._catalog.exchanges[name]
                yield self._flow(endpoint.id, "endpoint", exchange, endpoint.port, endpoint.id, host=endpoint.host)
                if self._proxy and exchange.service == "msnp":
                    # old clients ask the proxy for a tunnel to 1863 (msnp.md 4.5): shown, decides nothing
                    flow_id = f"{endpoint.id}/connect"
                    yield self._flow(
                        endpoint.id, "endpoint", exchange, endpoint.port, flow_id, decides=False, tunnel=True
                    )
        if leaks:
            yield from self._leaks()

    def _clause(self, clause: Clause) -> Iterator[Flow]:
        foreign = set(inside(clause, self._catalog)) if clause.wide else set()
        for name in (*clause.speaks, *clause.records):
            exchange = self._catalog.exchanges[name]
            decides = name in clause.speaks
            ports = (
                (exchange.port,) if exchange.port else tested_ports(clause, self._catalog, self._seed, self._samples)
            )
            for port in ports:
                many = len(ports) > 1 or exchange.port
                flow_id = f"{clause.id}/{name}@{port}" if many else f"{clause.id}/{name}"
                yield self._flow(
                    clause.id,
                    "clause",
                    exchange,
                    port,
                    flow_id,
                    feature=clause.feature,
                    decides=decides and port not in foreign,
                )

    def inward(self, clause: Clause) -> Iterator[Flow]:
        """The clause's flows between peers, opened from outside."""
        for flow in self._clause(clause):
            if flow.host == PEER:
                yield replace(flow, id=f"{flow.id}/inward", host=VANTAGE, direction="inward")

    def _leaks(self) -> Iterator[Flow]:
        for transport, ports in (("tcp", self._catalog.leak.tcp), ("udp", self._catalog.leak.udp)):
            exchange = self._catalog.exchanges[LEAK_EXCHANGES[transport]]
            for port in ports:
                row = f"leak-{transport}-{port}"
                yield self._flow(row, "leak", exchange, port, row, decides=False)

    def _flow(
        self,
        row: str,
        kind: str,
        exchange: Exchange,
        port: int,
        flow_id: str,
        *,
        feature: str = "",
        host: str = "",
        decides: bool = True,
        tunnel: bool = False,
    ) -> Flow:
        proxied = bool(self._proxy) and (exchange.service == "http" or tunnel)
        return Flow(
            id=flow_id,
            uid=self._uid(),
            row=row,
            row_kind=kind,  # type: ignore[arg-type]
            feature=feature,
            exchange=exchange.id,
            transport=exchange.transport,
            host=host or exchange.host,
            port=port,
            via=self._proxy if proxied else "",
            credentials=proxied and self._credentials,
            agent=self._catalog.note.agent if exchange.id in self._noted else "",
            tls=exchange.tls,
            decides=decides,
            emulated=exchange.emulated,
        )
