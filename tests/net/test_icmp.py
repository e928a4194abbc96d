"""ICMP errors for TCP and UDP, made by the kernel's own nft in a namespace: type, code and offender are read right."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

import pytest
from private_network import PrivateNetwork

RULES = """
table inet trial {
  chain arriving {
    type filter hook input priority 0; policy accept;
    tcp dport 101 reject with icmp type admin-prohibited
    tcp dport 102 reject with icmp type host-unreachable
    tcp dport 103 reject with tcp reset
    tcp dport 104 drop
    udp dport 201 reject with icmp type admin-prohibited
    udp dport 202 reject with icmp type net-unreachable
  }
}
"""

# Dials every TCP port, sends to every UDP port; prints what was recorded.
PROBE = """
import asyncio, json, sys
from twisted.internet import asyncioreactor
loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); asyncioreactor.install(loop)
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from emulator.net.dial import DialFailed, dial
from emulator.net.datagrams import DatagramSocket
from emulator.wire.receipt import Endpoint
found = {}
def facts(icmp):
    return None if icmp is None else [icmp.type, icmp.code, icmp.offender]
async def work():
    for port in (101, 102, 103, 104):
        try:
            await dial(reactor, "127.0.0.1", port, 1.5 if port != 104 else 0.2)
        except DialFailed as failed:
            found[f"tcp/{port}"] = [failed.ending, facts(failed.icmp)]
    for port in (201, 202):
        waiting = Deferred()
        waiting.addTimeout(1.5, reactor)
        sock = DatagramSocket(reactor, lambda data, source: None, lambda icmp, to: waiting.callback((icmp, to)))
        try:
            sock.send(b"x", Endpoint("127.0.0.1", port))
        except OSError as error:
            found[f"udp/{port}"] = str(error)
            sock.close()
            continue
        icmp, to = await waiting
        found[f"udp/{port}"] = [facts(icmp), to.port]
        sock.close()
done = lambda result: (result and found.update(failure=result.getTraceback()), reactor.stop())
reactor.callWhenRunning(lambda: ensureDeferred(work()).addBoth(done))
reactor.run()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(private_network: PrivateNetwork) -> dict[str, Any]:
    if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("needs nft")
    loaded = private_network.run("nft", "-f", "-", input=RULES)
    if loaded.returncode != 0:
        pytest.skip(f"nft cannot load rules here: {loaded.stderr}")
    try:
        done = private_network.run(sys.executable, "-c", PROBE)
    finally:
        private_network.run("nft", "delete", "table", "inet", "trial")
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    assert "failure" not in results, results["failure"]
    return results


@pytest.mark.parametrize(
    ("port", "ending"),
    [
        ("tcp/101", ["icmp", [3, 13, "127.0.0.1"]]),
        ("tcp/102", ["icmp", [3, 1, "127.0.0.1"]]),
        ("tcp/103", ["reset", None]),
        ("tcp/104", ["silence", None]),
    ],
)
def test_tcp(found: dict[str, Any], port: str, ending: list[Any]) -> None:
    assert found[port] == ending


@pytest.mark.parametrize(("port", "code"), [("udp/201", 13), ("udp/202", 0)])
def test_udp(found: dict[str, Any], port: str, code: int) -> None:
    assert found[port] == [[3, code, "127.0.0.1"], int(port[4:])]
