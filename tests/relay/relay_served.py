"""Starts a relay of ours in a process of its own and knows credentials for it. Holds no test."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from types import TracebackType

import pytest

from emulator.wire.shared_secret import derive_password

ADDRESS = "127.0.0.71"
KEY = bytes(range(32))


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


def credentials(name: bytes = b"u" * 20) -> tuple[str, str]:
    """Username and password of an ordinary client: both base64."""
    return b64encode(name).decode(), b64encode(derive_password(KEY, name)).decode()


def free_port() -> int:
    """A port that is free for UDP and, just now, for TCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((ADDRESS, 0))
        return int(sock.getsockname()[1])


class RelayProcess:
    """One relay on a port (0: a free one); `left` is how many allocations it held at the end."""

    def __init__(self, port: int = 0, *, reactor: str = "epoll", **limits: int) -> None:
        self.port = port = port or free_port()
        self._argv = [sys.executable, str(Path(__file__).with_name("relay_process.py")), reactor, ADDRESS, str(port)]
        self._argv += [KEY.hex(), json.dumps(limits)]
        self.left = -1

    def __enter__(self) -> RelayProcess:
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        out, _ = self._process.communicate(timeout=20)
        if error is None:
            self.left = json.loads(out)["held"]
            assert self._process.returncode == 0
