"""Every kind of NAT, built from nft, named alike by us, a plain client, Debian's `stun` and coturn's discovery."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from plain_detection import command
from trials import Trials

from emulator.catalog import load
from emulator.judge.record import PassRecord
from emulator.lab.firewall import program
from emulator.scenario.load import load as load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CATALOG = load()
ECHO = "echo.edge.messenger.live.com"

# dossier media.md 2.5: scenario -> what a client says, what `stun` says (RFC 3489), what coturn says (RFC 5780)
INDEPENDENT, BOTH = "Endpoint Independent", "Address and Port Dependent"
KINDS = {
    "nat-full-cone": ("IP-Restrict-NAT", "Independent Mapping, Independent Filter", (INDEPENDENT, INDEPENDENT)),
    "nat-address-restricted": (
        "IP-Restrict-NAT",
        "Independent Mapping, Address Dependent Filter",
        (INDEPENDENT, "Address Dependent"),
    ),
    "nat-no-discard": (
        "Port-Restrict-NAT",
        "Independent Mapping, Address Dependent Filter",
        (INDEPENDENT, "Address Dependent"),
    ),
    "nat-port-restricted": ("Port-Restrict-NAT", "Independent Mapping, Port Dependent Filter", (INDEPENDENT, BOTH)),
    "nat-symmetric": ("Symmetric-NAT", "Dependent Mapping", (BOTH, BOTH)),
    "nat-none-stateful": ("Direct-Connect", "Firewall", (INDEPENDENT, BOTH)),
    "nat-no-udp": ("Firewall", "Blocked", ()),
    "open": ("Direct-Connect", "Open", (INDEPENDENT, INDEPENDENT)),
}
FAST = ("nat-symmetric",)  # the others go through the whole tool in `make test-slow`

MASQUERADE = """
table ip lab {{
  chain forward {{ type filter hook forward priority 0; policy accept; {forward} }}
  {input}
  chain out {{ type nat hook postrouting priority 100; oifname "outside" {out}; }}
}}
"""
INPUT = 'chain input { type filter hook input priority 0; iifname "outside" ct state new drop; }'


class NatLab:
    """A lab with its emulator, and what is asked in it."""

    def __init__(self, trials: Trials) -> None:
        self.lab = trials.lab
        self._trials = trials

    def run(self, path: Path) -> PassRecord:
        return self._trials.run(path, samples=0)

    def asked(self, *commands: list[str], limit: float = 30.0) -> list[str]:
        """What programs inside say, all run at once."""
        pipe = subprocess.PIPE
        running = [self.lab.spawn("inside", one, stdout=pipe, stderr=subprocess.STDOUT) for one in commands]
        return [process.communicate(timeout=limit)[0].decode("utf-8", "replace") for process in running]

    @property
    def server(self) -> str:
        return str(self.lab.addresses[ECHO])


@pytest.fixture(scope="module")
def nats(trials: Trials) -> NatLab:
    return NatLab(trials)


def test_the_list_is_complete() -> None:
    assert {path.stem for path in SCENARIOS.glob("nat-*.nft")} == set(KINDS) - {"open"}
    assert {path.stem for path in SCENARIOS.glob("nat-*.toml")} == set(KINDS) - {"open"}


def test_the_scenarios_expect_what_the_matrix_says() -> None:
    for name in set(KINDS) - {"open"}:
        (one,) = load_scenario(name, CATALOG, cwd=Path("/nonexistent")).passes
        assert one.network.messenger == KINDS[name][0], name


@pytest.mark.parametrize("name", KINDS)
def test_a_plain_client_and_the_classic_tool_name_it(nats: NatLab, name: str) -> None:
    done = nats.lab.run("firewall", [program(), "-c", "-f", str(SCENARIOS / f"{name}.nft")], 10)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    nats.lab.apply(SCENARIOS / f"{name}.nft")
    messenger, classic, _ = KINDS[name]
    tool = [["stun", nats.server]] if shutil.which("stun") else []
    client, *said = nats.asked(command(nats.server), *tool)
    assert client.strip() == messenger
    if not said:
        pytest.skip("the plain client agrees; `stun` (package stun-client) is not installed")
    (line,) = (line for line in said[0].splitlines() if line.startswith("Primary:"))
    assert line.removeprefix("Primary: ").startswith(classic), said[0]


def whole(nats: NatLab, name: str) -> None:
    record = nats.run(SCENARIOS / f"{name}.toml")
    wrong = [(item.id, item.wanted, item.got) for item in record.expectations if item.state != "met"]
    assert not wrong
    assert record.network is not None
    assert record.network.messenger == KINDS[name][0]
    assert any(item.kind == "network" for item in record.expectations) or name == "open"
    assert {item.verdict.certainty for item in record.judged} == {"confirmed"}


@pytest.mark.parametrize("name", FAST)
def test_the_whole_scenario_is_as_it_says(nats: NatLab, name: str) -> None:
    whole(nats, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KINDS if name not in FAST])
def test_the_whole_scenario_is_as_it_says_too(nats: NatLab, name: str) -> None:
    whole(nats, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in KINDS.items() if row[2]])
def test_coturns_discovery_names_it(nats: NatLab, name: str) -> None:
    if shutil.which("turnutils_natdiscovery") is None:
        pytest.skip("turnutils_natdiscovery (package coturn) is not installed")
    nats.lab.apply(SCENARIOS / f"{name}.nft")
    (said,) = nats.asked(["turnutils_natdiscovery", "-m", "-f", "-p", "3478", nats.server])
    mapping, filtering = KINDS[name][2]
    assert f"NAT with {mapping} Mapping!" in said, said
    assert f"NAT with {filtering} Filtering!" in said, said


@pytest.fixture
def masqueraded(nats: NatLab, tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: str) -> Path:
        path = tmp_path / "inline.nft"
        path.write_text(MASQUERADE.format(**{"forward": "", "input": INPUT, "out": "masquerade", **changes}))
        nats.lab.apply(path)
        (tmp_path / "inline.toml").write_text(
            'id = "inline"\ntitle = { en = "x", pt = "x" }\nabout = "x"\nfirewall = "inline.nft"\n[expect]\n'
        )
        return tmp_path / "inline.toml"

    return write


def test_a_translator_that_takes_strangers_datagrams_itself_looks_symmetric(
    nats: NatLab, masqueraded: Callable[..., Path]
) -> None:
    """Why every NAT of the lab drops them: the trap of dossier 2.5."""
    masqueraded(input="")
    assert nats.asked(command(nats.server)) == ["Symmetric-NAT\n"]
    masqueraded()
    assert nats.asked(command(nats.server)) == ["Port-Restrict-NAT\n"]


@pytest.mark.slow
def test_without_port_3478_messengers_word_stands_alone(nats: NatLab, masqueraded: Callable[..., Path]) -> None:
    record = nats.run(masqueraded(forward='iifname "inside" udp dport != { 9, 7001 } drop;'))
    assert record.network is not None
    assert (record.network.messenger, record.network.classic) == ("Port-Restrict-NAT", "UDP blocked")


@pytest.mark.slow
def test_tcp_alone_translated_is_isalike(nats: NatLab, masqueraded: Callable[..., Path]) -> None:
    record = nats.run(masqueraded(out="meta l4proto tcp masquerade"))
    assert record.network is not None
    assert (record.network.messenger, record.network.tcp) == ("ISALike", "Port-Restrict-NAT")
    assert record.network.seen.client_ip == "203.0.113.1"


@pytest.mark.slow
def test_a_second_server_out_of_reach_is_unknown_and_bounded(nats: NatLab, masqueraded: Callable[..., Path]) -> None:
    second = nats.lab.addresses["second"]
    record = nats.run(masqueraded(forward=f"ip daddr {second} udp dport 7001 drop;"))
    assert record.network is not None
    assert record.network.messenger == "Unknown-Connect"
    assert record.network.seen.seconds < 8.5
