"""The firewall files of all scenarios: valid, and letting through exactly what they should."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traffic import dial, listen

from emulator.catalog import load
from emulator.catalog.model import Transport
from emulator.lab.firewall import program
from emulator.lab.process import end

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TCP = [21, 80, 443, 1024, 1025, 1503, 1863, 3389, 5061, 6891, 6900, 7001, 30000, 65535]
UDP = [9, 123, 1024, 1025, 5004, 7001, 30000, 65535]
ALL = {f"tcp/{port}" for port in TCP} | {f"udp/{port}" for port in UDP}
WEB = {"tcp/80", "tcp/443"}
LEAKS = {"tcp/21", "tcp/1024", "udp/123", "udp/1024"}

# What passes from inside to outside; the rest is silent, or refused where REFUSED says so.
OUT = {
    "open": ALL,
    "documented-ports": ALL - LEAKS,
    "web-only": WEB,
    "no-1863": ALL - {"tcp/1863"},
    "no-udp": {name for name in ALL if name.startswith("tcp")},
    "reject-not-drop": WEB,
    "block-all": set(),
    "proxy-note": set(),
}
# From outside to inside.
IN = OUT | {"web-only": set(), "reject-not-drop": set()}


def refused(name: str) -> str:
    """How reject-not-drop says no."""
    transport, port = name.split("/")
    return "icmp 3/3" if transport == "udp" else "ECONNREFUSED" if int(port) % 2 else "icmp 3/13"


@pytest.fixture(scope="module")
def servers(lab: Any) -> Iterator[None]:
    running = [
        listen(lab, lab.addresses["peer"], TCP, UDP),
        listen(lab, "192.0.2.10", TCP, UDP, place="inside"),
    ]
    yield
    for server in running:
        end(server, grace=0)


@pytest.mark.parametrize("name", sorted(OUT))
def test_nft_accepts_the_file_itself(lab: Any, name: str) -> None:
    done = lab.run("firewall", [program(), "-c", "-f", str(SCENARIOS / f"{name}.nft")], 10)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", sorted(OUT))
def test_what_passes_and_what_does_not(lab: Any, servers: None, name: str) -> None:
    lab.apply(SCENARIOS / f"{name}.nft")
    for place, address, expected in (
        ("inside", lab.addresses["peer"], OUT[name]),
        ("outside", "192.0.2.10", IN[name]),
    ):
        wanted = [("tcp", address, port) for port in TCP] + [("udp", address, port) for port in UDP]
        results = dial(lab, wanted, place=place, limit=0.7)
        stopped = refused if name == "reject-not-drop" else lambda name: "silence"
        assert results == {flow: "answer" if flow in expected else stopped(flow) for flow in ALL}, place


def test_the_list_is_complete() -> None:
    """The kinds of NAT have a test of their own: test_nat_kinds.py. The survey has no rules, and expects nothing."""
    for kind in ("*.nft", "*.toml"):
        found = {path.stem for path in SCENARIOS.glob(kind) if not path.stem.startswith("nat-")}
        assert found - {"survey"} == set(OUT)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_documented_ports_are_those_of_the_catalog(lab: Any, transport: Transport) -> None:
    """nft itself says what is in the file's sets; the catalog says what should be."""
    lab.apply(SCENARIOS / "documented-ports.nft")
    command = [program(), "-j", "list", "set", "inet", "lab", f"documented_{transport}"]
    said = json.loads(lab.run("firewall", command, 10).stdout)
    (found,) = (entry["set"]["elem"] for entry in said["nftables"] if "set" in entry)
    ports: set[int] = set()
    for element in found:
        low, high = element["range"] if isinstance(element, dict) else (element, element)
        ports |= set(range(low, high + 1))
    catalog = load()
    expected = {port for one in catalog.clauses if one.transport == transport for port in range(one.low, one.high + 1)}
    if transport == "tcp":
        expected |= {endpoint.port for endpoint in catalog.endpoints}
    assert ports == expected


def test_every_entry_of_the_table_stands_in_the_file() -> None:
    text = (SCENARIOS / "documented-ports.nft").read_text()
    for transport in ("tcp", "udp"):
        block = text.partition(f"set documented_{transport}")[2].partition("}")[0]
        entries = {line.split("#")[0].strip(" \t,") for line in block.splitlines() if "#" in line}
        assert entries == {clause.ports for clause in load().clauses if clause.transport == transport}
