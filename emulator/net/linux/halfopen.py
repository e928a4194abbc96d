"""Half-open connections: SYNs that arrived and whose handshake never finished, from /proc/net/tcp (state 03).

No privilege needed. Elsewhere than on Linux there is nothing to read and the evidence stays undecided.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from emulator.wire.receipt import Endpoint

TABLE = Path("/proc/net/tcp")
SYN_RECEIVED = "03"


def half_open(table: Path = TABLE) -> Iterator[tuple[Endpoint, Endpoint]]:
    """(local, peer) of every half-open connection in this network namespace; nothing where the table is missing."""
    try:
        rows = table.read_text().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        fields = row.split()
        if len(fields) > 3 and fields[3] == SYN_RECEIVED:
            yield _address(fields[1]), _address(fields[2])


def _address(text: str) -> Endpoint:
    address, _, port = text.partition(":")
    return Endpoint(socket.inet_ntoa(struct.pack("=I", int(address, 16))), int(port, 16))
