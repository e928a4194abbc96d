"""Remote Assistance on TCP 3389: X.224 with cookie and negotiation, MCS up to the joined channels. Not a desktop.

Source: dossier media.md 6.2 (verified with tshark and nmap). Standard RDP security only, as XP offered it.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from binascii import Error

from emulator.wire import mcs, t120, tpkt
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Conversation, Send, Sighting, Talk

PREFIX = "Cookie: mstshash="
TAG_SIZE = 5  # bytes: eight base32 letters; Windows sends nine characters at most
IO_CHANNEL = 1003  # on which RDP itself is spoken
STANDARD = 0  # protocol: RDP security without TLS


def cookie(tag: bytes) -> str:
    """Cookie line that carries a 40-bit tag."""
    return PREFIX + b32encode(tag).decode().lower()


def from_cookie(line: str) -> str:
    """Hex tag in a cookie line, or "" when it is somebody else's."""
    name = line.removeprefix(PREFIX)
    if name == line or len(name) != 8:
        return ""
    try:
        return b32decode(name.upper()).hex()
    except (Error, ValueError):
        return ""


def tag_in(heard: bytes) -> bytes:
    """The tag in the cookie of what a client says first; b"" while it is not there, or is somebody else's."""
    talk = Conversation(tpkt.read_connection(tpkt.CONNECT_REQUEST))
    talk.start()
    talk.feed(heard)
    request = talk.result if talk.done else None
    return bytes.fromhex(from_cookie(request.cookie)) if request is not None else b""


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Negotiate standard security, connect with conference data, attach, join both channels, disconnect.

    Facts: selected, mstshash, user.
    """
    line = cookie(context.tag)
    negotiation = tpkt.Negotiation(tpkt.NEG_REQUEST, STANDARD)
    yield Send(tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_REQUEST, cookie=line, negotiation=negotiation)))
    confirm = yield from tpkt.read_connection(tpkt.CONNECT_CONFIRM)
    if confirm.negotiation is None or confirm.negotiation.kind != tpkt.NEG_RESPONSE:
        raise WireError(f"negotiation was answered {confirm.negotiation}")
    if confirm.negotiation.value != STANDARD:
        raise WireError(f"protocol {confirm.negotiation.value} was selected, which was not asked for")
    initial = mcs.ConnectInitial(user_data=mcs.conference_request())
    yield Send(tpkt.pack_data(mcs.pack_initial(initial)))
    response = yield from tpkt.read_data()
    if response != mcs.pack_response(mcs.ConnectResponse(user_data=mcs.conference_response())):
        raise WireError(f"MCS connect was answered with result {mcs.unpack_response(response).result}")
    user = yield from t120.attach()
    yield from t120.join(user, IO_CHANNEL)
    yield Send(tpkt.pack_data(mcs.DISCONNECT))
    return {"selected": STANDARD, "mstshash": line.removeprefix(PREFIX), "user": user}


def server(context: ServerContext) -> Talk[None]:
    """Standard security when asked for it, else failure 2 (TLS not allowed here); then MCS until disconnect.

    A request without a negotiation block, as XP's Remote Assistance sends it, gets a plain confirm.
    """
    request = yield from tpkt.read_connection(tpkt.CONNECT_REQUEST)
    asked = request.negotiation
    tag = from_cookie(request.cookie)
    if tag:
        yield Sighting("rdp", tag, {"requested": asked.value if asked else None})
    refused = asked is not None and asked.value != STANDARD
    answer = None
    if asked is not None:
        answer = tpkt.Negotiation(tpkt.NEG_RESPONSE, STANDARD)
        if refused:
            answer = tpkt.Negotiation(tpkt.NEG_FAILURE, tpkt.TLS_NOT_ALLOWED)
    confirm = tpkt.Connection(tpkt.CONNECT_CONFIRM, request.source, tpkt.REFERENCE, negotiation=answer)
    yield Send(tpkt.pack_connection(confirm))
    if refused:
        return
    initial = mcs.unpack_initial((yield from tpkt.read_data()))
    user_data = mcs.conference_response() if initial.user_data else b""
    yield Send(tpkt.pack_data(mcs.pack_response(mcs.ConnectResponse(user_data=user_data))))
    yield from t120.serve_domain()
