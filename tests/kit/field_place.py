"""A lab with an emulator outside, as tests of bundles and vantages use it. Not a test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).parents[2] / "scenarios"


class Field:
    """A lab, the emulator outside, its join file, and a place for files."""

    def __init__(self, lab: Any, join: Path, place: Path) -> None:
        self.lab, self.join, self.place = lab, join, place

    def apply(self, scenario: str) -> None:
        """Load the rules of a scenario."""
        self.lab.apply(SCENARIOS / f"{scenario}.nft")

    def outside(self, *arguments: str, limit: float = 60.0) -> Any:
        """`messenger-lab` outside."""
        return self.lab.run("outside", [sys.executable, "-m", "emulator", *arguments], limit)

    def new(self, name: str) -> Path:
        """An empty place of a machine inside, with its directory for temporary files."""
        place = self.place / name
        (place / "tmp").mkdir(parents=True)
        return place
