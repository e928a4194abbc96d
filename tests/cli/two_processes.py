"""`serve` and `run` as processes in the private network. Not a test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from private_network import PrivateNetwork, lab

SEED = "2d74475266212b87"


WHERE = ("--address", "127.0.0.1", "--second", "127.0.0.2")


def with_another(field: str, join: Path) -> str:
    """The text of a join file in which the first digit of a field is surely another one."""
    pattern = rf'(?m)^{field} = "(.)'
    text, count = re.subn(pattern, lambda found: f'{field} = "{"1" if found[1] == "0" else "0"}', join.read_text())
    assert count == 1
    return text


class Serve:
    """A running `serve`, started in the private network; `ready` once its join file is written."""

    def __init__(
        self,
        network: PrivateNetwork,
        place: Path,
        *arguments: str,
        nobody: bool = False,
        where: tuple[str, ...] = WHERE,
    ) -> None:
        self.join = place / "join.toml"
        argv = lab(
            *("serve", *where, "--samples", "2", "--seed", SEED),
            *("--certs", str(place / "certs"), "--join-out", str(self.join), *arguments),
        )
        # To files: nobody reads along, and a full pipe would stop it.
        self.out, self.err = place / "serve.out", place / "serve.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            environment = os.environ | {"COLUMNS": "4000"}
            self.process = network.start(*argv, nobody=nobody, stdout=out, stderr=err, cwd=place, env=environment)
        self._await_join()

    def _await_join(self) -> None:
        for _ in range(400):
            if self.join.exists():
                return
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(f"serve did not start: {self.err.read_text()}")

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)
            assert self.process.stdin is not None
            self.process.stdin.close()


class Runs:
    """Runs `messenger-lab` in the private network."""

    def __init__(self, network: PrivateNetwork) -> None:
        self.network = network

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, **more: Any) -> Any:
        environment = os.environ | {"COLUMNS": "4000"} | dict(env or {})
        if not env:
            environment.pop("MESSENGER_LAB_JOIN", None)
        return self.network.run(*lab(*arguments), env=environment, **more)
