"""The network's kind in scenarios, records and reports: expected, judged, printed, read back."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from lxml import html
from rich.console import Console

from emulator.catalog import load as load_catalog
from emulator.cli.demo import ALL, SHORT
from emulator.judge.nat import NetworkSeen, NetworkType, TcpSeen, judge
from emulator.judge.record import RunRecord
from emulator.report import html as page
from emulator.report import junit, terminal
from emulator.scenario.expect import expectations
from emulator.scenario.load import known_scenarios
from emulator.scenario.model import ExpectedNetwork, Pass
from emulator.scenario.parse import ScenarioError, parse
from emulator.wire.behaviour import Behaviour, Mapping
from emulator.wire.netdetect import Detected
from emulator.wire.receipt import Endpoint
from tests.report.stored_run import everything, one_pass, run

CATALOG = load_catalog()
LOCAL, OUTER, SERVER = Endpoint("10.0.0.5", 4000), Endpoint("198.51.100.7", 4000), Endpoint("203.0.113.1", 7001)
ECHO = Detected(
    local=LOCAL, server=SERVER, asked=("first", "second", "third"), mapped=OUTER, crossed=False, direct=OUTER
)
NAT = Behaviour(
    mapping=Mapping(local=LOCAL, other=SERVER, first=OUTER, other_address=OUTER, other_both=OUTER),
    changed_both=False,
    changed_port=False,
    hairpinned=False,
)
TCP = TcpSeen(local=LOCAL, mapped=OUTER, direct=OUTER, compared=True)
SEEN = NetworkSeen(echo=ECHO, stun=NAT, tcp=TCP, client_ip=OUTER.address, seconds=3.0)
NETWORK = judge(SEEN)


def test_everything_that_was_seen_gets_a_word() -> None:
    assert (NETWORK.messenger, NETWORK.tcp) == ("Port-Restrict-NAT", "Port-Restrict-NAT")
    assert (NETWORK.classic, NETWORK.mapping) == ("port-restricted cone NAT", "endpoint-independent")
    assert NETWORK.filtering == "address-and-port-dependent"
    assert (NETWORK.port_preserved, NETWORK.hairpin, NETWORK.external) == (True, False, "198.51.100.7")


def test_nothing_seen_is_nothing_claimed() -> None:
    nothing = judge(NetworkSeen())
    assert (nothing.messenger, nothing.tcp, nothing.classic) == ("Unknown-Connect", "", "unknown")
    assert (nothing.mapping, nothing.filtering, nothing.port_preserved, nothing.hairpin) == (
        "unknown",
        "unknown",
        None,
        None,
    )


TCP_WORDS = [
    (TcpSeen(), "Firewall"),
    (TcpSeen(local=LOCAL, mapped=LOCAL), "Direct-Connect"),
    (TcpSeen(local=LOCAL, mapped=OUTER), "Unknown-NAT"),
    (TcpSeen(local=LOCAL, mapped=OUTER, compared=True), "Unknown-NAT"),
    (TCP, "Port-Restrict-NAT"),
    (TcpSeen(local=LOCAL, mapped=OUTER, direct=Endpoint(OUTER.address, 1), compared=True), "Symmetric-NAT"),
]


@pytest.mark.parametrize(("seen", "word"), TCP_WORDS)
def test_tcp_conn_type(seen: TcpSeen, word: str) -> None:
    assert judge(NetworkSeen(tcp=seen)).tcp == word


def test_the_client_compares_ports_alone() -> None:
    """A gateway with several addresses: one port, another address (dossier 2.4)."""
    elsewhere = msgspec.structs.replace(ECHO, direct=Endpoint("198.51.100.8", 4000))
    assert judge(NetworkSeen(echo=elsewhere)).messenger == "Port-Restrict-NAT"


TEXT = """
id = "mine"
title = {{ en = "Mine", pt = "Meu" }}
about = "x"
[expect.network]
{}
"""


def test_a_scenario_expects_words_of_the_network() -> None:
    scenario = parse(TEXT.format('messenger = "Symmetric-NAT"\ntcp = "Firewall"'), Path("/x/mine.toml"), CATALOG)
    assert scenario.passes[0].network == ExpectedNetwork(messenger="Symmetric-NAT", tcp="Firewall")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            'messenger = "Symetric-NAT"',
            "expect.network.messenger: unknown word 'Symetric-NAT': did you mean Symmetric-NAT",
        ),
        ('kind = "Firewall"', "expect.network: unknown key 'kind'"),
        ("messenger = 3", "Expected `str`, got `int`"),
        ('filtering = "full cone NAT"', "expect.network.filtering: unknown word"),
    ],
)
def test_a_wrong_word_is_said_clearly(line: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(TEXT.format(line), Path("/x/mine.toml"), CATALOG)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("network", "state", "got"),
    [
        (NETWORK, "met", "Port-Restrict-NAT"),
        (judge(NetworkSeen(echo=msgspec.structs.replace(ECHO, crossed=True))), "not-met", "IP-Restrict-NAT"),
        (judge(NetworkSeen(echo=msgspec.structs.replace(ECHO, cut_short=True))), "undecided", "Unknown-Connect"),
        (judge(NetworkSeen()), "undecided", "Unknown-Connect"),
        (None, "undecided", "not looked at"),
    ],
)
def test_an_expectation_is_met_or_not_or_undecided(network: NetworkType | None, state: str, got: str) -> None:
    wanted = Pass(id="only", network=ExpectedNetwork(messenger="Port-Restrict-NAT"))
    (item,) = expectations(wanted, CATALOG, (), {}, (), (), network)
    assert (item.id, item.kind, item.state, item.got) == ("network/messenger", "network", state, got)


RECORD = run(msgspec.structs.replace(one_pass("nat", everything), network=NETWORK))


def test_the_record_keeps_what_was_seen_and_can_be_judged_again() -> None:
    stored = msgspec.json.decode(msgspec.json.encode(RECORD), type=RunRecord)
    network = stored.passes[0].network
    assert network is not None
    assert network == NETWORK
    assert judge(network.seen) == NETWORK


def test_a_record_from_before_has_none() -> None:
    raw = msgspec.to_builtins(RECORD)
    del raw["passes"][0]["network"]
    assert msgspec.convert(raw, RunRecord).passes[0].network is None


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_terminal_says_it(width: int) -> None:
    for record in (RECORD, run(*RECORD.passes, one_pass("other", everything))):
        out = io.StringIO()
        terminal.show(record, CATALOG, Console(file=out, width=width))
        said = " ".join(out.getvalue().split())
        assert "Port-Restrict-NAT" in said
        assert "port-restricted cone NAT" in said
        assert all(len(line.rstrip()) <= width for line in out.getvalue().splitlines())


def test_the_page_says_it(tmp_path: Path) -> None:
    page.write(RECORD, CATALOG, tmp_path / "report.html")
    tree = html.parse(str(tmp_path / "report.html"))
    (block,) = tree.xpath("//dl[@data-network]")
    assert block.get("data-network") == "Port-Restrict-NAT"
    text = " ".join(block.text_content().split())
    assert "mapping endpoint-independent, filtering address-and-port-dependent, port kept, no hairpin" in text
    assert "198.51.100.7" in text


def test_junit_has_a_case_for_it(tmp_path: Path) -> None:
    wanted = Pass(id="only", network=ExpectedNetwork(messenger="Symmetric-NAT"))
    items = expectations(wanted, CATALOG, (), {}, (), (), NETWORK)
    record = run(msgspec.structs.replace(RECORD.passes[0], expectations=items))
    junit.write(record, tmp_path / "junit.xml")
    assert 'message="messenger: expected Symmetric-NAT, got Port-Restrict-NAT"' in (tmp_path / "junit.xml").read_text()


def test_plain_demo_does_not_run_the_kinds_of_nat() -> None:
    """They are run when they are named; the demo keeps its time."""
    known = known_scenarios(Path("/nonexistent"))
    assert set(ALL) == {name for name in known if name != "survey" and not name.startswith("nat-")}
    assert set(SHORT) < set(ALL)
