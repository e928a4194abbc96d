"""Peer datagrams as a stand-in for TRUDPv1, whose frame header is unknown. Emulated; never taken for the original.

Known (dossier media.md 1.8, B): 20 bytes of local id, remote id and three words, then a P2P message. Ours: the words
are sequence (always 1), acknowledged sequence and kind (1 question, 2 answer), all little-endian.
"""

from __future__ import annotations

from emulator.wire import p2p
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply
from emulator.wire.errors import WireError
from emulator.wire.filler import number

FRAME = 20  # bytes
QUESTION_WORDS = b"\x01\0\0\0" + b"\0\0\0\0" + b"\x01\0\0\0"
ANSWER_WORDS = b"\x01\0\0\0" + b"\x01\0\0\0" + b"\x02\0\0\0"
PREPARATION = bytes(4)  # the data preparation message that opens an object transfer
SIZE = FRAME + p2p.HEADER + len(PREPARATION)


def question(tag: bytes) -> bytes:
    """Frame with the tag as local and remote id, header and data preparation message: 72 bytes."""
    if len(tag) != 8:
        raise WireError(f"a TRUDP tag of {len(tag)} bytes")
    header = p2p.Header(
        session=number(tag, "session"),
        identifier=number(tag, "identifier", bits=24),
        total=len(PREPARATION),
        length=len(PREPARATION),
        ack_id=number(tag, "ack"),
    )
    return tag + QUESTION_WORDS + p2p.pack(header) + PREPARATION


def is_question(data: bytes) -> bool:
    """True for a question of our own form; everything but ids, session and identifiers is fixed."""
    if len(data) != SIZE or data[8:FRAME] != QUESTION_WORDS or data[-len(PREPARATION) :] != PREPARATION:
        return False
    try:
        header = p2p.unpack(data[FRAME:])
    except WireError:
        return False
    return (header.offset, header.total, header.length, header.flags) == (0, 4, 4, p2p.PLAIN)


def client(context: ClientContext) -> DatagramTalk[dict[str, object]]:
    """Send the question, check its acknowledgement byte for byte. Facts: local_id, remote_id (hex)."""
    mine = question(context.tag)
    head = context.tag[4:] + context.tag[:4] + ANSWER_WORDS
    data = yield Ask(mine, lambda data: data[:FRAME] == head)
    if not p2p.acknowledges(data[FRAME:], p2p.unpack(mine[FRAME:])):
        raise WireError("the data preparation message was not acknowledged")
    return {"local_id": context.tag[:4].hex(), "remote_id": context.tag[4:].hex()}


def answer(data: bytes, context: ServerContext) -> Answered | None:
    """Acknowledge a question with 68 bytes, ids swapped; None for anything else."""
    if not is_question(data):
        return None
    header = p2p.unpack(data[FRAME:])
    acknowledgement = p2p.acknowledgement(header, number(data[:8], "listener", bits=24))
    reply = data[4:8] + data[:4] + ANSWER_WORDS + acknowledgement
    return Answered("trudp", data[:8].hex(), (Reply(reply),), {"session": header.session})
