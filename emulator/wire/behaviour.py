"""What a NAT does with UDP, found out by STUN binding questions: mapping, filtering, hairpin (RFC 5780, RFC 3489).

Not the names of what was found (`judge.nat`), and no socket: dialogues for `timed.Timed`, one socket each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from emulator.wire import stun
from emulator.wire.errors import WireError
from emulator.wire.netdetect import WAITS
from emulator.wire.receipt import Endpoint
from emulator.wire.stun import Message
from emulator.wire.timed import Dialogue, Outgoing, Question

MakeId = Callable[[], bytes]  # a fresh 16-byte transaction id


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """The own address as three sockets of the server see it (RFC 5780 4.3); None where no answer came.

    `first`: server's address and port; `other_address`: the other address, same port; `other_both`: both differ.
    `rewritten`: MAPPED-ADDRESS and XOR-MAPPED-ADDRESS differ, so something changes addresses inside payloads.
    """

    local: Endpoint
    other: Endpoint | None = None
    first: Endpoint | None = None
    other_address: Endpoint | None = None
    other_both: Endpoint | None = None
    rewritten: bool = False


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """All that was seen of the NAT's behaviour; None means not found out.

    `changed_both`, `changed_port`: an answer from the server's other address and port, or other port, arrived at a
    socket that had sent to the first alone (RFC 5780 4.4). `hairpinned`: a datagram from another own socket to the
    mapped address came back in.
    """

    mapping: Mapping
    changed_both: bool | None = None
    changed_port: bool | None = None
    hairpinned: bool | None = None


def transaction_id(entropy: Callable[[int], bytes]) -> bytes:
    """A fresh id that starts with the cookie of RFC 5389: the server then adds what RFC 5780 needs."""
    return stun.COOKIE_5389 + entropy(12)


def mapping(
    local: Endpoint, server: Endpoint, make_id: MakeId, known: Collection[str] | None = None
) -> Dialogue[Mapping]:
    """Tests I to III of RFC 5780 4.3. `known` as for `netdetect.detect`."""
    seen = Mapping(local=local)
    answer = yield _ask(server, server, make_id())
    if answer is None:
        return seen
    message = stun.decode(answer.data)
    first, other = mapped(message), _other(message)
    seen = msgspec.structs.replace(
        seen, first=first, other=other, rewritten=first != message.address(stun.MAPPED_ADDRESS)
    )
    if other is None or not _usable(other, server, known):
        return seen
    beside = Endpoint(other.address, server.port)
    answer = yield _ask(beside, beside, make_id())
    if answer is not None:
        seen = msgspec.structs.replace(seen, other_address=mapped(stun.decode(answer.data)))
    answer = yield _ask(other, other, make_id())
    if answer is not None:
        seen = msgspec.structs.replace(seen, other_both=mapped(stun.decode(answer.data)))
    return seen


def filtering(
    server: Endpoint, make_id: MakeId, *, change_ip: bool, known: Collection[str] | None = None
) -> Dialogue[bool | None]:
    """Does an answer from the server's other port (`change_ip`: and other address) arrive? None: nothing to tell."""
    answer = yield _ask(server, server, make_id())
    if answer is None:
        return None
    other = _other(stun.decode(answer.data))
    if other is None or not _usable(other, server, known):
        return None
    source = other if change_ip else Endpoint(server.address, other.port)
    flags = stun.CHANGE_PORT | (stun.CHANGE_IP if change_ip else 0)
    return (yield _ask(server, source, make_id(), flags)) is not None


def hairpin(local: Endpoint, server: Endpoint, make_id: MakeId) -> Dialogue[bool | None]:
    """Does a datagram from a second own socket to the mapped address come back? None where nothing is translated."""
    answer = yield _ask(server, server, make_id())
    if answer is None:
        return None
    own = mapped(stun.decode(answer.data))
    if own.address == local.address:
        return None
    question = stun.encode(Message(stun.BINDING, make_id()))
    back = yield Question((Outgoing(question, own, beside=True),), lambda data, source: data == question, WAITS)
    return back is not None


def mapped(message: Message) -> Endpoint:
    """The own address in an answer: the one that no gateway can have rewritten, if it is there. Raises WireError."""
    value = message.get(stun.XOR_MAPPED_ADDRESS)
    if value is not None:
        return stun.address(stun.xored(value, message.id))
    return message.address(stun.MAPPED_ADDRESS)


def _other(message: Message) -> Endpoint | None:
    value = message.get(stun.OTHER_ADDRESS) or message.get(stun.CHANGED_ADDRESS)
    return stun.address(value) if value is not None else None


def _usable(other: Endpoint, server: Endpoint, known: Collection[str] | None) -> bool:
    differs = other.address != server.address and other.port != server.port
    return differs and other.port != 0 and (known is None or other.address in known)


def _ask(to: Endpoint, source: Endpoint, id: bytes, flags: int = 0) -> Question:
    """A binding question to `to`, answered from `source`."""
    change = ((stun.CHANGE_REQUEST, flags.to_bytes(4, "big")),) if flags else ()

    def match(data: bytes, came_from: Endpoint) -> bool:
        return came_from == source and _is_answer(data, id)

    return Question((Outgoing(stun.encode(Message(stun.BINDING, id, change)), to),), match, WAITS)


def _is_answer(data: bytes, id: bytes) -> bool:
    """A success answer to this question whose addresses can all be read."""
    try:
        message = stun.decode(data)
        mapped(message)
        _other(message)
        message.address(stun.MAPPED_ADDRESS)
    except WireError:
        return False
    return message.kind == stun.BINDING_OK and message.id == id
