"""The three places of a lab that runs, whoever keeps it: start programs in them, load rules, start the proxy.

Not their making (that is `Lab`) and not their keeping: it holds pids, and closing it ends only what it started.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulator.lab import firewall, forget, namespaces, proxy
from emulator.lab.addressing import MGMT_INSIDE, MGMT_OUTSIDE, LabError, Place
from emulator.lab.process import Stream, end, start_in
from emulator.lab.runtime import PrivateDirectory

NFT_LIMIT = 30.0  # seconds


class Boxes:
    """inside, firewall and outside, each a network namespace held by a process.

    `addresses`: host name, `peer` and `second` to IPv4 address. `mgmt_inside`, `mgmt_outside`: the two ends of the
    link that goes round the firewall. Everything started here dies with the thread that started it.
    """

    mgmt_outside = MGMT_OUTSIDE
    mgmt_inside = MGMT_INSIDE
    proxy_url = proxy.URL

    def __init__(self, holders: Mapping[Place, int], addresses: Mapping[str, str], runtime: Path) -> None:
        self.addresses = dict(addresses)
        self._holders = dict(holders)
        self._runtime = runtime
        self._private: PrivateDirectory | None = None
        self._proxy: proxy.Proxy | None = None
        self._proxies = 0
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def directory(self) -> Path:
        """A directory of ours alone; gone when we are, also after SIGKILL."""
        if self._private is None:
            self._private = PrivateDirectory(self._runtime)
        return self._private.path

    @property
    def squid(self) -> proxy.Proxy | None:
        """The squid that runs now, if any."""
        return self._proxy

    def pid(self, place: Place) -> int:
        """Process that holds the namespace of a place (`nsenter --net --target PID`)."""
        return self._holders[place]

    def spawn(
        self,
        place: Place,
        argv: Sequence[str],
        *,
        user: str | None = None,
        own_memory: bool = False,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a place, in a session of its own, as `user` (default: ours).

        `own_memory`: with a /dev/shm of its own.
        It is ended by `close`, at the latest. Raises LabError: program or user missing, lab gone.
        """
        process = start_in(
            self.pid(place),
            argv,
            user=user,
            own_memory=own_memory,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
        )
        self._started = [one for one in self._started if one.poll() is None]
        self._started.append(process)
        return process

    def run(
        self, place: Place, argv: Sequence[str], timeout: float, *, data: bytes = b"", user: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program in a place to its end, `data` on its standard input; output as bytes.

        Raises subprocess.TimeoutExpired after `timeout` seconds (the program is killed) and LabError as `spawn` does.
        """
        pipe = subprocess.PIPE
        process = start_in(self.pid(place), argv, user=user, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            out, err = process.communicate(data, timeout)
        finally:
            end(process, grace=0)
        return subprocess.CompletedProcess(list(argv), process.returncode, out, err)

    def apply(self, path: Path) -> None:
        """Load an nft file into the firewall in place of all rules, and forget established connections.

        Raises LabError with file, line and remedy; the old rules then stay.
        """
        nft = firewall.program()
        firewall.load(path, lambda argv, data: self.run("firewall", [nft, *argv[1:]], NFT_LIMIT, data=data))
        # New rules must also judge what old rules had let in.
        forgotten = self.run("firewall", [sys.executable, "-I", "-S", forget.__file__], NFT_LIMIT)
        if forgotten.returncode != 0:
            raise LabError(f"established connections are not forgotten: {forgotten.stderr.decode().strip()}")

    def start_proxy(self, configuration: Path, credentials: tuple[str, str] | None) -> proxy.Proxy:
        """Start squid on the firewall (`proxy_url`) with a scenario's file, in place of one that runs.

        `credentials`: the one (name, password) it will accept. Returns when it listens. Raises LabError.
        """
        self.stop_proxy()
        self._proxies += 1
        self._proxy = proxy.start(
            configuration,
            self.directory / f"proxy-{self._proxies}",
            credentials,
            self.addresses,
            self._give_to_squid,
            self._spawn_squid,
        )
        return self._proxy

    def stop_proxy(self) -> None:
        """End squid, if one runs."""
        if self._proxy is not None:
            self._proxy.stop()
            self._proxy = None

    def close(self) -> None:
        """End all that was started here. May be called twice."""
        self.stop_proxy()
        for process in self._started:
            end(process)
        self._started.clear()
        if self._private is not None:
            self._private.close()
            self._private = None

    def _give_to_squid(self, paths: list[Path]) -> None:
        namespaces.give(self.pid("firewall"), proxy.USER, paths)

    def _spawn_squid(self, argv: list[str], directory: Path) -> subprocess.Popen[bytes]:
        with (directory / "output.log").open("wb") as log:
            return self.spawn(
                "firewall",
                argv,
                user=proxy.USER,
                own_memory=True,  # two squids would meet in the machine's, and a killed one leaves its pieces there
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath},
                cwd=directory,
            )
