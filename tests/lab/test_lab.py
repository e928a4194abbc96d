"""The lab's wiring, its firewall and the programs started in it."""

from __future__ import annotations

import os
import signal
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from traffic import dial, listen

from emulator.catalog import load
from emulator.lab.addressing import LabError, host_addresses
from emulator.lab.process import end, hold, start_time
from emulator.lab.requirements import check

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_addresses_are_one_per_host() -> None:
    addresses = host_addresses(load())
    assert list(addresses) == [*load().host_names, "peer", "second"]
    assert len(set(addresses.values())) == len(addresses)
    assert addresses["login.live.com"] == "203.0.113.10"
    assert all(ip_address(one) in ip_network("203.0.113.0/24") for one in addresses.values())


def test_a_fresh_lab_connects_its_places(lab: Any) -> None:
    lab.apply(SCENARIOS / "open.nft")
    address = lab.addresses["peer"]
    servers = [listen(lab, "0.0.0.0", [80, 1863], []), listen(lab, address, [], [7001])]
    try:
        wanted = [("tcp", address, 80), ("tcp", lab.addresses["login.live.com"], 1863), ("udp", address, 7001)]
        assert dial(lab, wanted) == {"tcp/80": "answer", "tcp/1863": "answer", "udp/7001": "answer"}
        assert dial(lab, [("tcp", lab.mgmt_outside, 80)]) == {"tcp/80": "answer"}
        assert dial(lab, [("tcp", "127.0.0.1", 1863)], place="outside") == {"tcp/1863": "answer"}
    finally:
        for server in servers:
            end(server, grace=0)


def test_the_other_direction_is_open_too(lab: Any) -> None:
    lab.apply(SCENARIOS / "open.nft")
    server = listen(lab, "192.0.2.10", [6891], [], place="inside")
    try:
        assert dial(lab, [("tcp", "192.0.2.10", 6891)], place="outside") == {"tcp/6891": "answer"}
    finally:
        end(server, grace=0)


def test_management_goes_round_the_firewall(lab: Any) -> None:
    lab.apply(SCENARIOS / "block-all.nft")
    server = listen(lab, "0.0.0.0", [8700], [])
    try:
        wanted = [("tcp", lab.mgmt_outside, 8700)]
        assert dial(lab, wanted) == {"tcp/8700": "answer"}
        assert dial(lab, [("tcp", lab.addresses["peer"], 8700)], limit=0.3) == {"tcp/8700": "silence"}
    finally:
        end(server, grace=0)


def test_new_rules_judge_old_connections_too(lab: Any) -> None:
    """A UDP conversation that `open` let in must not live on as `established` under rules that forbid it."""
    address = lab.addresses["peer"]
    server = listen(lab, address, [], [5000])
    try:
        lab.apply(SCENARIOS / "documented-ports.nft")
        assert dial(lab, [("udp", address, 5000)], source=40000) == {"udp/5000": "answer"}
        lab.apply(SCENARIOS / "web-only.nft")
        assert dial(lab, [("udp", address, 5000)], source=40000, limit=0.3) == {"udp/5000": "silence"}
    finally:
        end(server, grace=0)


def test_rejections_are_not_rate_limited(lab: Any) -> None:
    """A limited REJECT looks like DROP: 400 refusals at once must all arrive."""
    lab.apply(SCENARIOS / "reject-not-drop.nft")
    address = lab.addresses["peer"]
    results = dial(lab, [("udp", address, port) for port in range(20000, 20400)], limit=5)
    assert set(results.values()) == {"icmp 3/3"}
    results = dial(lab, [("tcp", address, port) for port in range(20000, 20400)], limit=5)
    assert {name: result for name, result in results.items() if int(name[4:]) % 2 == 0 and result != "icmp 3/13"} == {}
    assert {name: result for name, result in results.items() if int(name[4:]) % 2 and result != "ECONNREFUSED"} == {}


class TestRules:
    """Files that cannot be loaded say where, and leave the old rules alone."""

    def loaded(self, lab: Any) -> str:
        done = lab.run("firewall", ["/usr/sbin/nft", "list", "ruleset"], 10)
        text: str = done.stdout.decode()
        return text

    @pytest.mark.parametrize(
        ("text", "line", "complaint"),
        [
            ("table inet lab {\n  chain forward {\n    tcp dport 80 acept\n  }\n}\n", 3, "syntax error"),
            ("flush rulset\n", 1, "syntax error"),
            ("\ntable inet lab {\n  chain x {\n    jump nowhere\n  }\n}\n", 4, "nowhere"),
            ('# comment\ninclude "missing.nft"\n', 2, "missing.nft"),
        ],
    )
    def test_errors_name_file_and_line(self, lab: Any, tmp_path: Path, text: str, line: int, complaint: str) -> None:
        lab.apply(SCENARIOS / "web-only.nft")
        before = self.loaded(lab)
        path = tmp_path / "broken.nft"
        path.write_text(text)
        with pytest.raises(LabError) as caught:
            lab.apply(path)
        assert f"{path}:{line}:" in str(caught.value)
        assert complaint in str(caught.value)
        assert "still loaded" in str(caught.value)
        assert self.loaded(lab) == before

    def test_a_missing_file_is_named(self, lab: Any, tmp_path: Path) -> None:
        with pytest.raises(LabError, match=r"none\.nft: No such file"):
            lab.apply(tmp_path / "none.nft")

    def test_includes_are_looked_up_beside_the_file(self, lab: Any, tmp_path: Path) -> None:
        (tmp_path / "ports.nft").write_text("define web = { 80, 443 }\n")
        path = tmp_path / "rules.nft"
        path.write_text(
            'include "ports.nft"\ntable inet lab { chain forward { type filter hook forward priority 0;\n'
            "tcp dport $web accept; }; }\n"
        )
        lab.apply(path)
        assert "tcp dport { 80, 443 } accept" in self.loaded(lab)

    def test_the_old_rules_are_gone(self, lab: Any) -> None:
        lab.apply(SCENARIOS / "documented-ports.nft")
        lab.apply(SCENARIOS / "open.nft")
        assert "documented_tcp" not in self.loaded(lab)


class TestPrograms:
    """What is started in a place, as whom, and how it ends."""

    def test_run_gives_code_and_output(self, lab: Any) -> None:
        done = lab.run("inside", ["sh", "-c", "cat; echo oops >&2; exit 7"], 10, data=b"given")
        assert (done.returncode, done.stdout, done.stderr) == (7, b"given", b"oops\n")

    def test_run_ends_what_takes_too_long(self, lab: Any) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            lab.run("inside", ["sleep", "60"], 0.1)

    def test_places_are_different_networks(self, lab: Any) -> None:
        networks = {place: os.readlink(f"/proc/{lab.pid(place)}/ns/net") for place in ("inside", "firewall", "outside")}
        assert len({*networks.values(), os.readlink("/proc/self/ns/net")}) == 4
        done = lab.run("firewall", ["readlink", "/proc/self/ns/net"], 10)
        assert done.stdout.decode().strip() == networks["firewall"]

    def test_a_program_can_be_another_user(self, lab: Any) -> None:
        done = lab.run("outside", ["sh", "-c", "id -un; id -G; readlink /proc/self/ns/net"], 10, user="nobody")
        name, groups, network = done.stdout.decode().split("\n")[:3]
        assert (name, groups) == ("nobody", "65534")
        assert network == os.readlink(f"/proc/{lab.pid('outside')}/ns/net")

    def test_missing_programs_and_users_are_named(self, lab: Any) -> None:
        with pytest.raises(LabError, match="no-such-program: no such program: install it"):
            lab.spawn("inside", ["no-such-program"])
        with pytest.raises(LabError, match="user 'no-such-user' does not exist"):
            lab.spawn("inside", ["true"], user="no-such-user")

    def test_close_ends_what_still_runs(self, runtime: Path) -> None:
        from emulator.lab.lab import Lab

        one = Lab(load(), runtime=runtime)
        orphan = one.run("outside", ["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], 10).stdout
        script = "trap '' TERM; echo ready; while :; do sleep 60; done"
        process = one.spawn("inside", ["sh", "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        holder = one.pid("inside")
        one.close()
        one.close()
        assert process.returncode == -signal.SIGKILL
        assert start_time(holder) is None
        assert start_time(int(orphan)) is None
        with pytest.raises(LabError, match="the lab is gone"):
            one.spawn("inside", ["true"])


def test_two_labs_do_not_meet(lab: Any, runtime: Path) -> None:
    from emulator.lab.lab import Lab

    server = listen(lab, lab.addresses["peer"], [4000], [])
    try:
        with Lab(load(), runtime=runtime) as other:
            lab.apply(SCENARIOS / "open.nft")
            other.apply(SCENARIOS / "block-all.nft")
            assert dial(lab, [("tcp", lab.addresses["peer"], 4000)]) == {"tcp/4000": "answer"}
            assert dial(other, [("tcp", other.addresses["peer"], 4000)], limit=0.3) == {"tcp/4000": "silence"}
    finally:
        end(server, grace=0)


def test_this_machine_has_what_the_lab_needs() -> None:
    found = {one.name: one.ok for one in check()}
    assert all(found[name] for name in ("linux", "rights", "namespaces", "links", "nft", "nft-rules"))
    assert all(one.remedy and one.costs for one in check())


def test_without_rights_the_remedy_is_named() -> None:
    """In a forked child that is nobody, because the interpreter itself may be closed to other users."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            hold()
        except LabError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        complaint = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert "no network namespace can be made" in complaint
    assert "`messenger-lab doctor` says what forbids it, or run as root" in complaint
