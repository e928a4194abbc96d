"""Scenario files: those that ship are sound, and every way to get one wrong is said clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.catalog import load as load_catalog
from emulator.scenario.load import ScenarioError, find, known_scenarios, load
from emulator.scenario.model import Expected, Ports, Scenario
from emulator.scenario.parse import parse

CATALOG = load_catalog()
SHIPPED = Path(__file__).parents[2] / "scenarios"
NAMES = (
    "block-all",
    "documented-ports",
    "nat-address-restricted",
    "nat-full-cone",
    "nat-no-discard",
    "nat-no-udp",
    "nat-none-stateful",
    "nat-port-restricted",
    "nat-symmetric",
    "no-1863",
    "no-udp",
    "open",
    "proxy-note",
    "reject-not-drop",
    "survey",
    "web-only",
)

GOOD = """
id = "mine"
title = { en = "Mine", pt = "Meu" }
about = "What it shows."
leaks = true
[expect.outcomes]
sign-in = { is = "degraded", by = "gateway" }
games = "broken"
[[expect.flows]]
rows = ["audio-udp-30000-65535", "gateway", "leak"]
ports = "80, 1025-65535"
transport = "udp"
parity = "odd"
agent = false
via = "direct"
must = "stop"
how = ["blocked.rst", "dpi"]
"""


def read(text: str) -> Scenario:
    return parse(text, Path("/somewhere/mine.toml"), CATALOG)


def test_all_that_ship_are_found_and_load(tmp_path: Path) -> None:
    assert known_scenarios(tmp_path) == NAMES
    for name in NAMES:
        scenario = load(name, CATALOG, cwd=tmp_path)
        assert scenario.id == name
        if name == "survey":  # whatever rules are in force, and nothing expected
            assert (scenario.firewall_path, scenario.passes[0].outcomes) == (None, {})
            continue
        assert scenario.firewall_path == SHIPPED / f"{name}.nft"
        for one in scenario.passes:
            spoken = set(one.outcomes)
            assert spoken == ({"sign-in", "network-detection"} if name == "proxy-note" else set(CATALOG.feature_by_id))


def test_proxy_note_has_its_four_passes(tmp_path: Path) -> None:
    scenario = load("proxy-note", CATALOG, cwd=tmp_path)
    assert [(one.id, one.proxy, one.credentials) for one in scenario.passes] == [
        ("forced-without", "squid-forced.conf", "none"),
        ("forced-with", "squid-forced.conf", "right"),
        ("exempt-without", "squid-exempt.conf", "none"),
        ("exempt-with", "squid-exempt.conf", "right"),
    ]
    assert scenario.proxy_path(scenario.passes[2]) == SHIPPED / "squid-exempt.conf"


def test_a_good_file_is_read_as_it_stands() -> None:
    scenario = read(GOOD)
    (one,) = scenario.passes
    assert scenario.leaks
    assert scenario.firewall_path is None
    assert one.outcomes == {"sign-in": Expected("degraded", "gateway"), "games": Expected("broken")}
    (only,) = one.flows
    assert only.ports == Ports(((80, 80), (1025, 65535)))
    assert (only.parity, only.agent, only.via, only.must, only.how) == (
        "odd",
        False,
        "direct",
        "stop",
        ("blocked.rst", "dpi"),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "mine"', 'id = "yours"', r"id: 'yours' is not the name of the file: write 'mine'"),
        ('about = "What it shows."', "", r"missing required field `about`.*Compare with the scenario `open`"),
        ('about = "What', 'colour = "red"\nabout = "What', r"unknown field `colour`"),
        ("leaks = true", "leaks = ", r"not TOML: .*line 5.*Mend that line"),
        ("leaks = true", "", r"leaks: a rule speaks of leaks.*write `leaks = true`"),
        ("leaks = true", 'leaks = true\nfirewall = "../x.nft"', r"firewall: '\.\./x\.nft' is not a plain file name"),
        ("sign-in =", "singin =", r"expect\.outcomes\.singin: unknown feature 'singin': did you mean sign-in"),
        ('games = "broken"', 'games = "brokn"', r"expect\.outcomes\.games: .*brokn.*: write \"works\""),
        ('games = "broken"', "games = 3", r"expect\.outcomes\.games: .*: write \"works\""),
        (
            'by = "gateway"',
            'by = "gatway"',
            r"expect\.outcomes\.sign-in\.by: unknown label 'gatway': did you mean gate",
        ),
        ('is = "degraded", by = "gateway"', 'is = "works", by = "gateway"', r"sign-in\.by: what works needs no label"),
        ('by = "gateway"', 'from = "gateway"', r"expect\.outcomes\.sign-in: .*unknown field `from`"),
        ('"gateway", "leak"', '"gatewy", "leak"', r"flows\[0\]\.rows: unknown row 'gatewy': did you mean gateway"),
        ('rows = ["audio-udp-30000-65535", "gateway", "leak"]', "rows = []", r"flows\[0\]\.rows: no row is named"),
        ("80, 1025-65535", "80, 65536", r"flows\[0\]\.ports: '65536' is impossible: ports go from 1 to 65535"),
        ("80, 1025-65535", "0", r"flows\[0\]\.ports: '0' is impossible"),
        ("80, 1025-65535", "90-80", r"flows\[0\]\.ports: '90-80' is impossible"),
        ("80, 1025-65535", "http", r"flows\[0\]\.ports: 'http' is no port: write \"80,443\""),
        ("80, 1025-65535", "80-", r"flows\[0\]\.ports: '80-' is no port"),
        (
            '"blocked.rst"',
            '"blocked.rts"',
            r"flows\[0\]\.how: unknown verdict 'blocked\.rts': did you mean blocked\.rst",
        ),
        ('"blocked.rst"', '"pass"', r"flows\[0\]\.how: unknown verdict 'pass'"),
        ('must = "stop"', 'must = "may"', r"flows\[0\]\.how: `how` with must = 'may': leave it out"),
        ('must = "stop"', 'must = "die"', r"Invalid enum value 'die' - at `\$\.expect\.flows\[0\]\.must`"),
        ('must = "stop"', 'must = "stop"\nprot = "tcp"', r"unknown field `prot` - at `\$\.expect\.flows"),
    ],
)
def test_every_mistake_names_file_key_and_remedy(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError, match=message) as caught:
        read(GOOD.replace(old, new))
    assert str(caught.value).startswith("/somewhere/mine.toml: ")


HEAD = GOOD.partition("[expect.outcomes]")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, r"expect: a scenario has either \[expect\] or \[\[pass\]\]: keep one of the two"),
        (GOOD + '[[pass]]\nid = "a"\n[pass.expect]\n', r"keep one of the two"),
        (
            HEAD + '[[pass]]\nid = "a"\n[pass.expect]\n[[pass]]\nid = "a"\n[pass.expect]\n',
            r"pass\[1\]\.id: 'a' stands twice",
        ),
        (
            HEAD + '[[pass]]\nid = "a"\ncredentials = "right"\n[pass.expect]\n',
            r"pass\[0\]\.credentials: credentials without a proxy: name a squid file",
        ),
        (
            HEAD + '[[pass]]\nid = "a"\n[pass.expect.outcomes]\ngames = "fine"\n',
            r"pass\[0\]\.expect\.outcomes\.games: ",
        ),
    ],
)
def test_passes(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        read(text)


def test_unknown_names_get_a_hint(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"unknown scenario 'web-olny': did you mean web-only\? known are block-all"
    ):
        find("web-olny", cwd=tmp_path)
    with pytest.raises(ScenarioError, match=r"unknown scenario 'qqqq': known are block-all"):
        find("qqqq", cwd=tmp_path)
    with pytest.raises(ScenarioError, match=r"none\.toml: no such file"):
        find("./none.toml", cwd=tmp_path)


def test_own_scenarios_come_before_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    own = tmp_path / "scenarios" / "open.toml"
    own.write_text(GOOD.replace('id = "mine"', 'id = "open"'))
    assert find("open", cwd=tmp_path) == own
    assert load("open", CATALOG, cwd=tmp_path).title.en == "Mine"
    assert load("scenarios/open.toml", CATALOG, cwd=tmp_path).title.en == "Mine"
    assert load(str(SHIPPED / "open.toml"), CATALOG, cwd=tmp_path).title.en == "Everything passes"
    own.write_bytes(b"\xff")
    with pytest.raises(ScenarioError, match=r"open\.toml: not UTF-8 at byte 0"):
        load("open", CATALOG, cwd=tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('firewall = "mine.nft"\n[expect]', r"firewall: no file 'mine\.nft' beside it"),
        ('[[pass]]\nid = "a"\nproxy = "x.conf"\n[pass.expect]', r"pass a: proxy: no file 'x\.conf' beside it"),
    ],
)
def test_missing_files_are_noticed(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(HEAD + line + "\n")
    with pytest.raises(ScenarioError, match=message):
        load("./mine.toml", CATALOG, cwd=tmp_path)
