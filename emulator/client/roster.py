"""Contacts and lists as a client knows them: out of SYN for MSNP8 to 12, and what goes into the first ADL after that.

Not the services that keep them (`book`). Source: protocols/msnp.md 2.7, 2.14.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

import msgspec
from twisted.internet.defer import Deferred

from emulator.client.network import Unexpected
from emulator.wire.errors import WireError
from emulator.wire.msnp import lists, reply
from emulator.wire.msnp.dialects import Dialect
from emulator.wire.msnp.lines import Command

ADL_LIMIT = 7000  # bytes of one ADL payload; 7,500 is what servers were seen to take
ADL_PEOPLE = 140
SYN_LIMIT = 10_000  # entries


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """What SYN said. `current` is True when the version that was shown is the newest: nothing was sent then."""

    version: tuple[str, ...]
    current: bool
    contacts: tuple[reply.Entry, ...] = ()
    groups: dict[str, str] = {}
    privacy: str = ""
    prompt: str = ""
    properties: dict[str, str] = {}


class Synchronisation:
    """Collects the lines after SYN until all that it announced are there; `done` then has the Roster."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._version: tuple[str, ...] = ()
        self._entries: list[reply.Entry] = []
        self._groups: dict[str, str] = {}
        self._settings: dict[str, str] = {}
        self._properties: dict[str, str] = {}
        self._wanted: tuple[int, int] | None = None
        self.done: Deferred[Roster] = Deferred()

    def begin(self, command: Command) -> None:
        """The answer to SYN: versions and, unless they are the ones shown, counts."""
        versions = 1 if self._dialect.lists == "numbered" else 2
        self._version = command.args[1 : 1 + versions]
        counts = command.args[1 + versions :]
        if not counts:
            self._finish(current=True)
            return
        numbers = tuple(int(text) for text in counts[:2] if text.isascii() and text.isdigit() and len(text) < 6)
        if len(numbers) != 2 or sum(numbers) > SYN_LIMIT:
            raise WireError(f"SYN announces {' '.join(counts)[:40]}")
        self._wanted = (numbers[0], numbers[1])
        self._check()

    def take(self, command: Command) -> None:
        """LST, LSG, GTC, BLP, PRP, BPR of the burst."""
        match command.verb:
            case "LST":
                self._entries.append(reply.entry(self._dialect, command))
            case "LSG":
                key, name = reply.group(self._dialect, command)
                self._groups[key] = name
            case "GTC" | "BLP":
                self._settings[command.verb] = command.arg(0)
            case "PRP" if len(command.args) > 1:
                self._properties[command.arg(0)] = command.arg(1)
        self._check()

    def _check(self) -> None:
        if self._wanted is not None and len(self._entries) >= self._wanted[0] and len(self._groups) >= self._wanted[1]:
            self._finish(current=False)

    def _finish(self, *, current: bool) -> None:
        if not self.done.called:
            self.done.callback(
                Roster(
                    version=self._version,
                    current=current,
                    contacts=tuple(self._entries),
                    groups=dict(self._groups),
                    privacy=self._settings.get("BLP", ""),
                    prompt=self._settings.get("GTC", ""),
                    properties=dict(self._properties),
                )
            )


def uploads(people: Iterable[lists.Item]) -> list[bytes]:
    """The payloads of the first ADL: people by domain, split so that none is too long; one even for nobody."""
    payloads: list[bytes] = []
    batch: list[lists.Item] = []
    size = 0
    for one in sorted(people, key=lambda item: item.address.partition("@")[2].lower()):
        room = len(_contact(one)) + len(_domain(one)) + 16
        if batch and (len(batch) >= ADL_PEOPLE or size + room > ADL_LIMIT):
            payloads.append(_upload(batch))
            batch, size = [], 0
        batch.append(one)
        size += room
    if batch or not payloads:
        payloads.append(_upload(batch))
    return payloads


def _upload(people: list[lists.Item]) -> bytes:
    """As clients write it: bits before the network (servers write it the other way round)."""
    domains: dict[str, list[str]] = {}
    for one in people:
        domains.setdefault(_domain(one), []).append(_contact(one))
    body = "".join(f"<d n={quoteattr(domain)}>{''.join(inside)}</d>" for domain, inside in domains.items())
    return f'<ml l="1">{body}</ml>'.encode()


def _domain(one: lists.Item) -> str:
    return one.address.partition("@")[2]


def _contact(one: lists.Item) -> str:
    return f'<c n={quoteattr(one.address.partition("@")[0])} l="{one.bits}" t="{one.network}"/>'


def not_supported(dialect: Dialect, what: str) -> Unexpected:
    """The error for a command that a dialect does not have."""
    return Unexpected(f"{dialect.name} has no {what}")
