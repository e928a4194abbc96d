"""Peer datagrams as a stand-in for TRUDPv1, whose frame header is unknown. Emulated; never taken for the original.

Known (dossier media.md 1.8, B): 20 bytes of local id, remote id and three words, then a P2P message. Ours: the words
are sequence (from 1), acknowledged sequence and kind (1 question, 2 answer), all little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from emulator.wire import p2p
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply
from emulator.wire.errors import WireError
from emulator.wire.filler import number

FRAME = 20  # bytes
QUESTION, ANSWER = 1, 2
PREPARATION = bytes(4)  # the data preparation message that opens an object transfer
PAYLOAD = p2p.SWITCHBOARD_CHUNK  # bytes of one message at most, so that no datagram is fragmented
MESSAGES = 64  # on one pair of ids

_WORDS = struct.Struct("<III")


def question(tag: bytes, payload: bytes = PREPARATION, sequence: int = 1) -> bytes:
    """Frame with the tag as local and remote id, header and one message. WireError for what does not fit."""
    if len(tag) != 8:
        raise WireError(f"a TRUDP tag of {len(tag)} bytes")
    if not 0 < len(payload) <= PAYLOAD or not 0 < sequence <= MESSAGES:
        raise WireError(f"message {sequence} of {len(payload)} bytes")
    header = p2p.Header(
        session=number(tag, "session"),
        identifier=number(tag, "identifier", bits=24) + sequence,
        total=len(payload),
        length=len(payload),
        ack_id=number(tag, "ack"),
    )
    return tag + _WORDS.pack(sequence, 0, QUESTION) + p2p.pack(header) + payload


def sequence_of(data: bytes) -> int:
    """The number of a question of our own form, which is longer than its answer; 0 for anything else."""
    size = len(data) - FRAME - p2p.HEADER
    if not 0 < size <= PAYLOAD:
        return 0
    sequence, acknowledged, kind = _WORDS.unpack(data[8:FRAME])
    if not 0 < sequence <= MESSAGES or acknowledged or kind != QUESTION:
        return 0
    try:
        header = p2p.unpack(data[FRAME:])
    except WireError:
        return 0
    return sequence if (header.offset, header.total, header.length, header.flags) == (0, size, size, p2p.PLAIN) else 0


def client(context: ClientContext, messages: Sequence[bytes] = (PREPARATION,)) -> DatagramTalk[dict[str, object]]:
    """Send messages one by one, check each acknowledgement byte for byte. Facts: local_id, remote_id (hex)."""
    for sequence, payload in enumerate(messages, 1):
        mine = question(context.tag, payload, sequence)
        data = yield Ask(mine, _begins(context.tag[4:] + context.tag[:4] + _WORDS.pack(1, sequence, ANSWER)))
        if not p2p.acknowledges(data[FRAME:], p2p.unpack(mine[FRAME:])):
            raise WireError(f"message {sequence} was not acknowledged")
    return {"local_id": context.tag[:4].hex(), "remote_id": context.tag[4:].hex()}


def _begins(head: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(head)


def answer(data: bytes, context: ServerContext) -> Answered | None:
    """Acknowledge a question with 68 bytes, ids swapped; None for anything else."""
    sequence = sequence_of(data)
    if not sequence:
        return None
    header = p2p.unpack(data[FRAME:])
    acknowledgement = p2p.acknowledgement(header, number(data[:8], "listener", bits=24))
    reply = data[4:8] + data[:4] + _WORDS.pack(1, sequence, ANSWER) + acknowledgement
    return Answered("trudp", data[:8].hex(), (Reply(reply),), {"session": header.session})
