"""Messages of the control channel (HTTPS, JSON) between `run` and `serve`. Not traffic under test.

Paths are relative to the control URL; every request carries `Authorization: Bearer <token>`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.wire.receipt import Receipt

RUNS = "/v1/runs"  # POST RunStart -> RunStarted
ANNOUNCE = "/v1/flows"  # POST Announce -> {}
RECEIPTS = "/v1/receipts"  # GET ?after=N&run=NAME -> Receipts
SELFCHECK = "/v1/selfcheck"  # POST {} -> SelfCheck
DIALS = "/v1/dials"  # POST Dial -> Dialling; GET ?run=NAME -> Dialled
STATUS = "/v1/status"  # GET -> Status

BODY_LIMIT = 8 << 20  # bytes


class RunStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opens a run. `samples` may ask for more listeners."""

    vantage: str
    catalog: str
    samples: int
    seed: str
    leaks: bool = False


class Listener(msgspec.Struct, frozen=True):
    """What listens where; `why` is set when it could not be opened, with the `rows` that this costs."""

    transport: str
    address: str
    port: int
    open: bool
    rows: tuple[str, ...] = ()
    why: str = ""


class RunStarted(msgspec.Struct, frozen=True):
    """`observed`: where the control connection came from. `now`: the emulator's clock, seconds since the epoch.

    `serial`: receipts after it are this run's. `watched`: half-open connections can be seen there. `listeners`:
    everything that should listen, also what does not.
    """

    run: str
    now: float
    observed: str
    serial: int
    watched: bool
    listeners: tuple[Listener, ...]


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """One announced flow: what will ride in which protocol's tag, to which port."""

    flow: str
    protocol: str
    tag: str
    transport: str
    port: int


class Announce(msgspec.Struct, frozen=True):
    """Announced before the first packet, so that a far end can tell this run's flows from strangers."""

    run: str
    flows: tuple[Expected, ...]


class Receipts(msgspec.Struct, frozen=True):
    """Receipts that changed since the serial asked for; `next` is the serial to ask for next."""

    receipts: tuple[Receipt, ...]
    next: int
    now: float


class Inward(msgspec.Struct, frozen=True):
    """One flow that the emulator opens, as a contact would: what is spoken, with which tag, to which port there."""

    flow: str
    exchange: str
    tag: str
    transport: str
    port: int


class Dial(msgspec.Struct, frozen=True):
    """Asks the emulator to open flows to the vantage. `address` is where the vantage says it can be found: it is
    dialled only if it is an observed one, or `anyway` in a network that the operator named, when nothing of the run has
    arrived. Behind a translation the observed address is dialled instead. `timeout`: seconds for a stage.
    """

    run: str
    address: str
    timeout: float
    flows: tuple[Inward, ...]
    anyway: bool = False


class Dialling(msgspec.Struct, frozen=True):
    """`address` is what is dialled now; "" when nothing is, and `why`. `later`: asking again may help (nothing of this
    run has arrived yet, so no address was observed)."""

    address: str
    why: str = ""
    later: bool = False


class Dialled(msgspec.Struct, frozen=True):
    """What became of it. `observations` are as the judge reads them, one per flow, complete when `done`."""

    done: bool
    observations: tuple[dict[str, Any], ...] = ()


class Check(msgspec.Struct, frozen=True, array_like=True):
    """One dial of the emulator to its own listener."""

    listener: str
    ok: bool
    detail: str = ""


class SelfCheck(msgspec.Struct, frozen=True):
    """The control flow: is the far end itself in order?"""

    checks: tuple[Check, ...]


class Status(msgspec.Struct, frozen=True):
    """State of an emulator, for `lab status` and people."""

    emulator: str
    started: float
    now: float
    run: str
    listeners: tuple[Listener, ...]
    receipts: int
    facts: dict[str, Any] = {}
