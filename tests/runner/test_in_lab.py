"""A whole lab in this process: what tshark calls the traffic of `open`, and what one changed rule changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from trials import HURRIED, PATIENT, Trials

from emulator.catalog import load
from emulator.judge.record import PassRecord

pytestmark = pytest.mark.lab
CATALOG = load()
SCENARIOS = Path(__file__).parents[2] / "scenarios"
SEED = "2d74475266212b87"


class LabRuns:
    """The lab, with runs of the seed that these tests look at."""

    def __init__(self, trials: Trials) -> None:
        self.lab = trials.lab
        self._trials = trials

    def run(self, path: Path, timeout: float = PATIENT) -> PassRecord:
        return self._trials.run(path, seed=SEED, samples=2, timeout=timeout)


@pytest.fixture(scope="module")
def running(trials: Trials) -> LabRuns:
    return LabRuns(trials)


@pytest.fixture(scope="module")
def opened(running: LabRuns, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path | None, PassRecord]:
    """`open`, captured on the firewall's outer interface where there is a tool for that."""
    dumpcap = shutil.which("dumpcap", path="/usr/sbin:/usr/bin:/bin")
    if dumpcap is None or shutil.which("tshark", path="/usr/sbin:/usr/bin:/bin") is None:
        return None, running.run(SCENARIOS / "open.toml")
    path = tmp_path_factory.mktemp("capture") / "open.pcapng"
    process = running.lab.spawn(
        "firewall", [dumpcap, "-q", "-i", "outside", "-w", str(path)], stderr=subprocess.PIPE, env=dict(os.environ)
    )
    said = b""
    for line in process.stderr:  # it says which file it writes once it listens
        said += line
        if b"File:" in line:
            break
    assert b"File:" in said, said
    record = running.run(SCENARIOS / "open.toml")
    process.terminate()
    process.wait(10)
    process.stderr.close()
    return path, record


@pytest.fixture(scope="module")
def capture(opened: tuple[Path | None, PassRecord]) -> tuple[Path, PassRecord]:
    path, record = opened
    if path is None:
        pytest.skip("needs tshark and dumpcap")
    return path, record


def tshark(path: Path, display: str, *fields: str, more: tuple[str, ...] = ()) -> list[list[str]]:
    """Fields of all frames that match a display filter."""
    argv = ["tshark", "-n", "-r", str(path), "-Y", display, "-T", "fields", "-E", "separator=/t"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run([*argv, *more], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


T125 = ("-d", "tcp.port==1503,tpkt")
RTP = ("--enable-heuristic", "rtp_udp")


class TestCapture:
    """tshark, which we did not write, names what crosses the firewall."""

    def test_the_run_was_good(self, capture: tuple[Path, PassRecord]) -> None:
        assert {item.verdict.verdict for item in capture[1].judged} == {"pass"}

    @pytest.mark.parametrize(
        ("display", "more"),
        [
            ("msnms && tcp.port == 1863", ()),
            ("classicstun", ()),
            ("classicstun.att.magic.cookie == 0x72c64bc6", ()),
            ("t125 && tcp.port == 1503", T125),
            ("rdp && tcp.port == 3389", ()),
            ("rdp.neg_type == 2", ()),
            ('http.request && tcp.port == 80 && http.host == "gateway.messenger.hotmail.com"', ()),
            ("tls.handshake.type == 1 && tcp.port == 443", ()),
            ("tls.handshake.type == 1 && tcp.port == 5061", ()),
            ("rtp && udp", RTP),
        ],
    )
    def test_protocols(self, capture: tuple[Path, PassRecord], display: str, more: tuple[str, ...]) -> None:
        assert tshark(capture[0], display, "frame.number", more=more), f"no frame is {display}"

    def test_names_in_hellos_and_requests(self, capture: tuple[Path, PassRecord]) -> None:
        """Every URL of the table crosses the firewall with its own name."""
        path, _ = capture
        hellos = {name for (name,) in tshark(path, "tls.handshake.extensions_server_name", *SNI)}
        requests = {name.partition(":")[0] for (name,) in tshark(path, "http.request", "http.host")}
        for endpoint in CATALOG.endpoints:
            exchange = CATALOG.exchanges[endpoint.speaks[0]]
            if exchange.service == "http":
                assert endpoint.host in (hellos if exchange.tls else requests), endpoint.id

    def test_every_flow_of_the_record_is_in_the_capture(self, capture: tuple[Path, PassRecord]) -> None:
        path, record = capture
        for transport in ("tcp", "udp"):
            seen = {int(port) for (port,) in tshark(path, transport, f"{transport}.dstport")}
            assert {item.flow.port for item in record.judged if item.flow.transport == transport} <= seen

    def test_the_agent_of_the_note_is_on_the_wire(self, capture: tuple[Path, PassRecord]) -> None:
        path, _ = capture
        (agents,) = {agent for (agent,) in tshark(path, 'http.host == "byfiles.storage.msn.com"', "http.user_agent")}
        assert agents == CATALOG.note.agent

    def test_the_control_channel_does_not_cross_the_firewall(self, capture: tuple[Path, PassRecord]) -> None:
        assert tshark(capture[0], f"tcp.port == {CATALOG.ports.control} || udp.port == 53", "frame.number") == []


SNI = ("tls.handshake.extensions_server_name",)


class TestOneRule:
    """One line of an nft file is changed by hand: exactly the rows on that port change."""

    def test_7001_instead_of_1863(
        self, running: LabRuns, opened: tuple[Path | None, PassRecord], tmp_path: Path
    ) -> None:
        for name in ("open.toml", "no-1863.nft"):
            shutil.copy(SCENARIOS / name, tmp_path)
        rules = (tmp_path / "no-1863.nft").read_text().replace("1863", "7001")
        (tmp_path / "open.nft").write_text(rules)
        _, open_run = opened
        changed = running.run(tmp_path / "open.toml", HURRIED)
        before = {item.flow.id: item.verdict.verdict for item in open_run.judged}
        after = {item.flow.id: item.verdict.verdict for item in changed.judged}
        differ = {name for name in before if before[name] != after[name]}
        on_7001 = {item.flow.id for item in open_run.judged if item.flow.transport == "tcp" and item.flow.port == 7001}
        assert set(before) == set(after)
        assert differ == on_7001
        assert {after[name] for name in differ} == {"blocked.drop.outbound"}
        failed = {item.subject for item in changed.expectations if item.state == "not-met"}
        rows = {item.flow.row for item in open_run.judged if item.flow.id in on_7001}
        assert rows == set(CATALOG.rows_on("tcp", 7001))
        assert failed == rows | {"network-detection"}

    def test_and_back_again(self, running: LabRuns) -> None:
        again = running.run(SCENARIOS / "open.toml")
        assert {item.state for item in again.expectations} == {"met"}

    def test_rules_are_data_of_the_person(self, running: LabRuns, tmp_path: Path) -> None:
        """Answers instead of questions: the same port, stopped on the way back, is told from the way out."""
        shutil.copy(SCENARIOS / "open.toml", tmp_path)
        (tmp_path / "open.nft").write_text(
            "table inet lab { chain forward { type filter hook forward priority filter; policy accept;\n"
            "iifname outside tcp sport 1503 drop; iifname outside udp sport 7001 drop\n}; }\n"
        )
        record = running.run(tmp_path / "open.toml", HURRIED)
        verdicts = {item.flow.id: item.verdict.verdict for item in record.judged}
        assert verdicts["whiteboard-tcp-1503/t120"] == "blocked.drop.return"
        assert verdicts["network-detection-udp-7001/echo-udp"] == "blocked.drop.return"
        stopped = {(item.flow.transport, item.flow.port) for item in record.judged if item.verdict.verdict != "pass"}
        assert stopped == {("tcp", 1503), ("udp", 7001)}
        assert {item.verdict.certainty for item in record.judged} == {"confirmed"}
