"""The compose file and the scripts of its places, without an engine: the same networks, made of namespaces.

An independent program validates the file; what it says of addresses, settings, rights and health is then built and run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ordinary_user import CHECKOUT, OrdinaryUser

DOCKER = CHECKOUT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SCENARIO = "web-only"
PLACES = ("outside", "firewall", "inside")

needs_places = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="namespaces with addresses of their own need Linux and root"
)


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs docker-compose (package docker-compose)")
def test_an_independent_validator_takes_the_file() -> None:
    command = ["docker-compose", "-f", str(DOCKER / "compose.yaml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"SCENARIO": SCENARIO})
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert set(read["services"]) == set(PLACES)
    assert read["services"]["firewall"]["environment"]["SCENARIO"] == SCENARIO


def test_every_file_that_the_image_names_is_there() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for name in line.split():
            assert (CHECKOUT / name).exists(), name
    for place in PLACES:
        (script,) = COMPOSE["services"][place]["entrypoint"]
        assert (DOCKER / Path(script).name).stat().st_mode & 0o111


class Places:
    """Three network namespaces, joined as the compose file says."""

    def __init__(self, runtime: Path) -> None:
        self.user = OrdinaryUser()
        self.join, self.report = runtime / "join", runtime / "report"
        self._started: list[subprocess.Popen[str]] = []
        self._holders = {place: self._hold() for place in PLACES}
        for directory in (self.join, self.report):
            directory.mkdir()
            os.chown(directory, self.user.uid, self.user.uid)
        for name, network in COMPOSE["networks"].items():
            self._cable(name, network["ipam"]["config"][0]["subnet"].rpartition("/")[2])
        for place in PLACES:
            for key, value in COMPOSE["services"][place].get("sysctls", {}).items():
                self.run(place, "sh", "-c", f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    def _hold(self) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        return holder

    def _cable(self, network: str, prefix: str) -> None:
        """Every network of the file has two members."""
        ends = []
        for place in PLACES:
            mine = COMPOSE["services"][place]["networks"]
            if network in mine:
                ends.append((place, f"eth{sorted(mine).index(network)}", mine[network]["ipv4_address"]))
        (one, first, _), (other, second, _) = ends
        pid = str(self._holders[other].pid)
        self.run(one, *f"ip link add {first} type veth peer name {second} netns {pid}".split())
        for place, name, address in ends:
            self.run(place, "ip", "link", "set", "lo", "up")
            self.run(place, *f"ip address add {address}/{prefix} dev {name}".split())
            self.run(place, "ip", "link", "set", name, "up")

    def argv(self, place: str, *command: str) -> list[str]:
        return ["nsenter", "--net", "--target", str(self._holders[place].pid), "--", *self.user.as_root(*command)]

    def environment(self, place: str) -> dict[str, str]:
        said = {name: str(value) for name, value in COMPOSE["services"][place].get("environment", {}).items()}
        if "SCENARIO" in said:
            said["SCENARIO"] = SCENARIO
        own = {"JOIN": str(self.join), "REPORT": str(self.report), "PERSON": "nobody"}
        own |= {"SCENARIOS": str(CHECKOUT / "scenarios"), "HOME": str(self.user.home), "COLUMNS": "4000"}
        return said | own | {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/sbin:/usr/bin:/bin"}

    def run(self, place: str, *command: str) -> None:
        done = subprocess.run(self.argv(place, *command), capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr

    def script(self, place: str) -> subprocess.Popen[str]:
        """Start the entry point of a service."""
        name = Path(COMPOSE["services"][place]["entrypoint"][0]).name
        process = subprocess.Popen(
            self.argv(place, "sh", str(DOCKER / name)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(place),
            cwd=self.user.home,
        )
        self._started.append(process)
        return process

    def healthy(self, place: str) -> subprocess.CompletedProcess[str]:
        """The health check of the image, as its user."""
        line = re.search(r"HEALTHCHECK .* CMD (\[.*\])$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
        assert line is not None
        command = [word.replace("/join/", f"{self.join}/") for word in json.loads(line[1])]
        as_user = ("setpriv", "--reuid", "nobody", "--clear-groups", *command)
        return subprocess.run(
            self.argv(place, *as_user), capture_output=True, text=True, timeout=30, env=self.environment(place)
        )

    def close(self) -> None:
        for process in (*self._started, *self._holders.values()):
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate(timeout=10)
        self.user.close()


@pytest.fixture
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    runtime = tmp_path_factory.mktemp("places")
    for path in (runtime, *runtime.parents[:3]):
        path.chmod(path.stat().st_mode | 0o011)  # the user of the image passes through
    one = Places(runtime)
    try:
        yield one
    finally:
        one.close()


@needs_places
def test_the_places_of_the_compose_file_run_a_scenario_without_root(places: Places) -> None:
    firewall = places.script("firewall")
    assert firewall.stdout is not None
    assert firewall.stdout.readline() == f"loaded: {SCENARIO}\n"
    outside = places.script("outside")
    for _ in range(200):
        if (places.join / "join.toml").exists():
            break
        try:
            outside.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(outside.communicate()[1])
    assert places.healthy("outside").returncode == 0, places.healthy("outside").stderr
    assert owner(outside.pid) == (places.user.uid, "0" * 16)
    inside = places.script("inside")
    said, errors = inside.communicate(timeout=120)
    assert inside.returncode == 0, said + errors
    record = json.loads((places.report / "run.json").read_text())
    outcomes: dict[str, Any] = {one["feature"]: one for one in record["passes"][0]["outcomes"]}
    assert (outcomes["sign-in"]["outcome"], outcomes["sign-in"]["by"]) == ("degraded", "gateway")
    assert outcomes["whiteboard"]["outcome"] == "broken"
    assert {path.name for path in places.report.iterdir()} == {"run.json", "junit.xml", "report.html"}

    outside.terminate()
    assert outside.wait(10) == 0
    assert places.healthy("outside").returncode == 3


def owner(pid: int) -> tuple[int, str]:
    """User and effective capabilities (hex) of a process that became what it is by `exec`."""
    status = Path(f"/proc/{pid}/status").read_text()
    uid, caps = (
        re.search(r"^Uid:\t\d+\t(\d+)", status, re.MULTILINE),
        re.search(r"^CapEff:\t(\w+)", status, re.MULTILINE),
    )
    assert uid is not None
    assert caps is not None
    return int(uid[1]), caps[1]
