"""Every rule set says exactly what the source table says: each is read back by its own grammar, port by port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Network
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from private_network import PrivateNetwork

from emulator.catalog import load
from emulator.derive.rules import FORMATS, Site, needed, render
from emulator.derive.shared import shared_addresses

CATALOG = load()
SITE = Site(inside=IPv4Network("192.0.2.0/24"), addresses=shared_addresses(CATALOG, "198.51.100.7", "198.51.100.8"))
SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"

Ports = set[tuple[str, str, int]]  # direction, transport, port


def documented(*features: str) -> Ports:
    """From the clauses, one port at a time: nothing is merged here."""
    wanted: Ports = set()
    for clause in CATALOG.clauses:
        if not features or clause.feature in features:
            peers = any(CATALOG.exchanges[name].host == "peer" for name in clause.speaks)
            for direction in ("outward", "inward") if peers else ("outward",):
                wanted |= {(direction, clause.transport, port) for port in range(clause.low, clause.high + 1)}
    return wanted


def spread(direction: str, transport: str, text: str, between: str = "-") -> Ports:
    """`80,443,1025-65535` and the like."""
    found: Ports = set()
    for item in re.split(r"[,\s]+", text.strip()):
        low, _, high = item.partition(between)
        found |= {(direction, transport, port) for port in range(int(low), int(high or low) + 1)}
    return found


def read_nft(text: str) -> Ports:
    rules = re.findall(r'iifname "(\w+)" oifname "\w+" ip [sd]addr \S+ (tcp|udp) dport \{ (.*?) \} accept', text)
    return set(chain.from_iterable(spread(_way(side), transport, ports) for side, transport, ports in rules))


def read_iptables(text: str) -> Ports:
    rules = re.findall(r"-A MESSENGER -i (\w+) -o \w+ -[sd] \S+ -p (tcp|udp) -m multiport --dports (\S+) -j", text)
    return set(chain.from_iterable(spread(_way(side), transport, ports, ":") for side, transport, ports in rules))


def read_pf(text: str) -> Ports:
    rules = re.findall(r"^pass quick inet proto (tcp|udp) from (\S+) to \S+ port \{ (.*?) \}", text, re.MULTILINE)
    ways = {"$people": "outward", "any": "inward"}
    return set(chain.from_iterable(spread(ways[source], transport, ports, ":") for transport, source, ports in rules))


def read_cisco(text: str) -> Ports:
    found: Ports = set()
    way = ""
    for line in text.splitlines():
        if line.startswith("ip access-list extended"):
            way = {"MESSENGER-OUT": "outward", "MESSENGER-IN": "inward"}[line.split()[-1]]
        rule = re.fullmatch(r" permit (tcp|udp) (.*) (?:eq (\d+)|range (\d+) (\d+)) reflect [A-Z-]+", line)
        if rule is not None:
            people = "192.0.2.0 0.0.0.255"
            assert rule[2] == (f"{people} any" if way == "outward" else f"any {people}")
            found |= spread(way, rule[1], rule[3] or f"{rule[4]}-{rule[5]}")
        else:
            assert line.split(" ")[0] in ("!", "ip") or line.startswith((" remark ", " evaluate MESSENGER-"))
            assert len(line) < 120
    return found


def read_netsh(text: str) -> Ports:
    assert text.count("\n") == text.count("\r\n")
    rules = re.findall(r"add rule .* dir=(out|in) action=allow protocol=(TCP|UDP) (\w+)=(\S+) profile=any\r", text)
    assert {(way, port) for way, _, port, _ in rules} <= {("out", "remoteport"), ("in", "localport")}
    return set(chain.from_iterable(spread(f"{way}ward", kind.lower(), ports) for way, kind, _, ports in rules))


def read_request(text: str) -> Ports:
    found: Ports = set()
    way = ""
    for line in text.splitlines():
        if line.startswith("## From"):
            way = "outward" if line.startswith("## From our people") else "inward"
        row = re.match(r"\| (TCP|UDP) \| (\S+) \|", line)
        if row is not None:
            found |= spread(way, row[1].lower(), row[2])
    return found


def _way(side: str) -> str:
    return "outward" if side == "inside" else "inward"


READERS: dict[str, Callable[[str], Ports]] = {
    "nftables": read_nft,
    "iptables": read_iptables,
    "pf": read_pf,
    "cisco": read_cisco,
    "netsh": read_netsh,
    "request": read_request,
}


@pytest.mark.parametrize("form", READERS)
def test_the_whole_catalog_and_not_a_port_more(form: str) -> None:
    assert READERS[form](render(form, needed(CATALOG), SITE, CATALOG)) == documented()


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("feature", ["whiteboard", "network-detection", "audio-legacy", "file-transfer-legacy"])
def test_a_feature_brings_sign_in_where_it_needs_a_session(form: str, feature: str) -> None:
    text = render(form, needed(CATALOG, [feature]), SITE, CATALOG)
    session = [] if feature == "network-detection" else ["sign-in"]
    assert READERS[form](text) == documented(feature, *session)


def test_no_rule_could_be_left_out() -> None:
    openings = needed(CATALOG).openings
    said = [(one.direction, one.transport, one.ports) for one in openings]
    assert said == [
        ("outward", "tcp", "80"),
        ("outward", "tcp", "443"),
        ("outward", "tcp", "1025-65535"),
        ("outward", "udp", "9"),
        ("outward", "udp", "1025-65535"),
        ("inward", "tcp", "1025-65535"),
        ("inward", "udp", "1025-65535"),
    ]
    assert all(one.rows for one in openings)


def test_a_format_for_each_kind_of_device() -> None:
    assert set(FORMATS) == {*READERS, "squid", "hosts", "zone"}


def _has(program: str) -> Any:
    return pytest.mark.skipif(shutil.which(program, path=SBIN) is None, reason=f"needs the command {program}")


def _check(network: PrivateNetwork, text: str, *argv: str) -> str:
    done = network.run(*argv, input=text)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@_has("nft")
def test_nft_reads_both_forms(private_network: PrivateNetwork) -> None:
    _check(private_network, render("nftables", needed(CATALOG), SITE, CATALOG), "nft", "-c", "-f", "-")


@_has("squid")
@pytest.mark.parametrize("authenticated", [True, False])
def test_squid_reads_it(tmp_path: Path, authenticated: bool) -> None:
    rules = render("squid", needed(CATALOG), Site(authenticated=authenticated), CATALOG)
    helper = "auth_param basic program /bin/cat\n" if authenticated else ""
    file = tmp_path / "squid.conf"
    file.write_text(f"http_port 127.0.0.1:3128\n{helper}{rules}http_access deny all\n")
    squid = shutil.which("squid", path=SBIN)
    assert squid is not None
    done = subprocess.run([squid, "-k", "parse", "-f", str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert not re.search(r"WARNING|ERROR|FATAL", done.stderr), done.stderr  # such as a name below another
    assert ("proxy_auth" in rules) is authenticated
    assert CATALOG.note.agent.split()[0] in rules.replace("[[:space:]]", " ") or not authenticated


UNBOUND = """
server:
  interface: 127.0.0.1
  port: 5399
  username: ""
  chroot: ""
  directory: "{0}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "respip validator iterator"
  access-control: 127.0.0.0/8 allow
  local-zone: "example.com." static
  local-data: "www.example.com. A 192.0.2.80"
rpz:
  name: messenger.rpz
  zonefile: "{0}/messenger.rpz"
"""


@_has("unbound")
@_has("dig")
def test_a_resolver_that_loads_the_zone_answers_the_names(private_network: PrivateNetwork, tmp_path: Path) -> None:
    (tmp_path / "messenger.rpz").write_text(render("zone", needed(CATALOG), SITE, CATALOG))
    (tmp_path / "unbound.conf").write_text(UNBOUND.format(tmp_path))
    resolver = private_network.start("/usr/sbin/unbound", "-d", "-vv", "-c", str(tmp_path / "unbound.conf"))
    try:
        assert resolver.stderr is not None
        for line in resolver.stderr:
            if "start of service" in line:
                break
        wanted = [*CATALOG.host_names, "deep.below.contacts.msn.com", "by1.edge.messenger.live.com"]
        said = private_network.run("dig", "+short", "+tries=1", "@127.0.0.1", "-p", "5399", *wanted).stdout.split()
        assert said == ["198.51.100.7"] * len(wanted)
        other = private_network.run("dig", "+short", "+tries=1", "@127.0.0.1", "-p", "5399", "www.example.com").stdout
        assert other.split() == ["192.0.2.80"]
    finally:
        resolver.terminate()
        resolver.communicate(timeout=10)


def rules(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulator", "rules", *arguments]
    clean = {name: value for name, value in os.environ.items() if name != "MESSENGER_LAB_JOIN"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean | environ | {"COLUMNS": "300"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nftables", "--feature", "telepathy"], "'telepathy': no such feature: give one of sign-in"),
        (["nftables", "--inside", "192.0.2.1/24"], "has host bits set: write a network such as"),
        (["nftables", "--interfaces", "eth0"], "give two names, inside first"),
        (["nftables", "--chain", "forward"], "give family, table and chain"),
        (["nftables", "--run", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["hosts"], "hosts needs addresses: give --join FILE, or --address"),
        (["zone", "--address", "home"], "'home' is no IPv4 address"),
        (["nftables", "--output", "/nowhere/file"], "there is no directory /nowhere"),
    ],
)
def test_bad_input_names_the_remedy(arguments: list[str], said: str) -> None:
    done = rules(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_file_instead_of_the_terminal(tmp_path: Path) -> None:
    assert rules("netsh", "--output", str(tmp_path / "open.cmd")).stdout == ""
    assert read_netsh((tmp_path / "open.cmd").read_bytes().decode()) == documented()
    assert rules("hosts", "--address", "198.51.100.7").stdout.count("198.51.100.7") == len(CATALOG.host_names)
