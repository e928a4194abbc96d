"""Which ports of a clause are tested and listened on: the same at both ends, from the join file's seed.

Not a random choice: a keyed hash, so that `--seed` replays it.
"""

from __future__ import annotations

from hashlib import sha256

from emulator.catalog import Catalog, Clause
from emulator.catalog.model import Transport
from emulator.wire import stun

MOST = 512  # samples per range; more ports than that are a sweep's business


def tested_ports(clause: Clause, catalog: Catalog, seed: bytes, samples: int) -> tuple[int, ...]:
    """Ports to test in a clause, ascending.

    A narrow clause gives all its ports. A wide one gives both ends, every fixed port of other clauses inside it, and
    `samples` more, drawn by seed, transport and range alone (so clauses that share a range share listeners).
    """
    if not clause.wide:
        return tuple(range(clause.low, clause.high + 1))
    known = set(inside(clause, catalog))
    chosen = {clause.low, clause.high} | known
    own = {catalog.ports.control, *stun.PORTS}
    counter = 0
    wanted = min(len(chosen) + max(0, min(samples, MOST)), clause.count - 1)
    while len(chosen) < wanted:
        key = f"{clause.transport}/{clause.low}-{clause.high}/{counter}".encode()
        port = clause.low + int.from_bytes(sha256(seed + key).digest()[:8], "big") % clause.count
        if port not in own:  # on real gear they may live on the same address
            chosen.add(port)
        counter += 1
    return tuple(sorted(chosen))


def inside(clause: Clause, catalog: Catalog) -> tuple[int, ...]:
    """Fixed ports of other clauses inside a wide one, of both transports: tested and shown, but they decide nothing."""
    fixed = set(catalog.fixed_ports("tcp")) | set(catalog.fixed_ports("udp"))
    return tuple(sorted(port for port in fixed if clause.low <= port <= clause.high))


def sampled_ports(catalog: Catalog, transport: Transport, seed: bytes, samples: int) -> tuple[int, ...]:
    """Every port of the wide ranges of a transport that some clause tests, ascending."""
    ports = {
        port
        for clause in catalog.clauses
        if clause.wide and clause.transport == transport
        for port in tested_ports(clause, catalog, seed, samples)
    }
    return tuple(sorted(ports))
