"""Network detection as the client does it: three phases against two echo servers, with its own timers.

Not the name of what was found (`judge.nat` has the decision table), and no socket. Source: dossier media.md 2.4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from emulator.wire import echo
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.timed import Dialogue, Outgoing, Question

WAITS = (0.2, 0.4, 0.8, 1.6)  # seconds after each of the four tries of phases 1 and 2: 0.2 x 2^i
DIRECT_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds, phase 3
NO_ADDRESS = "0.0.0.0"


class Detected(msgspec.Struct, frozen=True, kw_only=True):
    """What the phases saw; no judgement.

    `mapped`: the own address as server 1 saw it, None without an answer. `second`: the server that it named.
    `crossed`: did the second server's answer to the code-3 question arrive (phase 2); `direct`: the own address as
    the second server saw it (phase 3). `asked` names the phases that were gone through, `tries` counts their tries.
    """

    local: Endpoint
    server: Endpoint
    asked: tuple[str, ...] = ()
    mapped: Endpoint | None = None
    second: Endpoint | None = None
    crossed: bool | None = None
    direct: Endpoint | None = None
    tries: dict[str, int] = {}
    cut_short: bool = False

    @property
    def translated(self) -> bool:
        """The far end sees another address than this machine has."""
        return self.mapped is not None and self.mapped.address != self.local.address


def detect(
    local: Endpoint, server: Endpoint, transaction: bytes, known: Collection[str] | None = None
) -> Dialogue[Detected]:
    """The whole algorithm from one socket at `local`; `transaction` is 4 bytes.

    It ends after phase 1 when the addresses are equal, as the client's does. `known`: the addresses that the second
    server may have; no datagram goes to another one that an answer names. None trusts the answer, as the client does.
    """
    seen = Detected(local=local, server=server, asked=("first",))
    yield Outgoing(echo.hello(), server, beside=True)
    first = yield Question((Outgoing(echo.request(transaction), server),), _from(server, transaction), WAITS)
    if first is None:
        return seen
    record = echo.unpack(first.data)
    tries = {"first": first.tries}
    seen = msgspec.structs.replace(seen, mapped=record.client, second=record.test, tries=tries)
    if not seen.translated or not _usable(record.test, server, known):
        return seen

    opener = Outgoing(b"", Endpoint(record.test.address, record.discard_port))
    cross = Outgoing(echo.cross(first.data), server)
    second = yield Question((opener, cross), _from(record.test, transaction), WAITS)
    seen = msgspec.structs.replace(seen, asked=("first", "second"), crossed=second is not None)
    if second is not None:
        return msgspec.structs.replace(seen, tries={**tries, "second": second.tries})

    # A number of its own: a late answer of phase 2 shows the first server's mapping and must not be taken for this one.
    again = (int.from_bytes(transaction, "big") + 1 & 0xFFFFFFFF).to_bytes(4, "big")
    third = yield Question((Outgoing(echo.request(again), record.test),), _from(record.test, again), DIRECT_WAITS)
    seen = msgspec.structs.replace(seen, asked=("first", "second", "third"))
    if third is None:
        return seen
    direct = echo.unpack(third.data).client
    return msgspec.structs.replace(seen, direct=direct, tries={**tries, "third": third.tries})


def _usable(second: Endpoint, server: Endpoint, known: Collection[str] | None) -> bool:
    """A second server that can tell something: another address than the first, and one that may be spoken to."""
    return second.address not in (NO_ADDRESS, server.address) and (known is None or second.address in known)


def _from(server: Endpoint, transaction: bytes) -> Callable[[bytes, Endpoint], bool]:
    def match(data: bytes, source: Endpoint) -> bool:
        return source == server and is_answer(data, transaction)

    return match


def is_answer(data: bytes, transaction: bytes) -> bool:
    """True for an echo server's answer with this transaction id that names an address."""
    try:
        record = echo.unpack(data)
    except WireError:
        return False
    named = record.client.port != 0 and record.client.address != NO_ADDRESS
    ports = record.discard_port != 0 and record.test.port != 0
    return record.code == echo.REPLY and record.transaction == transaction and named and ports
