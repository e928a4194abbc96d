"""Webcam over direct TCP: the recipientid handshake and ML20 frames. Not the blobs that agree on addresses.

Source: dossier media.md 4.5 (certainty A). The frame's codec data (mimic) are filler: nothing here encodes pictures.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

import msgspec

from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler, number
from emulator.wire.talk import Exactly, Note, Peek, Send, Sighting, Talk, Until

HEADER = 24  # bytes
PAYLOAD_LIMIT = 64 * 1024  # bytes
FRAMES_LIMIT = 256  # frames the viewer takes on one connection
LINE_LIMIT = 128  # bytes
MAGIC = b"ML20"
CONNECTED = b"connected\r\n\r\n"
WIDTH, HEIGHT = 320, 240

_FORM = struct.Struct("<BBHHHI4sII")


class Frame(msgspec.Struct, frozen=True):
    """One frame. `stream` names the stream, `milliseconds` its time; a paused frame has no payload."""

    stream: int
    milliseconds: int
    payload: bytes = b""
    keyframe: bool = False
    paused: bool = False
    width: int = WIDTH
    height: int = HEIGHT


def pack(frame: Frame) -> bytes:
    """Header and payload."""
    head = _FORM.pack(
        HEADER,
        frame.paused,
        frame.width,
        frame.height,
        frame.keyframe,
        len(frame.payload),
        MAGIC,
        frame.stream,
        frame.milliseconds,
    )
    return head + frame.payload


def read_frame() -> Talk[Frame]:
    """Take one frame off a stream. WireError for another magic, a bad flag or more than 64 KiB."""
    head = yield Exactly(HEADER)
    size, paused, width, height, key, length, magic, stream, milliseconds = _FORM.unpack(head)
    if size != HEADER or magic != MAGIC or paused > 1 or key > 1:
        raise WireError(f"not an ML20 frame: {head.hex()}")
    if length > PAYLOAD_LIMIT or (paused and length):
        raise WireError(f"an ML20 frame of {length} bytes, paused {paused}")
    payload = (yield Exactly(length)) if length else b""
    return Frame(stream, milliseconds, payload, bool(key), bool(paused), width, height)


def frames(tag: bytes) -> list[Frame]:
    """What a producer sends: a key frame, two that follow, a paused one."""
    stream = number(tag, "stream")
    shown = [Frame(stream, 100 * n, filler(tag, 400 - 90 * n, f"frame {n}"), keyframe=n == 0) for n in range(3)]
    return [*shown, Frame(stream, 300, paused=True)]


def greeting(tag: bytes) -> bytes:
    """The dialler's line: recipient id and session are the two halves of the tag, big-endian, in decimal."""
    if len(tag) != 8:
        raise WireError(f"a webcam tag of {len(tag)} bytes")
    recipient, session = int.from_bytes(tag[:4], "big"), int.from_bytes(tag[4:], "big")
    return f"recipientid={recipient}&sessionid={session}\r\n\r\n".encode()


def tag_in(opening: bytes) -> bytes:
    """The tag of a greeting at the beginning of a connection; b"" when there is none."""
    found = re.match(rb"recipientid=(\d{1,10})&sessionid=(\d{1,10})\r\n\r\n", opening)
    if found is None or max(int(found[1]), int(found[2])) > 0xFFFFFFFF:
        return b""
    return int(found[1]).to_bytes(4, "big") + int(found[2]).to_bytes(4, "big")


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Dial and produce: handshake, four frames. Facts: recipientid, sessionid, frames, bytes."""
    yield from dial(context.tag)
    sent = frames(context.tag)
    yield from produce(sent)
    return {
        "recipientid": int.from_bytes(context.tag[:4], "big"),
        "sessionid": int.from_bytes(context.tag[4:], "big"),
        "frames": len(sent),
        "bytes": sum(len(frame.payload) for frame in sent),
    }


def server(context: ServerContext) -> Talk[None]:
    """Listen and view: answer the handshake, take frames until the producer closes between two of them."""
    yield from listen()
    yield from view()


def dial(tag: bytes) -> Talk[None]:
    """The dialler's handshake, whoever produces afterwards. WireError when the listener is another one."""
    yield Send(greeting(tag))
    if (yield Exactly(len(CONNECTED))) != CONNECTED:
        raise WireError("the listener did not say connected")
    yield Send(CONNECTED)


def listen(expected: bytes = b"") -> Talk[bytes]:
    """The listener's handshake; the value is the tag of the greeting. `expected`: the only tag that is let in."""
    line = yield Until(b"\r\n\r\n", LINE_LIMIT)
    found = re.fullmatch(rb"recipientid=(\d{1,10})&sessionid=(\d{1,10})\r\n\r\n", line)
    if found is None:
        raise WireError(f"not a webcam greeting: {line[:60]!r}")
    recipient, session = int(found[1]), int(found[2])
    if max(recipient, session) > 0xFFFFFFFF:
        raise WireError(f"recipient {recipient} or session {session} exceeds 32 bits")
    tag = recipient.to_bytes(4, "big") + session.to_bytes(4, "big")
    if expected and tag != expected:
        raise WireError(f"a greeting for recipient {recipient} of session {session}, who is not here")
    yield Sighting("webcam", tag.hex(), {"recipientid": recipient, "sessionid": session})
    yield Send(CONNECTED)
    if (yield Exactly(len(CONNECTED))) != CONNECTED:
        raise WireError("the dialler did not say connected")
    return tag


def produce(shown: Iterable[Frame], credit: bytes = b"") -> Talk[None]:
    """Send frames; each waits for `credit` where that is given."""
    for at, frame in enumerate(shown):
        yield Send(pack(frame))
        if credit and (yield Exactly(len(credit))) != credit:
            raise WireError(f"frame {at} was answered with no credit")


def view(credit: bytes = b"") -> Talk[None]:
    """Take frames until the peer closes, each answered with `credit`. At most 256 frames; notes what was seen."""
    taken, octets, paused = 0, 0, 0
    while (yield Peek()):
        frame = yield from read_frame()
        taken, octets, paused = taken + 1, octets + len(frame.payload), paused + frame.paused
        if taken > FRAMES_LIMIT:
            raise WireError(f"more than {FRAMES_LIMIT} frames on one connection")
        yield Note({"frames": taken, "frame_bytes": octets, "paused": paused})
        if credit:
            yield Send(credit)
