"""`serve` on real gear: all hosts on a pool of addresses, and one name server for everything. Judged by dig."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from private_network import PrivateNetwork, lab
from two_processes import Runs, Serve

from emulator.catalog import load

CATALOG = load()
POOL = [f"127.0.9.{number}" for number in range(1, 5)]
ELSEWHERE = """
from dnslib.server import BaseResolver, DNSServer
from dnslib import A, RR

class Resolver(BaseResolver):
    def resolve(self, request, handler):
        reply = request.reply()
        reply.add_answer(RR(request.q.qname, rdata=A("192.0.2.80"), ttl=5))
        return reply

server = DNSServer(Resolver(), address="127.0.8.8", port=5399)
server.start_thread()
print("ready", flush=True)
input()
"""


@pytest.fixture(scope="module")
def runs(private_network: PrivateNetwork) -> Iterator[Runs]:
    """In a network of its own: with a pool every port is taken on all addresses."""
    if not private_network.root:
        pytest.skip("low ports as `serve` uses them need root")
    network = PrivateNetwork()
    yield Runs(network)
    network.close()


@pytest.fixture(scope="module")
def pooled(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    elsewhere = runs.network.start(sys.executable, "-c", ELSEWHERE)
    assert elsewhere.stdout is not None
    assert elsewhere.stdout.readline() == "ready\n"
    serve = Serve(
        runs.network,
        tmp_path_factory.mktemp("pooled"),
        *("--pool", f"{POOL[0]}-{POOL[-1]}", "--dns", POOL[0]),
        *("--dns-forward", "127.0.8.8:5399", "--dns-clients", "127.0.0.0/16"),
        where=(),
    )
    yield serve
    assert serve.stop() == 0
    elsewhere.communicate("\n", timeout=10)


def dig(runs: Runs, *names: str, source: str = "127.0.0.1") -> list[str]:
    said = runs.network.run("dig", "+short", "+tries=1", "+time=3", "-b", source, f"@{POOL[0]}", *names)
    return said.stdout.split()


@pytest.mark.skipif(shutil.which("dig") is None, reason="needs the dig command")
def test_hosts_are_spread_over_the_pool_and_other_names_are_asked_elsewhere(runs: Runs, pooled: Serve) -> None:
    said = dig(runs, *CATALOG.host_names)
    assert said == [POOL[at % 4] for at in range(len(CATALOG.host_names))]
    assert dig(runs, "www.example.com", "www.msn.com") == ["192.0.2.80", "192.0.2.80"]
    assert "192.0.2.80" not in dig(runs, "www.example.com", source="127.1.0.1")  # a stranger gets no answer at all


def test_a_run_finds_everything_there(runs: Runs, pooled: Serve, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    done = runs("run", "survey", "--join", str(pooled.join), "--json", str(out), "--samples", "0", limit=60)
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())["passes"][0]
    assert record["control"] == "up", record["problem"]
    assert {one["outcome"] for one in record["outcomes"]} == {"works"}, [
        (item["flow"]["id"], item["verdict"]) for item in record["judged"] if item["verdict"]["verdict"] != "pass"
    ]
    used = {item["observation"]["remote"][0] for item in record["judged"] if item["observation"]["remote"]}
    assert set(POOL) <= used


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pool", "127.0.0.0/8"), "more than 1024 addresses"),
        (("--pool", "127.0.0.9-127.0.0.1"), "write 198.51.100.16/28 or 198.51.100.16-198.51.100.31"),
        (("--pool", "home"), "write 198.51.100.16/28"),
        (("--pool", "127.0.0.0/30", "--address", "127.0.0.1"), "each say where all hosts are: give one of them"),
        ((), "serve needs --address (one plays every host), --pool (several) or --addresses (a file)"),
        (("--address", "127.0.0.1", "--dns-forward", "192.0.2.53"), "needs --dns IP, and --dns-clients NETWORK"),
        (
            ("--address", "127.0.0.1", "--dns", "127.0.0.1", "--dns-forward", "192.0.2.53:x"),
            "write the address of a name server",
        ),
        (("--address", "127.0.0.1", "--dns-clients", "192.0.2.1/24"), "write a network such as 192.0.2.0/24"),
    ],
)
def test_bad_input_names_the_remedy(arguments: tuple[str, ...], said: str) -> None:
    command = lab("serve", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"COLUMNS": "4000"})
    assert done.returncode == 2
    assert said in done.stderr
