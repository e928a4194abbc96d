"""Fixtures for scenario scripts: a lab whose rules a test sets, an emulator for one's own client, a probe from here.

All of them are for the session: what they build is built once, and is gone at its end.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

    from emulator.judge.record import PassRecord
    from emulator.pytest_plugin.commands import Emulator, NamedLab

SURVEY = "survey"  # the scenario that tries everything and expects nothing


class Result:
    """What one pass of a scenario found. `record` has all of it (`judge.record`)."""

    def __init__(self, record: PassRecord) -> None:
        self.record = record

    def __repr__(self) -> str:
        return f"<{self.record.id}: {', '.join(f'{one.feature} {one.words}' for one in self.record.outcomes)}>"

    def outcome(self, feature: str) -> str:
        """`works`, `degraded`, `broken` or `not-tested`. Raises KeyError for an unknown feature."""
        return str(self.outcomes[feature])

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcomes by feature."""
        return {one.feature: one.outcome for one in self.record.outcomes}

    def by(self, feature: str) -> str:
        """The fallback in use, or what is missing."""
        return {one.feature: one.by for one in self.record.outcomes}[feature]

    def verdicts(self, row: str, direction: str = "outward") -> Counter[str]:
        """Verdicts of the flows of a clause, an endpoint, a journey, or all clauses of a feature, counted."""
        found = Counter(
            item.verdict.verdict
            for item in self.record.judged
            if row in (item.flow.row, item.flow.feature) and item.flow.direction == direction
        )
        if not found:
            raise KeyError(row)
        return found

    def passed(self, row: str, direction: str = "outward") -> bool:
        """True when every flow of a row passed."""
        return set(self.verdicts(row, direction)) == {"pass"}

    def journey(self, name: str) -> str:
        """What became of a journey, in words: `done`, `done (gateway)`, `broken (chat)`."""
        return str({one.id: one.words for one in self.record.journeys}[name])


class MessengerProbe:
    """Runs scenarios from here, through whatever stands between."""

    def __init__(self, where: list[str], options: list[str]) -> None:
        self._where = where
        self._options = options

    def run(self, scenario: str | Path = SURVEY, *, only: str | None = None, proxy: str | None = None) -> Result:
        """One pass of a scenario (by name or path; `only` names the pass of several), as a result."""
        from emulator.judge.record import Skipped
        from emulator.pytest_plugin.commands import run

        more = [*(["--pass", only] if only else []), *(["--proxy", proxy] if proxy else [])]
        record = run(str(scenario), *more, *self._where, *self._options)
        left_out: list[Skipped] = list(record.skipped)
        if left_out:
            pytest.skip(left_out[0].why)
        if len(record.passes) != 1:
            raise ValueError(f"{scenario} has several passes: name one with `only`")
        return Result(record.passes[0])


class MessengerLab(MessengerProbe):
    """A lab with a real firewall; `apply` sets its rules. It forwards everything until then."""

    def __init__(self, lab: NamedLab, options: list[str]) -> None:
        super().__init__(["--lab", lab.name], options)
        self.name = lab.name

    def apply(self, rules: str | Path) -> None:
        """Load nft rules in place of all others: a path, or the text itself. Raises CommandFailed as nft says it."""
        from emulator.pytest_plugin.commands import do

        if isinstance(rules, Path):
            do("lab", "apply", "--name", self.name, str(rules))
            return
        with tempfile.NamedTemporaryFile("w", suffix=".nft") as file:
            file.write(rules)
            file.flush()
            do("lab", "apply", "--name", self.name, file.name)

    def command(self, place: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program `inside`, on the `firewall` or `outside`, to its end; any exit code."""
        from emulator.pytest_plugin.commands import do

        return do("lab", "shell", "--name", self.name, place, "--", *argv, accept=range(256))


class MessengerEmulator:
    """The emulator that tests may talk to. `join`: its join file; `root`: its root certificate, if it is ours."""

    def __init__(self, join: Path, addresses: dict[str, str], root: Path | None) -> None:
        self.join = join
        self.root = root
        self._addresses = addresses

    @property
    def address(self) -> str:
        """Where the emulated contact is, and on loopback every host."""
        return self._addresses["peer"]

    def address_of(self, host: str) -> str:
        """Address of a host name of the catalog."""
        return self._addresses[host.lower()]


@pytest.fixture(scope="session")
def messenger_lab(request: pytest.FixtureRequest) -> MessengerLab:
    """A lab of this session: inside, a real firewall, outside with the emulator. Linux, root or user namespaces."""
    from emulator.pytest_plugin.runs import runs_of

    runs = runs_of(request.config)
    return MessengerLab(runs.lab(), runs.options())


@pytest.fixture(scope="session")
def messenger_emulator(request: pytest.FixtureRequest) -> Iterator[MessengerEmulator]:
    """The emulator of `--messenger-join`, else one of this session on loopback."""
    import tomllib

    from emulator.pytest_plugin.commands import Emulator
    from emulator.pytest_plugin.runs import runs_of

    given: Any = request.config.getoption("--messenger-join")
    own: Emulator | None = None
    if given:
        join, root = Path(given), None
    else:
        own = Emulator(runs_of(request.config).place("emulator"))
        join, root = own.join, own.root
    try:
        yield MessengerEmulator(join, tomllib.loads(join.read_text("utf-8"))["addresses"], root)
    finally:
        if own is not None:
            own.close()


@pytest.fixture(scope="session")
def messenger_probe(request: pytest.FixtureRequest, messenger_emulator: MessengerEmulator) -> MessengerProbe:
    """A probe here, against `messenger_emulator`: what stands between the two is what is tested."""
    from emulator.pytest_plugin.runs import runs_of

    runs = runs_of(request.config)
    proxy = request.config.getoption("--messenger-proxy")
    where = ["--join", str(messenger_emulator.join), *(["--proxy", proxy] if proxy else [])]
    return MessengerProbe(where, runs.options())
