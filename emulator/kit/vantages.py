"""Vantages on other machines: a bundle goes there over ssh (execnet), runs from there, its record comes back.

Not the merging of their records. Each runs in a thread of its own; one that fails disturbs no other.
"""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import execnet
import msgspec

from emulator.judge.record import RunRecord
from emulator.kit import remote
from emulator.problems import BadInput

PIECE = 1 << 20  # bytes of a bundle in one message
CONNECT_LIMIT = 10  # seconds
ALIVE_EVERY, ALIVE_MISSED = 5, 3  # seconds between two signs of life on the ssh connection; how many may be missed
GRACE = 20.0  # seconds for those that were asked to stop, then they are given up
TERMINATE_LIMIT = 5.0  # seconds for ssh to end
FORM = "[NAME=]user@host[:port] or [NAME=]ssh:host[:port]"
_TARGET = re.compile(
    r"(?:(?P<name>[\w.+ -]+)=)?(?:ssh:)?(?P<host>(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][\w.-]*)(?::(?P<port>\d{1,5}))?"
)


class Vantage(msgspec.Struct, frozen=True):
    """A place that ssh reaches. `host` as ssh takes it (user@host, or a name that it knows); `port` 0: its own."""

    name: str
    host: str
    port: int = 0


class Order(msgspec.Struct, frozen=True):
    """What all of them do: the bundle, the join file's text, arguments of `run`."""

    bundle: bytes
    join: str
    arguments: tuple[str, ...]
    ssh_config: Path | None = None


def parse(text: str) -> Vantage:
    """Raises BadInput when it is none that ssh could reach."""
    found = _TARGET.fullmatch(text)
    port = int(found["port"] or 0) if found else 0
    if found is None or port > 65535:
        raise BadInput(f"--vantage {text!r}: give {FORM}, or a plain name for this place")
    return Vantage(found["name"] or found["host"], found["host"], port)


class Lost(Exception):
    """A vantage has no record to give; the text says why."""


class Visit(threading.Thread):
    """One vantage under way. When the thread has ended, there is a `record`, or `why` there is none.

    `progress(name, done, total)` is called in this thread.
    """

    def __init__(self, vantage: Vantage, order: Order, progress: Callable[[str, int, int], None]) -> None:
        super().__init__(name=f"vantage-{vantage.name}", daemon=True)
        self.vantage = vantage
        self.record: RunRecord | None = None
        self.why = ""
        self._order = order
        self._progress = progress
        self._channel: Any = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self) -> None:
        # Ctrl-C is ours to answer: ssh, which inherits this, must live until the record has come.
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        directory = Path(tempfile.mkdtemp(prefix="messenger-lab-ssh-"))
        try:
            self.record = self._visit(directory / "log")
        except Lost as lost:
            self.why = str(lost)
        except Exception as problem:  # whatever it is, the others go on, and it is said
            self.why = f"{type(problem).__name__}: {problem}"
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def stop(self) -> None:
        """Have it end with what it has, as after Ctrl-C."""
        with self._lock:
            self._stopped = True
            if self._channel is not None:
                try:
                    self._channel.send("stop")
                except OSError:
                    pass  # the connection has just ended

    def _visit(self, log: Path) -> RunRecord:
        group = execnet.Group()
        try:
            channel = self._connect(group, log)
            return self._follow(channel)
        except EOFError as lost:
            raise Lost(f"the connection was lost half-way{_said(log)}") from lost
        except execnet.RemoteError as broken:
            raise Lost(f"python3 there gave up: {str(broken).strip().splitlines()[-1]}") from broken
        finally:
            group.terminate(TERMINATE_LIMIT)

    def _connect(self, group: Any, log: Path) -> Any:
        try:
            gateway = group.makegateway(specification(self.vantage, log, self._order.ssh_config))
            return self._send(gateway.remote_exec(remote))
        except FileNotFoundError as missing:
            raise Lost("there is no ssh on this machine: install an OpenSSH client") from missing
        except execnet.HostNotFound as refused:
            raise Lost(f"ssh cannot get in{_said(log)}") from refused
        except (EOFError, OSError) as ended:
            raise Lost(f"ssh got in, but no python3 (3.11 or newer) goes on there{_said(log)}") from ended

    def _send(self, channel: Any) -> Any:
        bundle = self._order.bundle
        pieces = [bundle[start : start + PIECE] for start in range(0, len(bundle), PIECE)]
        channel.send({"pieces": len(pieces), "join": self._order.join, "arguments": list(self._arguments())})
        for piece in pieces:
            channel.send(piece)
        with self._lock:
            self._channel = channel
            if self._stopped:
                channel.send("stop")
        return channel

    def _arguments(self) -> Sequence[str]:
        return (*self._order.arguments, "--vantage", self.vantage.name)

    def _follow(self, channel: Any) -> RunRecord:
        while True:
            match channel.receive():
                case ("progress", done, total):
                    self._progress(self.vantage.name, done, total)
                case ("record", code, bytes(data), words):
                    return _record(code, data, words)
                case ("failed", words):
                    raise Lost(words)


def visit(visits: Sequence[Visit], meanwhile: Callable[[], bool], stopped: Callable[[], bool]) -> None:
    """Start all, do something `meanwhile` (it says whether it was interrupted), wait for all.

    `stopped`: whether the end was asked for: then they hand back what they have, and are given up after GRACE seconds.
    """
    for one in visits:
        one.start()
    asked = meanwhile()
    deadline = 0.0
    while any(one.is_alive() for one in visits):
        if (asked or stopped()) and not deadline:
            deadline = monotonic() + GRACE
            for one in visits:
                one.stop()
        if deadline and monotonic() > deadline:
            return
        next(one for one in visits if one.is_alive()).join(0.1)


def specification(vantage: Vantage, log: Path, config: Path | None) -> str:
    """The gateway as execnet reads it. ssh never asks anything: keys, an agent, and known hosts are what it has."""
    options = f"-o BatchMode=yes -o ConnectTimeout={CONNECT_LIMIT} -o ServerAliveInterval={ALIVE_EVERY}"
    options += f" -o ServerAliveCountMax={ALIVE_MISSED} -E {log}"
    if vantage.port:
        options += f" -p {vantage.port}"
    return f"ssh={options} {vantage.host}//python=python3" + (f"//ssh_config={config}" if config else "")


def _record(code: int, data: bytes, words: str) -> RunRecord:
    if not data:
        said = words.strip().removeprefix("messenger-lab: ")
        raise Lost(said or f"the run there ended with code {code} and no record")
    try:
        return msgspec.json.decode(data, type=RunRecord)
    except (msgspec.DecodeError, msgspec.ValidationError) as problem:
        raise Lost(f"its record cannot be read: {problem}") from problem


def _said(log: Path) -> str:
    """What ssh wrote about it, its last lines."""
    try:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return ": " + " / ".join(lines[-3:]) if lines else ""
