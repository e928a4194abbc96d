"""The far end's evidence: receipts that grow while connections live, handed out by serial. In memory, bounded.

Not a log for people, and no judgement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.net.tally import Tally, digest
from emulator.wire.receipt import Endpoint, Receipt, Seen, TlsFacts
from emulator.wire.talk import Sighting

LIMIT = 20_000  # receipts; older ones are dropped first
SEEN_LIMIT = 1_000  # tagged exchanges of one receipt; later ones are only counted


class Entry:
    """A receipt in the making."""

    __slots__ = (
        "_journal",
        "at",
        "end",
        "error",
        "facts",
        "local",
        "number",
        "peer",
        "protocol",
        "received",
        "seen",
        "sent",
        "serial",
        "state",
        "tls",
        "transport",
    )

    def __init__(self, journal: Journal, number: int, transport: str, local: Endpoint, peer: Endpoint) -> None:
        self._journal = journal
        self.number = number
        self.transport = transport
        self.local = local
        self.peer = peer
        self.at = journal.now()
        self.serial = 0
        self.state = "open"
        self.protocol = ""
        self.received = Tally()
        self.sent = Tally()
        self.seen: list[Seen] = []
        self.tls: TlsFacts | None = None
        self.facts: dict[str, Any] = {}
        self.end = ""
        self.error = ""
        self.touch()

    def touch(self) -> None:
        """Something changed: whoever asks for news gets this receipt again."""
        self.serial = self._journal.advance(self)

    def sight(self, sighting: Sighting) -> None:
        """Add a tagged exchange."""
        if len(self.seen) >= SEEN_LIMIT:
            self.facts["seen_dropped"] = self.facts.get("seen_dropped", 0) + 1
            self.touch()
            return
        self.seen.append(
            Seen(
                sighting.protocol,
                sighting.tag,
                self._journal.now(),
                sighting.facts,
                None if sighting.request is None else digest(sighting.request),
                None if sighting.response is None else digest(sighting.response),
            )
        )
        self.touch()

    def receipt(self) -> Receipt:
        """The receipt as it stands."""
        return Receipt(
            id=self.number,
            serial=self.serial,
            transport=self.transport,
            local=self.local,
            peer=self.peer,
            at=self.at,
            state=self.state,
            protocol=self.protocol,
            received=self.received.digest(),
            sent=self.sent.digest(),
            seen=tuple(self.seen),
            tls=self.tls,
            facts=self.facts,
            end=self.end,
            error=self.error,
        )


class Journal:
    """All receipts, by number; `advance` hands out serials in order of change."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._entries: dict[int, Entry] = {}
        self._serial = 0
        self._number = 0
        self._half_open: dict[tuple[Endpoint, Endpoint], Entry] = {}
        self._datagrams: dict[tuple[Endpoint, Endpoint], Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, others: int | None = None) -> int:
        """A new run begins: it asks from this serial on, and addresses that come again get receipts of their own.

        Earlier receipts stay, because another run may still be asking for them; the limit takes them in time. What
        changed since `others`, when the first run that still goes on began, may be that one's: it is found again.
        """
        over = self._serial if others is None else others
        for known in (self._half_open, self._datagrams):
            for key in [key for key, entry in known.items() if entry.serial <= over]:
                del known[key]
        return self._serial

    def advance(self, entry: Entry) -> int:
        """The next serial, for this entry; it moves to the end of the order."""
        self._serial += 1
        self._entries.pop(entry.number, None)
        self._entries[entry.number] = entry
        if len(self._entries) > LIMIT:
            self._forget(self._entries.pop(next(iter(self._entries))))
        return self._serial

    def _forget(self, entry: Entry) -> None:
        """What finds a receipt again goes with it: a stranger with many source ports must not fill the memory."""
        self._datagrams.pop((entry.local, entry.peer), None)
        self._half_open.pop((entry.local, entry.peer), None)

    def open(self, transport: str, local: Endpoint, peer: Endpoint) -> Entry:
        """Begin a receipt."""
        self._number += 1
        return Entry(self, self._number, transport, local, peer)

    def datagram(self, local: Endpoint, peer: Endpoint) -> Entry:
        """The receipt of all datagrams between these two addresses."""
        entry = self._datagrams.get((local, peer))
        if entry is None:
            entry = self._datagrams[(local, peer)] = self.open("udp", local, peer)
        return entry

    def half_open(self, local: Endpoint, peer: Endpoint) -> None:
        """A SYN arrived and its handshake did not finish; noted once per pair of addresses."""
        if (local, peer) not in self._half_open:
            entry = self._half_open[(local, peer)] = self.open("tcp", local, peer)
            entry.state = "half-open"
            entry.touch()

    def since(self, serial: int) -> tuple[tuple[Receipt, ...], int]:
        """Receipts that changed after `serial`, oldest change first, and the serial to ask for next."""
        changed = []
        for entry in reversed(self._entries.values()):
            if entry.serial <= serial:
                break
            changed.append(entry.receipt())
        changed.reverse()
        return tuple(changed), self._serial

    def peers(self, tags: set[tuple[str, str]]) -> dict[str, int]:
        """Addresses from which flows with these tags (protocol, hex) arrived, with how many receipts."""
        found: dict[str, int] = {}
        for entry in self._entries.values():
            if any((seen.protocol, seen.tag) in tags for seen in entry.seen):
                found[entry.peer.address] = found.get(entry.peer.address, 0) + 1
        return found
