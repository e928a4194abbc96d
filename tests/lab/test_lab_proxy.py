"""squid on the lab's firewall, driven by curl from inside."""

from __future__ import annotations

import os
import select
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traffic import dial, listen

from emulator.catalog import load
from emulator.lab import proxy
from emulator.lab.addressing import LabError
from emulator.lab.process import end

SCENARIOS = Path(__file__).parents[2] / "scenarios"
AGENT = load().note.agent
HOST = "gateway.messenger.hotmail.com"
GOOD = ("alice", "correct horse: battery")

needs_squid = pytest.mark.skipif(
    shutil.which("squid", path="/usr/sbin:/usr/bin") is None, reason="needs squid (package squid)"
)
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the curl command")


@pytest.fixture(scope="module")
def behind(lab: Any) -> Iterator[Any]:
    lab.apply(SCENARIOS / "proxy-note.nft")
    server = listen(lab, "0.0.0.0", [80, 443, 1863], [])
    yield lab
    lab.stop_proxy()
    end(server, grace=0)


def curl(lab: Any, *more: str, url: str = f"http://{HOST}/gateway/gateway.dll") -> str:
    """Status of the answer, and of the CONNECT before it: `200/000`, `407/000`, `000/403`."""
    command = ["curl", "-sS", "-o", "/dev/null", "--max-time", "5", "--proxy", lab.proxy_url]
    command += ["-w", "%{http_code}/%{http_connect}", *more, url]
    said: str = lab.run("inside", command, 20).stdout.decode()
    return said


NAMED = ("--proxy-basic", "--proxy-user", ":".join(GOOD))
WRONG = ("--proxy-basic", "--proxy-user", "alice:guess")
MESSENGER = ("-A", AGENT)
TUNNEL = ("--proxytunnel",)


@needs_squid
@needs_curl
@pytest.mark.parametrize(
    ("file", "options", "port", "status"),
    [
        ("squid-forced.conf", (), 80, "407/000"),
        ("squid-forced.conf", MESSENGER, 80, "407/000"),
        ("squid-forced.conf", WRONG, 80, "407/000"),
        ("squid-forced.conf", NAMED, 80, "200/000"),
        ("squid-forced.conf", (*NAMED, *MESSENGER), 80, "200/000"),
        ("squid-forced.conf", TUNNEL, 443, "000/407"),
        ("squid-forced.conf", (*TUNNEL, *MESSENGER), 443, "000/407"),
        ("squid-forced.conf", (*TUNNEL, *NAMED), 443, "200/200"),
        ("squid-forced.conf", (*TUNNEL, *NAMED), 1863, "000/403"),
        ("squid-forced.conf", TUNNEL, 1863, "000/407"),
        ("squid-forced.conf", NAMED, 1863, "403/000"),
        ("squid-exempt.conf", (), 80, "407/000"),
        ("squid-exempt.conf", MESSENGER, 80, "200/000"),
        ("squid-exempt.conf", ("-A", AGENT + " more"), 80, "407/000"),
        ("squid-exempt.conf", (*TUNNEL, *MESSENGER), 443, "200/200"),
        ("squid-exempt.conf", (*TUNNEL, *MESSENGER), 1863, "000/407"),
        ("squid-exempt.conf", TUNNEL, 443, "000/407"),
        ("squid-exempt.conf", NAMED, 80, "200/000"),
        ("squid-exempt.conf", (*TUNNEL, *NAMED), 443, "200/200"),
        ("squid-exempt.conf", (*TUNNEL, *NAMED), 1863, "000/403"),
    ],
)
def test_who_gets_through(behind: Any, file: str, options: tuple[str, ...], port: int, status: str) -> None:
    if behind.squid is None or behind.squid.configuration.name != file:
        behind.start_proxy(SCENARIOS / file, GOOD)
    assert curl(behind, *options, url=f"http://{HOST}:{port}/gateway/gateway.dll") == status


@needs_squid
@needs_curl
def test_every_host_resolves_and_nothing_else(behind: Any) -> None:
    squid = behind.start_proxy(SCENARIOS / "squid-forced.conf", GOOD)
    for name in load().host_names:
        assert curl(behind, *NAMED, url=f"http://{name}/") == "200/000", name
    assert curl(behind, *NAMED, url="http://www.example.com/") in ("502/000", "503/000")
    assert f"http://{HOST}/" in squid.access_log
    assert "alice" in squid.access_log


@needs_squid
def test_nobody_gets_round_the_proxy(behind: Any) -> None:
    behind.start_proxy(SCENARIOS / "squid-forced.conf", None)
    address = behind.addresses[HOST]
    wanted = [("tcp", address, 80), ("tcp", address, 443), ("udp", address, 7001), ("tcp", "192.0.2.1", 22)]
    assert set(dial(behind, wanted, limit=0.3).values()) == {"silence"}
    assert dial(behind, [("tcp", "203.0.113.1", 3128)], place="outside", limit=0.3) == {"tcp/3128": "silence"}


@needs_squid
@needs_curl
def test_stopping_leaves_nothing(behind: Any) -> None:
    squid = behind.start_proxy(SCENARIOS / "squid-forced.conf", GOOD)
    assert curl(behind, *NAMED) == "200/000"  # squid starts its helper when it first needs it
    helpers = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdecimal() and str(squid.directory).encode() in _line(path)
    ]
    assert len(helpers) >= 2
    assert (squid.directory / "passwords").stat().st_mode & 0o077 == 0
    assert GOOD[1] not in (squid.directory / "passwords").read_text()
    behind.stop_proxy()
    assert behind.squid is None
    assert not squid.directory.exists()
    for pid in helpers:
        assert _gone(pid)


def _gone(pid: int) -> bool:
    """Wait at most 5 s for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5)[0])
    finally:
        os.close(descriptor)


def _line(path: Path) -> bytes:
    try:
        return (path / "cmdline").read_bytes()
    except OSError:
        return b""


@needs_squid
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http_port @LISTEN@\nno_such_directive on\nacl x port eighty\n", r"squid ended at once.*eighty"),
        ("http_port @LISTEM@\n", r"unknown blank @LISTEM@\. Known: @LISTEN@, @AUTHENTICATOR@, @PASSWORDS@"),
        (None, r"No such file or directory\. Name an existing squid file"),
    ],
)
def test_files_that_cannot_work_are_named(lab: Any, tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "bad.conf"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LabError, match=rf"(?s)bad\.conf: .*{message}"):
        lab.start_proxy(path, GOOD)
    assert lab.squid is None


def test_a_missing_squid_names_the_package(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy.shutil, "which", lambda name, path=None: None)
    with pytest.raises(LabError, match="squid is missing: install the package `squid`"):
        lab.start_proxy(SCENARIOS / "squid-forced.conf", None)


def test_comments_keep_their_blanks(tmp_path: Path) -> None:
    filled = proxy.fill("# @PASSWORDS@ is a blank\nx @PASSWORDS@\n", tmp_path, Path("/run/p"))
    assert filled == "# @PASSWORDS@ is a blank\nx /run/p/passwords"
