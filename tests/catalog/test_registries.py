"""What the catalog says is spoken is spoken: one exchange, one service, one probe for each, and nothing besides."""

from __future__ import annotations

import pytest

from emulator.catalog import load
from emulator.judge.flow import Flow
from emulator.probe.plan import plan
from emulator.probe.speakers import SPEAKERS
from emulator.probe.web import DIALOGUES
from emulator.services.registry import SERVICES
from emulator.services.web.site import SERVICES as WEB
from emulator.wire.exchanges import DATAGRAM_CLIENTS, STREAM_SERVERS

CATALOG = load()
SPOKEN = {
    name for row in (*CATALOG.clauses, *CATALOG.endpoints) for name in (*row.speaks, *getattr(row, "records", ()))
}
GATEWAY = {"gateway", "gateway-call"}  # the gateway's own path in front of the web registry


def test_every_row_speaks() -> None:
    assert all(row.speaks for row in (*CATALOG.clauses, *CATALOG.endpoints))


def test_no_exchange_is_missing_and_none_is_idle() -> None:
    assert set(CATALOG.exchanges) == SPOKEN


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_one_probe_for_each(name: str) -> None:
    exchange = CATALOG.exchanges[name]
    assert (name in SPEAKERS, name in DATAGRAM_CLIENTS) == (exchange.transport == "tcp", exchange.transport == "udp")


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_one_service_for_each(name: str) -> None:
    exchange = CATALOG.exchanges[name]
    openings = SERVICES[exchange.service]
    assert ("" in openings) or exchange.transport == "tcp"
    for opening in openings:
        assert opening in ("", "http", "msnp") or opening in STREAM_SERVERS
    assert (exchange.service == "http") == (name in WEB or name in GATEWAY)


def test_nothing_is_registered_that_no_row_speaks() -> None:
    assert set(SPEAKERS) | set(DATAGRAM_CLIENTS) == SPOKEN
    assert set(WEB) == set(DIALOGUES)
    assert set(DIALOGUES) | GATEWAY == {name for name in SPOKEN if CATALOG.exchanges[name].service == "http"}
    assert set(SERVICES) == {exchange.service for exchange in CATALOG.exchanges.values()}
    openings = {opening for each in SERVICES.values() for opening in each} - {"", "http", "msnp"}
    assert openings == set(STREAM_SERVERS)


def test_every_host_of_an_exchange_has_an_address() -> None:
    hosts = {exchange.host for exchange in CATALOG.exchanges.values()}
    assert hosts <= {*CATALOG.host_names, "peer", "second"}


class TestPlan:
    """The flows that prove the tables."""

    flows = plan(CATALOG, seed=b"x", samples=2, uid=iter(f"{n:032x}" for n in range(10_000)).__next__)

    def of(self, row: str) -> list[Flow]:
        return [flow for flow in self.flows if flow.row == row]

    def test_ids_are_unique(self) -> None:
        assert len({flow.id for flow in self.flows}) == len({flow.uid for flow in self.flows}) == len(self.flows)

    @pytest.mark.parametrize("row", [*CATALOG.clause_by_id, *CATALOG.endpoint_by_id])
    def test_every_row_is_proved_by_a_deciding_flow_of_each_exchange(self, row: str) -> None:
        spoken = (CATALOG.clause_by_id.get(row) or CATALOG.endpoint_by_id[row]).speaks
        assert {flow.exchange for flow in self.of(row) if flow.decides} == set(spoken)

    def test_all_ten_ports_of_legacy_file_transfer(self) -> None:
        found = self.of("file-transfer-legacy-tcp-6891-6900")
        assert [(flow.port, flow.decides) for flow in found] == [(port, True) for port in range(6891, 6901)]

    def test_endpoints_are_asked_at_their_host_and_port(self) -> None:
        for endpoint in CATALOG.endpoints:
            assert {(flow.host, flow.port) for flow in self.of(endpoint.id)} == {(endpoint.host, endpoint.port)}

    def test_recorded_extras_decide_nothing(self) -> None:
        extras = [flow for flow in self.of("sign-in-tcp-443") if flow.exchange == "msnp"]
        assert [flow.decides for flow in extras] == [False]

    def test_the_agent_of_the_note_is_sent_on_its_rows(self) -> None:
        rows = {flow.row for flow in self.flows if flow.agent == CATALOG.note.agent}
        assert set(CATALOG.note.endpoints) <= rows

    def test_leaks_only_when_asked(self) -> None:
        assert not [flow for flow in self.flows if flow.row_kind == "leak"]
        more = plan(CATALOG, seed=b"x", samples=2, uid=lambda: "", leaks=True)
        leaks = {(flow.transport, flow.port) for flow in more if flow.row_kind == "leak"}
        assert leaks == {("tcp", 21), ("tcp", 22), ("tcp", 25), ("tcp", 110), ("tcp", 445), ("tcp", 1024)} | {
            ("udp", 69),
            ("udp", 123),
            ("udp", 161),
            ("udp", 1024),
        }
        for transport, port in leaks:
            assert not list(CATALOG.rows_on(transport, port)), "a documented port is no leak"

    def test_a_proxy_carries_what_goes_by_http_and_nothing_else(self) -> None:
        flows = plan(CATALOG, seed=b"x", samples=0, uid=lambda: "", proxy="http://192.0.2.1:3128", credentials=True)
        for flow in flows:
            web = CATALOG.exchanges[flow.exchange].service == "http"
            assert bool(flow.via) == (web or flow.id == "msnp/connect"), flow.id
            assert flow.credentials == bool(flow.via)
