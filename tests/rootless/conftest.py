"""What an ordinary user does, without any right. Skips where this machine lets no such user make user namespaces."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from endings import in_any_case
from ordinary_user import OrdinaryUser

TRIAL = ("unshare", "--user", "--map-root-user", "--net", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="module")
def user() -> Iterator[OrdinaryUser]:
    if sys.platform != "linux":
        pytest.skip("the lab needs Linux")
    if shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("the lab needs nft (package nftables)")
    one = OrdinaryUser()

    def end() -> None:
        for name in ("lab", "second"):
            one.run("lab", "down", "--name", name)
        one.close()

    with in_any_case(end):
        trial = subprocess.run(one.argv(*TRIAL), capture_output=True, text=True, check=False, timeout=10)
        if trial.returncode != 0:
            pytest.skip(f"no user namespace for ordinary users on this machine: {trial.stderr.strip()}")
        yield one
