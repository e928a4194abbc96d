"""What a scenario says, as frozen records, and which rule speaks of which flow. No file is read here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from emulator.catalog import Catalog
from emulator.catalog.model import Text, Transport
from emulator.judge.flow import Direction, Flow

Must = Literal["pass", "stop", "may"]
Parity = Literal["odd", "even"]
Way = Literal["proxy", "direct"]
Credentials = Literal["none", "right"]
Grade = Literal["works", "degraded", "broken"]

EVERYTHING = "*"
LEAK = "leak"
NOTE = "note"


class Ports(msgspec.Struct, frozen=True):
    """A set of ports: closed ranges, in the order in which they were written."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, port: int) -> bool:
        return any(low <= port <= high for low, high in self.ranges)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What must become of some flows. `rows`: ids of clauses, endpoints, features or journeys, `leak`, `note`, or `*`.

    All other conditions that are given must hold as well. `how`: the verdicts that count as stopped in the right way;
    empty means any that is decided and not `pass`.
    """

    rows: tuple[str, ...]
    must: Must
    how: tuple[str, ...] = ()
    transport: Transport | None = None
    ports: Ports | None = None
    parity: Parity | None = None
    agent: bool | None = None
    via: Way | None = None
    direction: Direction | None = None


class Expected(msgspec.Struct, frozen=True):
    """The outcome that a feature must have. `by`: the label that it must carry; "" accepts any."""

    grade: Grade
    by: str = ""


class ExpectedJourney(msgspec.Struct, frozen=True):
    """What must become of a journey. `by`: the fallbacks that it must use; None accepts any, "" wants none."""

    state: Literal["done", "broken"]
    by: str | None = None


class ExpectedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of network must be found. "" accepts anything; the words are those of `judge.nat`."""

    messenger: str = ""
    tcp: str = ""
    classic: str = ""
    mapping: str = ""
    filtering: str = ""


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One go through all flows, and what it must yield.

    `proxy`: squid file beside the scenario, "" for none. `outcomes` by feature, `journeys` by id, in the file's order.
    Of `flows` the first rule that matches a flow speaks of it. Features, journeys and flows that nothing speaks of are
    reported, not judged.
    """

    id: str
    proxy: str = ""
    credentials: Credentials = "none"
    outcomes: dict[str, Expected] = {}
    journeys: dict[str, ExpectedJourney] = {}
    network: ExpectedNetwork = ExpectedNetwork()
    flows: tuple[Rule, ...] = ()


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A named situation. `firewall`: nft file beside the scenario, "" for none; `folder`: where the files lie.

    `leaks`: the undocumented ports of the catalog are tried too. `budget`: seconds that one pass may take, 0 for no
    limit; what is not done then counts as not tested. `skip`: why it is not run at all, "" when it is.
    """

    id: str
    title: Text
    about: str
    passes: tuple[Pass, ...]
    folder: Path
    firewall: str = ""
    leaks: bool = False
    budget: float = 0.0
    skip: str = ""

    @property
    def firewall_path(self) -> Path | None:
        """The nft file, or None."""
        return self.folder / self.firewall if self.firewall else None

    def proxy_path(self, one: Pass) -> Path | None:
        """The squid file of a pass, or None."""
        return self.folder / one.proxy if one.proxy else None


def matches(rule: Rule, flow: Flow, catalog: Catalog) -> bool:
    """True when a rule speaks of a flow."""
    if rule.transport is not None and flow.transport != rule.transport:
        return False
    if rule.ports is not None and flow.port not in rule.ports:
        return False
    if rule.parity is not None and (flow.port % 2 == 1) != (rule.parity == "odd"):
        return False
    if rule.agent is not None and (flow.agent == catalog.note.agent) != rule.agent:
        return False
    if rule.via is not None and bool(flow.via) != (rule.via == "proxy"):
        return False
    if rule.direction is not None and flow.direction != rule.direction:
        return False
    return any(_names(row, flow) for row in rule.rows)


def _names(row: str, flow: Flow) -> bool:
    if row in (LEAK, NOTE):
        return flow.row_kind == row
    return row in (EVERYTHING, flow.row) or (row == flow.feature and bool(row))
