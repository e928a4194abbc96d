"""The pytest plugin, as a suite of somebody else uses it: collected, selected, run by workers, retried, cleaned up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as tree
from pathlib import Path
from textwrap import dedent

import pytest
from private_network import PrivateNetwork

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PROXY_NOTE = ("proxy-note.toml", "proxy-note.nft", "squid-forced.conf", "squid-exempt.conf")
PASSING = """
id = "{name}"
title = {{ en = "A trial", pt = "Um teste" }}
about = "x"
{more}
[expect.outcomes]
sign-in = "{sign_in}"
whiteboard = "works"
[expect.journeys]
legacy-session = "done"
[[expect.flows]]
rows = ["whiteboard", "contacts"]
must = "pass"
"""

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="documented ports on loopback need Linux and root"
)


class Suite:
    """A suite of somebody else's in a directory; pytest runs in the private network, where every port is free."""

    def __init__(self, path: Path, network: PrivateNetwork) -> None:
        self.path = path
        self._network = network
        self.runtime = path / "runtime"
        self.ini("addopts = --strict-markers", "filterwarnings = error")

    def _environment(self) -> dict[str, str]:
        return os.environ | {"COLUMNS": "300", "XDG_RUNTIME_DIR": str(self.runtime)}

    def ini(self, *lines: str) -> None:
        (self.path / "pytest.ini").write_text("\n".join(("[pytest]", *lines, "")))

    def file(self, name: str, text: str) -> None:
        (self.path / name).write_text(dedent(text))

    def shipped(self, *names: str) -> Path:
        """Copies of what ships, so that the suite's own configuration holds; the path of the first."""
        for name in names:
            shutil.copy(SCENARIOS / name, self.path)
        return self.path / names[0]

    def scenario(self, name: str = "trial", more: str = "", sign_in: str = "works") -> Path:
        file = self.path / f"{name}.toml"
        file.write_text(PASSING.format(name=name, more=more, sign_in=sign_in))
        return file

    def run(self, *arguments: str | Path, twisted: bool = False) -> subprocess.CompletedProcess[str]:
        plain = () if twisted else ("-p", "no:twisted")
        command = (sys.executable, "-m", "pytest", *plain, *map(str, arguments))
        done = self._network.run(*command, limit=120, cwd=self.path, env=self._environment())
        assert "INTERNALERROR" not in done.stdout + done.stderr
        return done


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """From pytest's last line."""
    last = done.stdout.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last.partition(" in ")[0])}


@pytest.fixture
def suite(tmp_path: Path, private_network: PrivateNetwork) -> Suite:
    return Suite(tmp_path, private_network)


class TestCollecting:
    def test_every_expectation_is_an_item_before_anything_is_run(self, suite: Suite) -> None:
        said = suite.run("--collect-only", "-q", suite.shipped("web-only.toml", "web-only.nft")).stdout
        for name in ("outcome/games", "journey/session", "flows/1/login-https", "flows/2/whiteboard-tcp-1503", "rest"):
            assert f"web-only.toml::{name}\n" in said

    def test_passes_are_named_where_there_are_several(self, suite: Suite) -> None:
        said = suite.run("--collect-only", "-q", suite.shipped(*PROXY_NOTE)).stdout
        assert "proxy-note.toml::forced-with/outcome/sign-in\n" in said

    @pytest.mark.parametrize(
        ("select", "first"),
        [
            (("-k", "whiteboard and outcome"), "outcome/whiteboard"),
            (("-k", "blocked.drop.outbound and games"), "flows/2/games-tcp-1863"),
            (("-m", "messenger_feature(id='whiteboard')"), "outcome/whiteboard"),
            (("-m", "messenger_verdict(name='pass')"), "flows/1/sign-in-tcp-80"),
        ],
    )
    def test_items_are_selected_by_feature_and_verdict(self, suite: Suite, select: tuple[str, str], first: str) -> None:
        said = suite.run(
            "--collect-only", "-q", *select, suite.shipped("web-only.toml", "web-only.nft")
        ).stdout.splitlines()
        items = [line for line in said if "::" in line]
        assert items[0].endswith(f"web-only.toml::{first}")
        assert 1 <= len(items) < 50

    def test_no_other_toml_file_is_touched(self, suite: Suite) -> None:
        (suite.path / "pyproject.toml").write_text("[tool.other]\n")
        (suite.path / "broken.toml").write_text("no toml")
        suite.scenario()
        assert suite.run("--collect-only").returncode == 5  # nothing was named, nothing collected

    def test_patterns_of_the_ini_file(self, suite: Suite) -> None:
        suite.ini("messenger_scenarios = cases/*.toml")
        (suite.path / "cases").mkdir()
        suite.scenario().rename(suite.path / "cases" / "trial.toml")
        suite.scenario("other")
        said = suite.run("--collect-only", "-q").stdout
        assert "cases/trial.toml::outcome/sign-in" in said
        assert "other.toml" not in said

    def test_a_malformed_scenario_is_said_as_the_command_says_it(self, suite: Suite) -> None:
        file = suite.scenario()
        file.write_text(file.read_text().replace("whiteboard =", "blackboard ="))
        done = suite.run(file)
        assert done.returncode == 2
        assert "unknown feature 'blackboard'" in done.stdout


@needs_root
class TestRunning:
    def test_by_two_workers_with_the_reports_of_pytest(self, suite: Suite) -> None:
        """Against an emulator of the suite's own; each pass runs once, whoever asks."""
        suite.shipped("test_own_client.py", "test_device.py")
        done = suite.run("-n", "2", "--junitxml=out.xml", "--messenger-samples=0", suite.path)
        assert counts(done) == {"passed": 8}, done.stdout[-3000:]
        cases = tree.parse(suite.path / "out.xml").getroot().findall(".//testcase")
        assert {case.get("name") for case in cases} >= {"test_people_can_use[games]", "test_whoever_signs_in_can_chat"}

    def test_scenario_items_against_a_join_file(self, suite: Suite) -> None:
        suite.file(
            "conftest.py",
            """
            from pathlib import Path
            from emulator.pytest_plugin.commands import Emulator

            def pytest_configure(config):
                if not hasattr(config, "workerinput"):
                    config.emulator = Emulator(Path("."))

            def pytest_unconfigure(config):
                if hasattr(config, "emulator"):
                    assert config.emulator.close() == 0
            """,
        )
        good = suite.scenario("good")
        bad = suite.scenario("bad", sign_in="broken")
        later = suite.scenario("later", 'skip = "on Monday"')
        options = ("--messenger-join=join.toml", "--messenger-samples=0", "--messenger-timeout=2")
        done = suite.run("-n", "2", "-rs", *options, good, bad, later)
        assert counts(done) == {"failed": 1, "passed": 11, "skipped": 6}, done.stdout[-3000:]
        assert "bad outcome/sign-in: expected broken, got works" in done.stdout
        assert "on Monday" in done.stdout

    def test_a_flake_passes_and_is_marked(self, suite: Suite) -> None:
        """The emulator comes up after the first run has failed: as expected only when run again."""
        suite.file(
            "conftest.py",
            """
            from pathlib import Path
            from emulator.pytest_plugin import runs
            from emulator.pytest_plugin.commands import Emulator

            first = runs.Runs.attempt

            def attempt(self, file, one, number):
                if number == 0:
                    return first(self, file, one, number)
                text = Path("join.toml").read_text().replace("127.0.0.77", self.address)
                Path("join.toml").write_text(text)
                return first(self, file, one, number)

            def pytest_configure(config):
                config.emulator = Emulator(Path("."))
                text = Path("join.toml").read_text()
                head, mark, hosts = text.partition("[addresses]")
                runs.Runs.address = config.emulator.address
                Path("join.toml").write_text(head + mark + hosts.replace(config.emulator.address, "127.0.0.77"))
                runs.Runs.attempt = attempt

            def pytest_unconfigure(config):
                config.emulator.close()
            """,
        )
        arguments = (suite.scenario(), "--messenger-join=join.toml", "--messenger-samples=0", "--messenger-timeout=1")
        done = suite.run(*arguments, "--messenger-retries=1", "--junitxml=out.xml", "-k", "outcome")
        assert done.returncode == 0
        assert counts(done) == {"deselected": 4, "flaky": 2}
        assert "FLAKY trial.toml::outcome/sign-in: met in run 2; the first time: trial outcome/sign-in" in done.stdout
        properties = tree.parse(suite.path / "out.xml").getroot().findall(".//property[@name='messenger_flake']")
        assert len(properties) == 2

    def test_nothing_of_twisted_is_in_the_process_of_the_tests(self, suite: Suite) -> None:
        suite.file(
            "test_script.py",
            """
            import sys

            def test_the_emulator_is_elsewhere(messenger_emulator, messenger_probe):
                assert messenger_probe.run().outcome("whiteboard") == "works"
                assert "twisted.internet.reactor" not in sys.modules
            """,
        )
        assert counts(suite.run("--messenger-samples=0")) == {"passed": 1}

    def test_beside_pytest_twisted(self, suite: Suite) -> None:
        suite.file(
            "test_script.py",
            """
            import pytest_twisted
            from twisted.internet import reactor
            from twisted.internet.task import deferLater

            @pytest_twisted.inlineCallbacks
            def test_a_reactor_of_the_suites_own(messenger_emulator):
                before = set(reactor.getReaders())
                yield deferLater(reactor, 0, lambda: None)
                assert set(reactor.getReaders()) == before
                assert messenger_emulator.address.startswith("127.")
            """,
        )
        assert counts(suite.run("--reactor=asyncio", twisted=True)) == {"passed": 1}


@needs_root
def test_in_a_lab_that_is_gone_at_the_end(suite: Suite) -> None:
    suite.shipped("test_one_rule.py")
    web_only = suite.shipped("web-only.toml", "web-only.nft")
    done = suite.run("--messenger-samples=0", "--messenger-timeout=1.5", suite.path, web_only, "-k", "6891 or outcome")
    assert done.returncode == 0
    assert counts(done)["passed"] == 14, done.stdout  # 12 outcomes, the row 6891-6900, the script's rule
    assert [path.name for path in suite.runtime.rglob("*") if path.is_file() and path.suffix != ".log"] == []
