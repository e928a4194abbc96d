"""What somebody who is signed in must be told, as values that the services take and turn into lines.

Not lines, and not kept: whoever is offline finds the state when it signs in. Source: msnp.md 2.7, 2.9, 2.19, 2.20.
"""

from __future__ import annotations

import msgspec

from emulator.world.records import Pairs


class Endpoint(msgspec.Struct, frozen=True):
    """One place of an account as MSNP16 and later show it."""

    id: str
    capabilities: int
    extended: int
    name: str
    idle: bool
    client_type: int
    status: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How an account looks to others. `status` is FLN for whoever may not see it; then nothing else is filled in."""

    address: str
    name: str
    status: str = "FLN"
    capabilities: int = 0
    extended: int = 0
    picture: str = ""  # MSNObject, decoded; "" means none
    psm: str = ""
    media: str = ""
    machine: str = ""
    extras: Pairs = ()  # Scene, ColorScheme, DDP, SignatureSound
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def online(self) -> bool:
        return self.status != "FLN"

    @property
    def line(self) -> tuple[str, str, int, int, str]:
        """What NLN carries; without a change here no NLN is due."""
        return self.status, self.name, self.capabilities, self.extended, self.picture

    @property
    def personal(self) -> tuple[object, ...]:
        """What UBX carries; without a change here no UBX is due."""
        return self.psm, self.media, self.machine, self.extras, self.endpoints


class PresenceChanged(msgspec.Struct, frozen=True):
    """Tell `to` how `look.address` looks now: FLN when it is not online, else NLN if `line`, UBX if `personal`."""

    to: str
    look: Look
    line: bool
    personal: bool


class ReverseChanged(msgspec.Struct, frozen=True):
    """`by` put `to` on the forward list (ADL 0, ADC 0 RL) or took it off (RML 0, REM 0 RL).

    `pending`: it is new, a Pending entry with `invite` is there.
    """

    to: str
    by: str
    name: str
    added: bool
    pending: bool
    invite: str


class BookChanged(msgspec.Struct, frozen=True):
    """The address book, lists or profile of `to` changed, by itself (NOT to its other places).

    `origin`: the place that did it; 0 when it came by SOAP, whose calls name an account but no place.
    """

    to: str
    origin: int = 0


class PlacesChanged(msgspec.Struct, frozen=True):
    """Something about the places of `to` changed: its places of MSNP16 and later are shown how it looks to itself."""

    to: str
    look: Look


class MailArrived(msgspec.Struct, frozen=True):
    """An offline message for `to` arrived."""

    to: str
    message: str


class MailRemoved(msgspec.Struct, frozen=True):
    """Offline messages of `to` were deleted."""

    to: str
    messages: tuple[str, ...]


Notice = PresenceChanged | ReverseChanged | BookChanged | PlacesChanged | MailArrived | MailRemoved
