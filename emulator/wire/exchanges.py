"""Which talk carries which exchange: one registry for every stream and datagram protocol of this package but two.

Not the HTTP and MSNP exchanges, which are registered with their services. Keys of clients are catalog exchange ids.
"""

from __future__ import annotations

from collections.abc import Callable

from emulator.wire import (
    data_relay,
    echo,
    media,
    msnftp,
    p2p_direct,
    rdp,
    reflector,
    shared_secret,
    sip,
    stun,
    t120,
    trudp,
    turn,
    webcam,
)
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, DatagramTalk
from emulator.wire.firstbytes import classify_datagram
from emulator.wire.talk import Talk

StreamClient = Callable[[ClientContext], Talk[dict[str, object]]]
StreamServer = Callable[[ServerContext], Talk[None]]
DatagramClient = Callable[[ClientContext], DatagramTalk[dict[str, object]]]

STREAM_CLIENTS: dict[str, StreamClient] = {
    "echo-tcp": echo.client,
    "sip": sip.client,
    "sip-call": sip.client,
    "shared-secret": shared_secret.client,
    "data-relay": data_relay.client,
    "reflector": reflector.client,
    "webcam": webcam.client,
    "p2p-direct": p2p_direct.client,
    "rtp-tcp": media.tcp_client,
    "msnftp": msnftp.client,
    "t120": t120.client,
    "rdp": rdp.client,
}

# Keyed by what `firstbytes.classify_stream` says; the data relay opens with a pseudo-TLS hello.
STREAM_SERVERS: dict[str, StreamServer] = {
    "echo-tcp": echo.server,
    "sip": sip.server,
    "shared-secret": shared_secret.server,
    "pseudo-tls": data_relay.server,
    "reflector": reflector.server,
    "webcam": webcam.server,
    "p2p-direct": p2p_direct.server,
    "rtp-tcp": media.tcp_server,
    "msnftp": msnftp.server,
    "t120": t120.server,
    "rdp": rdp.server,
}

# What a client itself listens for: other clients.
PEER_SERVERS: dict[str, StreamServer] = {
    name: STREAM_SERVERS[name] for name in ("webcam", "p2p-direct", "rtp-tcp", "msnftp", "t120", "rdp")
}

DATAGRAM_CLIENTS: dict[str, DatagramClient] = {
    "echo-udp": echo.udp_client,
    "discard": echo.discard_client,
    "turn": turn.client,
    "media-audio": media.audio_client,
    "media-video": media.video_client,
    "media-legacy": media.legacy_client,
    "media-call": media.call_client,
    "assist-udp": media.assist_client,
    "trudp": trudp.client,
}


def answer_datagram(data: bytes, context: ServerContext, allocations: turn.Allocations) -> Answered | None:
    """What a datagram was and what to answer, by its first bytes and the port it arrived on; None: unknown."""
    match classify_datagram(data, context.local.port):
        case "discard":
            return echo.discard(data, context)
        case "echo":
            return echo.answer(data, context)
        case "turn":
            return turn.answer(data, context, allocations)
        case "trudp":
            return trudp.answer(data, context)
        case "stun" if context.local.port in stun.PORTS:
            return _rationed(stun.answer(data, context), data, context, allocations)
        case "stun" | "rtp" | "rtcp" | "opaque":
            return media.answer(data, context)
        case _:
            return None


def _rationed(
    answered: Answered | None, data: bytes, context: ServerContext, allocations: turn.Allocations
) -> Answered | None:
    """The binding service answers everybody, with more bytes than it was asked with: so much a second and address."""
    more = sum(len(reply.data) for reply in answered.replies) - len(data) if answered is not None else 0
    if answered is None or allocations.may_owe(context.observed.address, more, context.now()):
        return answered
    return Answered(answered.protocol, answered.tag, facts={**answered.facts, "not_answered": "too many questions"})


def answer_peer(data: bytes, context: ServerContext) -> Answered | None:
    """What a client answers to a datagram of another client; None: it is not for clients."""
    match classify_datagram(data, context.local.port):
        case "trudp":
            return trudp.answer(data, context)
        case "stun" | "rtp" | "rtcp" | "opaque":
            return media.answer(data, context)
        case _:
            return None
