"""What the near end saw of one flow. Immutable, never a judgement.

Times are seconds of the probe's monotonic clock, relative to the start of the run.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from emulator.wire.receipt import Digest, Endpoint

Stage = Literal["wait", "connect", "proxy", "tls", "exchange", "done"]

Ending = Literal[
    "completed",  # the whole exchange of the protocol took place, as far as this end can tell
    "silence",  # nothing came within the time-out
    "reset",  # a RST (or its errno) ended it
    "icmp",  # an ICMP error is in the error queue
    "closed",  # the peer closed in an orderly way before the exchange was complete
    "malformed",  # bytes came that are not of this protocol
    "differs",  # well-formed, but not what the genuine far end would say
    "proxy-status",  # the proxy refused, with a status
    "proxy-failed",  # the proxy cannot be reached or does not speak its protocol
    "tls-failed",  # handshake failed (alert, garbage)
    "name",  # name resolution failed
    "own-fault",  # something on this machine: no descriptor, no route, no permission
    "cancelled",  # interrupted, or the emulator was lost while it ran
    "not-started",
]


Crowd = Literal["", "full", "limit"]  # `facts["crowd"]` of a silent flow: it may have been one too many

UNSEEN = "unseen"  # `facts["icmp"]` where the system has no error queue: an ICMP error looks like silence, or a RST


class IcmpError(msgspec.Struct, frozen=True):
    """An ICMP error from the socket's error queue: `offender` is the device that sent it."""

    type: int
    code: int
    offender: str


class Certificate(msgspec.Struct, frozen=True):
    """The leaf that the near end was shown."""

    subject: str
    issuer: str
    sha256: str
    trusted: bool  # chains to the lab root
    matches: bool  # names the host asked for


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A named moment of the flow, for "which step failed"."""

    name: str
    at: float


class Exchanged(msgspec.Struct, frozen=True):
    """One question and its answer, digested: datagrams, or HTTP bodies."""

    request: Digest
    response: Digest
    what: str = ""


class Observation(msgspec.Struct, frozen=True):
    """One flow, seen from the probe. `stage` is the one in which it ended; `detail` says what in plain words."""

    flow: str
    stage: Stage
    ending: Ending
    started: float
    ended: float
    local: Endpoint | None = None
    remote: Endpoint | None = None
    steps: tuple[Step, ...] = ()
    sent: Digest | None = None
    received: Digest | None = None
    exchanged: tuple[Exchanged, ...] = ()
    icmp: IcmpError | None = None
    certificate: Certificate | None = None
    tls_version: str = ""
    client_random: str = ""
    proxy_status: int = 0
    http_status: int = 0
    detail: str = ""
    facts: dict[str, Any] = {}
    head: str = ""  # first bytes of an unexpected answer, hex, at most 256 bytes
