"""A machine without any network installs from the wheelhouse. The whole of it is slow: it asks a package index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
SCRIPT = CHECKOUT / "docker" / "wheelhouse.sh"
# Stands for `python -m pip wheel --wheel-dir DIRECTORY`: no index is asked.
PIP = """#!/bin/sh
[ "$1" = -c ] && { echo "Python 3.11 on here"; exit 0; }
while [ "$1" != --wheel-dir ]; do shift; done
echo one > "$2/one-1-py3-none-any.whl"
echo two > "$2/two-1-py3-none-any.whl"
exit ${CODE:-0}
"""


def pack(place: Path, python: Path, *extras: str, **environment: str) -> Any:
    argv = ["sh", str(SCRIPT), str(python), str(place / "house"), *extras]
    given = {"capture_output": True, "text": True, "check": False, "timeout": 300}
    return subprocess.run(argv, cwd=CHECKOUT, env=os.environ | environment, **given)  # type: ignore[call-overload]


@pytest.fixture
def pip(tmp_path: Path) -> Path:
    path = tmp_path / "python"
    path.write_text(PIP)
    path.chmod(0o755)
    return path


def test_sums_and_the_two_lines_to_type(tmp_path: Path, pip: Path) -> None:
    done = pack(tmp_path, pip, "[test]")
    assert done.returncode == 0, done.stderr
    house = tmp_path / "house"
    sums = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(sums, cwd=house, capture_output=True, check=True).stdout.count(b": OK") == 2
    check, install = (house / "INSTALL.txt").read_text().splitlines()
    assert check.split()[:2] == ["sha256sum", "--check"]
    assert install.endswith("--no-index --find-links . 'messenger-lab[test]'")
    (house / "one-1-py3-none-any.whl").write_text("changed on the way")
    assert subprocess.run(sums, cwd=house, capture_output=True, check=False).returncode == 1


def test_what_fails_leaves_the_former_one(tmp_path: Path, pip: Path) -> None:
    assert pack(tmp_path, pip).returncode == 0
    before = (tmp_path / "house" / "SHA256SUMS").read_text()
    assert pack(tmp_path, pip, CODE="1").returncode == 1
    assert (tmp_path / "house" / "SHA256SUMS").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["house", "python"]


@pytest.mark.slow
def test_a_machine_without_network_installs_from_it(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a machine without network needs Linux and root")
    packed = pack(tmp_path, Path(sys.executable))
    if packed.returncode != 0:
        pytest.skip(f"no package index can be asked: {packed.stderr.strip()[-300:]}")
    assert "wheels" in packed.stdout

    def there(*argv: str) -> Any:
        same = os.path.dirname(os.path.realpath(sys.executable))  # the Python that the wheels are for
        bare = {"PATH": f"{same}:{os.environ['PATH']}", "HOME": str(tmp_path), "COLUMNS": "200"}
        given = {"capture_output": True, "text": True, "check": False, "timeout": 300, "env": bare}
        return subprocess.run(["unshare", "--net", *argv], cwd=tmp_path / "house", **given)  # type: ignore[call-overload]

    assert there(sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))").returncode == 1
    assert "messenger-lab" in (tmp_path / "house" / "INSTALL.txt").read_text()
    installed = there("sh", "-e", "INSTALL.txt")
    assert installed.returncode == 0, installed.stderr
    doctor = there("messenger-lab/bin/messenger-lab", "doctor")
    assert doctor.returncode in (0, 3), doctor.stderr  # what the machine lacks is not pip's to bring
    assert "need" in doctor.stdout
    catalog = there("messenger-lab/bin/messenger-lab", "catalog", "features")
    assert (catalog.returncode, "Whiteboard" in catalog.stdout) == (0, True), catalog.stderr
