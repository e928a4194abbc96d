"""Lab tests of this folder skip where no lab can be."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = ""
    if sys.platform != "linux":
        why = "the lab needs Linux"
    elif os.geteuid() != 0:
        why = "these tests need root; those of an ordinary user are in tests/rootless"
    elif shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None:
        why = "the lab needs nft (package nftables)"
    for item in items:
        if Path(__file__).parent in item.path.parents and "lab" in item.keywords and why:
            item.add_marker(pytest.mark.skip(reason=why))
