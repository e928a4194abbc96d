"""Call media: STUN checks, RTP and RTCP over UDP, RTP over TCP, opaque datagrams. Not signalling (sip.py).

Source: dossier media.md 4.1 (checks), 4.2 (RTP), outcomes.md "Probe payloads". RTP over TCP is framed as in RFC 4571
and, like the opaque datagrams, emulated. No answer but a STUN one is longer than its question; the far end keeps no
state: an RTP answer follows from its question alone.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.wire import rtp, stun
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, Ask, DatagramTalk, Reply
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.shared_secret import derive_password
from emulator.wire.stun import Message
from emulator.wire.talk import Exactly, Peek, Send, Sighting, Talk

PACKETS = 3  # RTP packets of a probe
STREAM_PACKETS = 64  # RTP packets the far end takes on one TCP connection
OPAQUE_SIZE = 32  # bytes: the tag and a proof of it

Facts = DatagramTalk[dict[str, object]]


def audio_client(context: ClientContext) -> Facts:
    """Connectivity check (transaction id = tag), PCMU both ways, reports both ways. Facts: mapped, ssrc, packets."""
    checked = yield from _check(context, authenticated=True)
    return checked | (yield from _stream(context, rtp.PCMU, report=True))


def video_client(context: ClientContext) -> Facts:
    """Connectivity check, then RTP payload type 34 (H.263) both ways."""
    checked = yield from _check(context, authenticated=True)
    return checked | (yield from _stream(context, rtp.H263, report=False))


def legacy_client(context: ClientContext) -> Facts:
    """RTP and RTCP of an invitation-era call: no check, the SSRC is the tag."""
    return (yield from _stream(context, rtp.PCMU, report=True))


def call_client(context: ClientContext) -> Facts:
    """RTP and RTCP of a phone call, as far as is known the same as `legacy_client`."""
    return (yield from _stream(context, rtp.PCMU, report=True))


def assist_client(context: ClientContext) -> Facts:
    """A plain STUN binding, then 32 opaque bytes answered by 32 (emulated Remote Assistance over UDP)."""
    checked = yield from _check(context, authenticated=False)
    wanted = opaque_answer(context.tag)
    yield Ask(opaque(context.tag), lambda data: data == wanted)
    return {**checked, "opaque": OPAQUE_SIZE}


def check_username(tag: bytes) -> bytes:
    """USERNAME of a check: far name, component, near name, component, padded to 4 (dossier 4.1)."""
    far, near = filler(tag, 10, "far name").hex(), filler(tag, 10, "near name").hex()
    name = f"{far}:1:{near}:1".encode()
    return name + bytes(-len(name) % 4)


def check_request(tag: bytes, key: bytes) -> bytes:
    """A check; its key follows from the USERNAME as relay passwords do (no SDP carries it here)."""
    username = check_username(tag)
    message = Message(stun.BINDING, tag, ((stun.USERNAME, username),))
    return stun.encode(message, derive_password(key, username))


def opaque(tag: bytes) -> bytes:
    """32 bytes: the tag and 16 bytes that follow from it, so that they are recognised among other datagrams."""
    return tag + filler(tag, 16, "opaque")


def opaque_answer(tag: bytes) -> bytes:
    """The answer to `opaque`, as long as the question."""
    return tag + filler(tag, 16, "opaque answer")


def is_opaque(data: bytes) -> bool:
    """True for what `opaque` makes."""
    return len(data) == OPAQUE_SIZE and data == opaque(data[:16])


def answer(data: bytes, context: ServerContext) -> Answered | None:
    """Answer a check, an RTP or RTCP packet or an opaque datagram; None for what is none of these."""
    if is_opaque(data):
        return Answered("opaque", data[:16].hex(), (Reply(opaque_answer(data[:16])),))
    if rtp.is_rtcp(data):
        return _answer_report(data, context)
    if rtp.is_rtp(data):
        packet = rtp.unpack(data)
        facts: dict[str, object] = {"payload_type": packet.payload_type, "sequence": packet.sequence}
        replies = () if rtp.is_far_packet(packet) else (Reply(rtp.pack(rtp.far_packet(packet))),)
        return Answered("rtp", _ssrc_tag(packet.ssrc), replies, facts)
    return answer_check(data, context)


def answer_check(data: bytes, context: ServerContext) -> Answered | None:
    """Answer a STUN binding request, checked when it carries MESSAGE-INTEGRITY. A wrong one is refused with 431."""
    try:
        question = stun.decode(data)
        if question.kind != stun.BINDING:
            return None
        mapped = stun.address_value(context.observed)
    except WireError:
        return None
    attributes = [
        (stun.MAPPED_ADDRESS, mapped),
        (stun.XOR_MAPPED_ADDRESS, stun.xored(mapped, question.id)),
    ]
    username, key = question.get(stun.USERNAME), None
    facts: dict[str, object] = {}
    if question.get(stun.MESSAGE_INTEGRITY) is not None:
        key = derive_password(context.relay_key, username or b"")
        if username is None or not stun.authentic(question, key):
            refusal = (stun.ERROR_CODE, stun.error_value(431, "Integrity Check Failure"))
            reply = stun.encode(Message(stun.BINDING_ERROR, question.id, (refusal,)))
            return Answered("stun", question.id.hex(), (Reply(reply),), {"refused": 431})
        attributes.append((stun.USERNAME, username))
        facts["authenticated"] = True
    reply = stun.encode(Message(stun.BINDING_OK, question.id, tuple(attributes)), key)
    facts["ssrc"] = _ssrc_tag(rtp.ssrc_of(question.id))
    return Answered("stun", question.id.hex(), (Reply(reply),), facts)


def tcp_client(context: ClientContext) -> Talk[dict[str, object]]:
    """RTP in frames of RFC 4571, both ways, checked byte for byte. Facts: ssrc, far_ssrc, packets."""
    ssrc = rtp.ssrc_of(context.tag)
    for index in range(1, PACKETS + 1):
        packet = rtp.near_packet(ssrc, rtp.PCMU, index)
        yield Send(_framed(rtp.pack(packet)))
        if (yield from _frame()) != rtp.pack(rtp.far_packet(packet)):
            raise WireError(f"RTP packet {index} was not answered as it must be")
    return _stream_facts(ssrc)


def tcp_server(context: ServerContext) -> Talk[None]:
    """Answer framed RTP until the peer closes, at most 64 packets; one SSRC for a connection."""
    ssrc: int | None = None
    for _ in range(STREAM_PACKETS):
        if not (yield Peek()):
            return
        packet = rtp.unpack((yield from _frame()))
        if ssrc is None:
            ssrc = packet.ssrc
            yield Sighting("rtp", _ssrc_tag(ssrc), {"payload_type": packet.payload_type})
        if packet.ssrc != ssrc:
            raise WireError(f"SSRC {packet.ssrc:08x} in the stream of {ssrc:08x}")
        yield Send(_framed(rtp.pack(rtp.far_packet(packet))))
    if (yield Peek()):
        raise WireError(f"more than {STREAM_PACKETS} RTP packets on one connection")


def _check(context: ClientContext, *, authenticated: bool) -> Facts:
    key = None
    if authenticated:
        question = check_request(context.tag, context.relay_key)
        key = derive_password(context.relay_key, check_username(context.tag))
    else:
        question = stun.encode(Message(stun.BINDING, context.tag))
    data = yield Ask(question, lambda data: data != question and data[4:20] == context.tag)
    reply = stun.decode(data)
    if reply.kind != stun.BINDING_OK:
        raise WireError(f"the check was answered {reply.kind:#06x} {reply.error}".rstrip())
    if key is not None and not stun.authentic(reply, key):
        raise WireError("the answer to the check has no valid MESSAGE-INTEGRITY")
    mapped = reply.address(stun.MAPPED_ADDRESS)
    xored = stun.address(stun.xored(reply.need(stun.XOR_MAPPED_ADDRESS), context.tag))
    facts: dict[str, object] = {"mapped": [mapped.address, mapped.port]}
    if xored != mapped:
        facts["rewritten"] = [xored.address, xored.port]  # a gateway changed the plain address in the payload
    return facts


def _stream(context: ClientContext, payload_type: int, *, report: bool) -> Facts:
    ssrc = rtp.ssrc_of(context.tag)
    packet = rtp.near_packet(ssrc, payload_type, 1)
    for index in range(1, PACKETS + 1):
        packet = rtp.near_packet(ssrc, payload_type, index)
        wanted = rtp.pack(rtp.far_packet(packet))
        data = yield Ask(rtp.pack(packet), _begins_like(wanted))
        if data != wanted:
            raise WireError(f"the payload of RTP packet {index} is not what the far end sends")
    if report:
        octets = PACKETS * len(packet.payload)
        mine = rtp.Report(ssrc, rtp.near_time(context.now()), packet.timestamp, PACKETS, octets)
        far = rtp.far_ssrc(ssrc).to_bytes(4, "big")
        data = yield Ask(rtp.pack_report(mine), lambda data: rtp.is_rtcp(data) and data[4:8] == far)
        theirs = rtp.unpack_report(data)
        if (theirs.timestamp, theirs.packets, theirs.octets) != (mine.timestamp, mine.packets, mine.octets):
            raise WireError("the far end's report does not count the packets it sent")
    return _stream_facts(ssrc)


def _begins_like(wanted: bytes) -> Callable[[bytes], bool]:
    """Match by type, sequence and SSRC, so that a changed payload is noticed and not waited out."""
    return lambda data: data[:4] == wanted[:4] and data[8:12] == wanted[8:12]


def _answer_report(data: bytes, context: ServerContext) -> Answered:
    ssrc = int.from_bytes(data[4:8], "big")
    facts: dict[str, object] = {"rtcp": data[1]}
    try:
        mine = rtp.unpack_report(data)
    except WireError:
        return Answered("rtp", _ssrc_tag(ssrc), facts=facts)
    if rtp.is_far_report(data):
        return Answered("rtp", _ssrc_tag(ssrc), facts=facts)
    # Our stream mirrors theirs, so the counts of our own report are theirs too; the time is our own.
    far = rtp.far_ssrc(ssrc)
    report = rtp.Report(far, rtp.far_time(context.now(), far), mine.timestamp, mine.packets, mine.octets)
    return Answered("rtp", _ssrc_tag(ssrc), (Reply(rtp.pack_report(report)),), facts)


def _stream_facts(ssrc: int) -> dict[str, object]:
    return {"ssrc": _ssrc_tag(ssrc), "far_ssrc": _ssrc_tag(rtp.far_ssrc(ssrc)), "packets": PACKETS}


def _ssrc_tag(ssrc: int) -> str:
    return f"{ssrc:08x}"


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _frame() -> Talk[bytes]:
    size = int.from_bytes((yield Exactly(2)), "big")
    if not rtp.HEADER < size <= rtp.SIZE_LIMIT:
        raise WireError(f"an RTP frame of {size} bytes")
    return (yield Exactly(size))
