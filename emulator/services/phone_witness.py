"""Writes down what the far end's media ports saw, as receipts like those of every other socket. No media here."""

from __future__ import annotations

from typing import Any

from emulator.client.call_line import Line
from emulator.client.call_ports import Address, Port, Witness
from emulator.client.call_relay import RelayedPort
from emulator.services.journal import Entry, Journal
from emulator.wire import rtp
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Sighting


class Written(Witness):
    """The receipts of one call: one per port of ours and address of the peer's; at most 8."""

    def __init__(self, journal: Journal, address: str) -> None:
        self._journal = journal
        self._address = address
        self._entries: dict[tuple[Port, Address], Entry] = {}
        self.line: Line | None = None

    def received(self, port: Port, source: Address, data: bytes) -> None:
        entry = self._entry(port, source)
        if entry is not None:
            entry.received.add(data)
            if (
                data[0] & 0xC0 == 0x80 and data[1] in rtp.RTCP_TYPES and self.line is not None
            ):  # the peer reports: so do we
                entry.facts["media"] = self.line.measured()
                entry.touch()

    def sent(self, port: Port, to: Address, data: bytes) -> None:
        entry = self._entries.get((port, to))
        if entry is not None:
            entry.sent.add(data)

    def sight(self, port: Port, source: Address, protocol: str, tag: str, request: bytes, response: bytes) -> None:
        entry = self._entry(port, source)
        if entry is not None:
            entry.protocol = entry.protocol or protocol
            asked = (request, response) if request else (None, None)
            entry.sight(Sighting(protocol, tag, {}, *asked))

    def ended(self, facts: dict[str, Any]) -> None:
        for entry in self._entries.values():
            entry.facts["media"] = facts
            entry.state = "ended"
            entry.touch()

    def _entry(self, port: Port, source: Address) -> Entry | None:
        entry = self._entries.get((port, source))
        if entry is None and len(self._entries) < 8:
            local = port.address if isinstance(port, RelayedPort) else Endpoint(self._address, port.number)
            entry = self._journal.datagram(local, Endpoint(*source))
            self._entries[(port, source)] = entry
        return entry
