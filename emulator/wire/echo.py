"""Network detection: the 20-byte echo record over UDP and TCP 7001, and the empty discard datagram. Not a NAT verdict.

Source: dossier media.md section 2 (certainty B); the TCP form is our own (D), marked `emulated` in the catalog.
"""

from __future__ import annotations

import msgspec

from emulator.wire import ipv4
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply, Tell
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Exactly, Peek, Send, Sighting, Talk

SIZE = 20
VERSION = 2
REQUEST, REPLY, CROSS, HELLO = 1, 2, 3, 4  # service codes; the reply's code is our choice (dossier 2.2)
DISCARD_PORT = 9  # RFC 863
RECORDS_PER_CONNECTION = 16
MASK = b"A1A1"  # hides addresses from gateways that rewrite them

_NOWHERE = Endpoint("0.0.0.0", 0)


class Record(msgspec.Struct, frozen=True):
    """One record. `transaction` is 4 opaque bytes; `client` is the mapped address; `test` the second server."""

    code: int
    transaction: bytes
    client: Endpoint = _NOWHERE
    discard_port: int = 0
    test: Endpoint = _NOWHERE


def request(transaction: bytes) -> bytes:
    """A code-1 question: masked zero where the answer puts the client, plain zero for the rest (dossier 2.2)."""
    if len(transaction) != 4:
        raise WireError(f"an echo transaction id of {len(transaction)} bytes, not 4")
    return bytes((VERSION, REQUEST)) + _masked(bytes(2)) + _masked(bytes(4)) + bytes(8) + transaction


def hello() -> bytes:
    """Code 4, all else zero: it asks nothing, the client sends it to learn which address of its own is used."""
    return bytes((VERSION, HELLO)) + bytes(SIZE - 2)


def cross(first_answer: bytes) -> bytes:
    """The code-3 question: the answer of phase 1, sent back with the code changed (dossier 2.3)."""
    return bytes((VERSION, CROSS)) + first_answer[2:]


def pack(record: Record) -> bytes:
    """Twenty bytes with every address and port masked. WireError for an address that is not IPv4."""
    return b"".join(
        (
            bytes((VERSION, record.code)),
            _masked(record.client.port.to_bytes(2, "big")),
            _masked(ipv4.packed(record.client.address)),
            _masked(record.discard_port.to_bytes(2, "big")),
            _masked(record.test.port.to_bytes(2, "big")),
            _masked(ipv4.packed(record.test.address)),
            record.transaction,
        )
    )


def unpack(data: bytes) -> Record:
    """Read a record with all fields masked. WireError unless it is 20 bytes of version 2."""
    if len(data) != SIZE or data[0] != VERSION:
        raise WireError(f"not an echo record: {len(data)} bytes, version {data[0] if data else None}")
    return Record(
        code=data[1],
        client=Endpoint(ipv4.text(_masked(data[4:8])), _port(data[2:4])),
        discard_port=_port(data[8:10]),
        test=Endpoint(ipv4.text(_masked(data[12:16])), _port(data[10:12])),
        transaction=data[16:20],
    )


def udp_client(context: ClientContext) -> DatagramTalk[dict[str, object]]:
    """Phase 1: ask server 1 for the own address. Facts: mapped, discard_port, second, answer (hex)."""
    question = request(context.tag)
    answer = yield Ask(question, lambda data: data != question and _answers(data, context.tag))
    return _facts(answer)


def udp_second(context: ClientContext, first_answer: bytes) -> DatagramTalk[dict[str, object]]:
    """Phase 2: ask server 1 to let the second server answer (run `discard_client` first: it opens the filter).

    `first_answer` is the answer of phase 1, sent back with code 3 (dossier 2.3). Facts: second_answered.
    """
    question = cross(first_answer)
    answer = yield Ask(question, lambda data: data != question and _answers(data, context.tag), source="second")
    if answer[1:] != bytes((REPLY,)) + first_answer[2:]:
        raise WireError("the second echo server described another mapping than the first")
    return {"second_answered": True}


def discard_client(context: ClientContext) -> DatagramTalk[dict[str, object]]:
    """An empty datagram to the second server's discard port, from the socket of the echo flow. Nothing returns."""
    yield Tell(b"", to="second", port=DISCARD_PORT)
    return {"discard_sent": True}


def answer(data: bytes, context: ServerContext) -> Answered | None:
    """Answer codes 1 and 3, count code 4; None for what is no echo record. The answer is as long as the question.

    Answers describe the observed source, never the address inside the question (no reflector, dossier 2.5).
    """
    if len(data) != SIZE or data[0] != VERSION or data[1] not in (REQUEST, CROSS, HELLO):
        return None
    facts: dict[str, object] = {"code": data[1]}
    tag = data[16:20].hex()
    if data[1] == HELLO:
        return Answered("echo", tag, facts=facts)
    try:
        record = _reply(data[16:20], context)
    except WireError as error:
        return Answered("echo", tag, facts={**facts, "not_answered": str(error)})
    return Answered("echo", tag, (Reply(record, "second" if data[1] == CROSS else "peer"),), facts)


def discard(data: bytes, context: ServerContext) -> Answered:
    """What arrived on UDP 9 is counted and never answered (RFC 863)."""
    return Answered("discard", "", facts={"size": len(data)})


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """The same question over TCP (emulated). Facts as `udp_client`."""
    yield Send(request(context.tag))
    data = yield Exactly(SIZE)
    if not _answers(data, context.tag):
        raise WireError("not the answer to our echo record")
    return _facts(data)


def server(context: ServerContext) -> Talk[None]:
    """Answer code-1 records until the peer closes, at most 16 on a connection."""
    for _ in range(RECORDS_PER_CONNECTION):
        if not (yield Peek()):
            return
        data = yield Exactly(SIZE)
        if data[0] != VERSION or data[1] != REQUEST:
            raise WireError(f"not an echo request: version {data[0]}, code {data[1]}")
        yield Sighting("echo", data[16:20].hex(), {"code": data[1]})
        yield Send(_reply(data[16:20], context))
    if (yield Peek()):
        raise WireError(f"more than {RECORDS_PER_CONNECTION} echo records on one connection")


def _reply(transaction: bytes, context: ServerContext) -> bytes:
    return pack(Record(REPLY, transaction, context.observed, DISCARD_PORT, context.second))


def _answers(data: bytes, transaction: bytes) -> bool:
    return len(data) == SIZE and data[0] == VERSION and data[16:] == transaction


def _facts(data: bytes) -> dict[str, object]:
    record = unpack(data)
    if record.code != REPLY:
        raise WireError(f"an echo answer with code {record.code}")
    if record.client.port == 0 or record.client.address == _NOWHERE.address:
        raise WireError("the echo answer names no mapped address")
    if record.discard_port != DISCARD_PORT or record.test.port == 0:
        raise WireError(f"the echo answer names discard port {record.discard_port}, test port {record.test.port}")
    return {
        "mapped": [record.client.address, record.client.port],
        "discard_port": record.discard_port,
        "second": [record.test.address, record.test.port],
        "answer": data.hex(),
    }


def _masked(data: bytes) -> bytes:
    return bytes(byte ^ MASK[index] for index, byte in enumerate(data))


def _port(data: bytes) -> int:
    return int.from_bytes(_masked(data), "big")
