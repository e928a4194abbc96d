"""One lab with its emulator for all tests that load rules and run scenarios: building it costs seconds. Not a test.

Each run applies its own rules first, so none sees another's. Rules that were run through are not run through again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.catalog import load
from emulator.judge.record import PassRecord

SCENARIO = """
id = "trial"
title = { en = "A trial", pt = "Um teste" }
about = "rules of one test"
firewall = "trial.nft"
[expect]
"""
SEED = "0011"
FORWARD = """
table inet lab {{
  chain forward {{
    type filter hook forward priority 0; policy accept;
    {}
  }}
}}
"""
OPEN = FORWARD.format("")
TRANSLATED = (
    OPEN
    + """
table ip nat {
  chain out {
    type nat hook postrouting priority 100;
    oifname "outside" masquerade random
  }
}
"""
)
PATIENT = 5.0  # seconds for one stage: where everything passes, nothing is waited for, however busy the machine is
HURRIED = 1.5  # where something is silent


class Trials:
    """`lab` is the lab, `join` the join file of its emulator."""

    def __init__(self, lab: Any, join: Path, place: Path) -> None:
        self.lab = lab
        self.join = join
        self._place = place
        self._known: dict[tuple[str, int], PassRecord] = {}

    def run(
        self, file: Path, *, only: int = 0, seed: str = SEED, samples: int = 1, timeout: float = HURRIED
    ) -> PassRecord:
        """One pass of a scenario file, and its rules."""
        from emulator.runner.inlab import LabRunner
        from emulator.runner.passes import Options
        from emulator.scenario.load import load as load_scenario

        scenario = load_scenario(str(file), load(), cwd=file.parent)
        runner = LabRunner(self.lab, self.join, Options(seed=seed, samples=samples, timeout=timeout))
        return runner.run(file, scenario, scenario.passes[only], lambda done, total: None)

    def through(self, rules: str, *, samples: int = 1) -> PassRecord:
        """Everything, through the rules (nft) that a test gives; several tests may look at the same run."""
        key = (rules, samples)
        if key not in self._known:
            (self._place / "trial.nft").write_text(rules)
            (self._place / "trial.toml").write_text(SCENARIO)
            timeout = PATIENT if rules == OPEN else HURRIED
            self._known[key] = self.run(self._place / "trial.toml", samples=samples, timeout=timeout)
        return self._known[key]


@contextmanager
def trials(runtime: Path, place: Path) -> Iterator[Trials]:
    """Build the lab and start its emulator; both end with the block."""
    from emulator.lab.lab import Lab
    from emulator.runner.inlab import start_serve
    from emulator.runner.passes import Options

    catalog = load()
    with Lab(catalog, runtime=runtime) as lab:
        join, _ = start_serve(lab, catalog, Options(seed=SEED, samples=1), place / "certs")
        yield Trials(lab, join, place)
