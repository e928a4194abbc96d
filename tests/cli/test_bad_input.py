"""What a person gives wrong: one clear message that names file, field and remedy, and exit code 2. No traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from emulator.catalog import load
from emulator.cli.main import main
from emulator.wire import join as join_file
from emulator.wire.join import Join

CATALOG = load()
SCENARIO = """
id = "mine"
title = { en = "Mine", pt = "Minha" }
about = "x"
[expect.outcomes]
audio = "works"
[[expect.flows]]
rows = ["*"]
must = "pass"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(join_file.VARIABLE, raising=False)
    monkeypatch.setenv("COLUMNS", "4000")
    return tmp_path


def say(*arguments: str, code: int = 2, **more: Any) -> str:
    """What the command says; it must end with `code` and without a traceback."""
    result = CliRunner().invoke(main, list(arguments), **more)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.output


def join(**changes: Any) -> str:
    now = time.time()
    given: dict[str, Any] = {
        "format": 1,
        "emulator": "messenger-lab 0",
        "created": now,
        "expires": now + 60,
        "control": ("https://127.0.0.1:1",),
        "pin": "00" * 32,
        "token": "00" * 32,
        "seed": "00ff",
        "samples": 0,
        "relay_key": "00" * 32,
        "catalog": CATALOG.digest,
        "root": "",
        "addresses": {"peer": "127.0.0.1"},
    }
    return join_file.dump(Join(**(given | changes)))


class TestScenarios:
    """Scenario files and names, for `run` and `demo` alike; `run` reads them before it looks for a join file."""

    @pytest.mark.parametrize("command", ["run", "demo"])
    def test_an_unknown_name_shows_what_comes_close(self, command: str) -> None:
        said = say(command, "no-1864")
        assert "unknown scenario 'no-1864'" in said
        assert "did you mean no-1863" in said
        assert "web-only" in said

    def test_a_missing_file(self) -> None:
        assert "mine.toml: no such file" in say("run", "./mine.toml")

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ('id = "mine"', "id = ", "not TOML"),
            ('about = "x"', 'about = "x"\ncolour = "red"', "colour"),
            ('about = "x"', "", "about"),
            ('must = "pass"', 'must = "fly"', "must"),
            ('must = "pass"', 'must = "pass"\nports = "70000"', "70000"),
            ('must = "pass"', 'must = "pass"\nports = "0"', "'0' is impossible"),
            ('must = "pass"', 'must = "pass"\nports = "90-80"', "low end first"),
            ('must = "pass"', 'must = "pass"\nports = "http"', "'http' is no port"),
            ('rows = ["*"]', 'rows = ["whiteboard-tcp-1504"]', "whiteboard-tcp-1503"),
            ('audio = "works"', 'audoi = "works"', "audio"),
            ('audio = "works"', 'audio = "fine"', "audio"),
            ('must = "pass"', 'must = "stop"\nhow = ["blocked.rts"]', "blocked.rst"),
            ('about = "x"', 'about = "x"\nfirewall = "none.nft"', "none.nft"),
        ],
    )
    def test_a_broken_file_is_named_with_key_and_remedy(
        self, elsewhere: Path, old: str, new: str, complaint: str
    ) -> None:
        assert old in SCENARIO
        (elsewhere / "mine.toml").write_text(SCENARIO.replace(old, new))
        said = say("run", "./mine.toml")
        assert "mine.toml" in said
        assert complaint in said

    def test_an_unknown_pass_names_the_known_ones(self, elsewhere: Path) -> None:
        (elsewhere / "join.toml").write_text(join(addresses=dict.fromkeys(_hosts(), "127.0.0.1")))
        said = say("run", "proxy-note", "--join", "join.toml", "--pass", "nonsense")
        assert "'nonsense'" in said
        assert "forced" in said

    def test_a_missing_argument_is_usage(self) -> None:
        assert "SCENARIO" in say("run")


class TestJoinFiles:
    """Everything that can be wrong with the file that a person carries."""

    def tried(self, text: str, source: str = "join.toml") -> str:
        Path("join.toml").write_text(text)
        return say("run", "open", "--join", source)

    def test_missing(self) -> None:
        said = say("run", "open", "--join", "nowhere.toml")
        assert "nowhere.toml: No such file" in said

    def test_a_directory(self, elsewhere: Path) -> None:
        assert "Is a directory" in say("run", "open", "--join", str(elsewhere))

    def test_expired(self) -> None:
        said = self.tried(join(expires=time.time() - 90))
        assert "join.toml: field `expires`: it expired 9" in said
        assert "start serve again" in said

    def test_another_catalog(self) -> None:
        said = self.tried(join(catalog="ab" * 32))
        assert "field `catalog` is abababababab…" in said
        assert "same messenger-lab version at both ends" in said

    def test_another_format(self) -> None:
        assert "field `format` is 2" in self.tried(join(format=2))

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "format"),
            ("not toml at all", "not a join file"),
            ("\0\1\2", "not a join file"),
            (join().replace("samples = 0", ""), "samples"),
            (join().replace("samples = 0", 'samples = "many"'), "$.samples"),
            (join().replace("samples = 0", "samples = 0\nsurprise = 1"), "surprise"),
        ],
    )
    def test_malformed(self, text: str, complaint: str) -> None:
        said = self.tried(text)
        assert "join.toml" in said
        assert complaint in said

    def test_the_variable_is_named(self) -> None:
        said = say("run", "open", env={join_file.VARIABLE: "not base64!"})
        assert "MESSENGER_LAB_JOIN: not one base64 line" in said

    def test_standard_input_is_named(self) -> None:
        assert "standard input: not a join file" in say("run", "open", "--join", "-", input="rubbish")

    @pytest.mark.parametrize("key", ["relay_key", "seed"])
    def test_hexadecimal_fields(self, key: str) -> None:
        said = self.tried(join(**{key: "not hex"}))
        assert f"field `{key}`" in said

    def test_a_host_that_the_emulator_does_not_play(self) -> None:
        said = self.tried(join())
        assert "field `addresses`" in said
        assert "login.live.com" in said


class TestOptions:
    """Values on the command line."""

    @pytest.mark.parametrize(
        ("url", "complaint"),
        [
            ("nonsense", "http://[user:password@]host:port"),
            ("socks5://192.0.2.1:1080", "http://[user:password@]host:port"),
            ("https://192.0.2.1:3128", "http://[user:password@]host:port"),
            ("http://", "http://[user:password@]host:port"),
            ("http://192.0.2.1:99999", "impossible port"),
            ("http://192.0.2.1:http", "impossible port"),
            ("http://[::1", "http://[user:password@]host:port"),
        ],
    )
    def test_proxies(self, elsewhere: Path, url: str, complaint: str) -> None:
        (elsewhere / "join.toml").write_text(join(addresses=dict.fromkeys(_hosts(), "127.0.0.1")))
        said = say("run", "open", "--join", "join.toml", "--proxy", url)
        assert complaint in said

    def test_a_password_is_not_repeated(self, elsewhere: Path) -> None:
        (elsewhere / "join.toml").write_text(join(addresses=dict.fromkeys(_hosts(), "127.0.0.1")))
        said = say("run", "open", "--join", "join.toml", "--proxy", "https://alice:opal@192.0.2.1:3128")
        assert "opal" not in said
        assert "alice" not in said

    def test_a_proxy_in_the_lab_is_the_scenarios_business(self) -> None:
        assert "--proxy needs --join" in say("run", "open", "--proxy", "http://192.0.2.1:3128")

    @pytest.mark.parametrize(
        "arguments",
        [("run", "open"), ("demo", "open"), ("lab", "up"), ("serve", "--address", "127.0.0.1")],
        ids=lambda arguments: arguments[0],
    )
    @pytest.mark.parametrize("seed", ["xyz", "abc"])
    def test_seeds(self, arguments: tuple[str, ...], seed: str) -> None:
        assert f"--seed '{seed}': give it in hexadecimal" in say(*arguments, "--seed", seed)

    @pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
    def test_a_report_that_cannot_be_written_is_refused_before_the_run(self, elsewhere: Path, option: str) -> None:
        assert "there is no directory" in say("run", "open", option, "nowhere/report")
        assert "is a directory" in say("run", "open", option, str(elsewhere))

    def test_an_output_that_is_a_file(self, elsewhere: Path) -> None:
        (elsewhere / "taken").write_text("")
        assert "taken: File exists" in say("demo", "open", "--output", "taken")

    @pytest.mark.parametrize("option", [("--samples", "-1"), ("--samples", "513"), ("--timeout", "0")])
    def test_ranges(self, option: tuple[str, str]) -> None:
        assert option[0] in say("run", "open", *option)


class TestServe:
    """Addresses and files for the emulator."""

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            ((), "serve needs --address"),
            (("--address", "outside.example"), "'outside.example' is no IPv4 address"),
            (("--address", "::1"), "'::1' is no IPv4 address"),
            (("--address", "127.0.0.1", "--second", "x"), "--second: 'x' is no IPv4 address"),
            (("--address", "127.0.0.1", "--control", "x"), "'x' is no IPv4 address"),
            (("--address", "127.0.0.1", "--dns", "x"), "'x' is no IPv4 address"),
            (("--address", "127.0.0.1", "--control-port", "70000"), "--control-port"),
            (("--addresses", "nowhere.toml"), "nowhere.toml: No such file"),
            (("--addresses", "broken.toml"), "broken.toml"),
            (("--addresses", "short.toml"), "no address for"),
            (("--addresses", "wrong.toml"), "wrong.toml: login.live.com: 'here' is no IPv4 address"),
        ],
    )
    def test_arguments(self, elsewhere: Path, arguments: tuple[str, ...], complaint: str) -> None:
        (elsewhere / "broken.toml").write_text("not = [toml")
        (elsewhere / "short.toml").write_text('"login.live.com" = "127.0.0.1"\n')
        (elsewhere / "wrong.toml").write_text("".join(f'"{name}" = "here"\n' for name in _hosts()))
        assert complaint in say("serve", *arguments)


def _hosts() -> list[str]:
    hosts = [*CATALOG.host_names, "peer", "second"]
    hosts.remove("login.live.com")
    return ["login.live.com", *hosts]


def test_an_unknown_command_is_usage() -> None:
    assert "No such command" in say("dmeo")


@pytest.mark.parametrize("name", ["demo", "run", "serve", "lab", "catalog", "certs", "doctor"])
def test_every_command_explains_itself(name: str) -> None:
    assert "Usage" in say(name, "--help", code=0)


def test_the_environment_is_clean() -> None:
    assert join_file.VARIABLE not in os.environ
