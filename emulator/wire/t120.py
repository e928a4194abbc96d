"""T.120 on TCP 1503: X.224, MCS connect, attach, channel join, disconnect, both ends. Not a whiteboard.

Source: dossier media.md 6.1 (certainty A). The flow's tag is the caller's domain selector.
"""

from __future__ import annotations

from emulator.wire import mcs, tpkt
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.talk import Note, Send, Sighting, Talk

PDUS = 64  # domain PDUs on one connection
TAG_SIZE = 8  # bytes


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """The whole connection up to the join of the own channel. Facts: user, channel, selector (hex)."""
    yield Send(tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_REQUEST)))
    yield from tpkt.read_connection(tpkt.CONNECT_CONFIRM)
    yield Send(tpkt.pack_data(mcs.pack_initial(mcs.ConnectInitial(calling=context.tag))))
    response = yield from tpkt.read_data()
    if response != mcs.pack_response(mcs.ConnectResponse()):
        raise WireError(f"MCS connect was answered with result {mcs.unpack_response(response).result}")
    user = yield from attach()
    yield Send(tpkt.pack_data(mcs.DISCONNECT))
    return {"user": user, "channel": user, "selector": context.tag.hex()}


def attach() -> Talk[int]:
    """Erect the domain, attach a user, join its channel; the value is the user id."""
    yield Send(tpkt.pack_data(mcs.ERECT_DOMAIN) + tpkt.pack_data(mcs.ATTACH_USER))
    user = mcs.read_attach_confirm((yield from tpkt.read_data()))
    request = mcs.join_request(user, user)
    yield Send(tpkt.pack_data(request))
    if (yield from tpkt.read_data()) != mcs.join_confirm(request):
        raise WireError("the channel join was not confirmed")
    return user


def server(context: ServerContext) -> Talk[None]:
    """Answer all of it until the caller disconnects. A selector of another size than 8 bytes sights nothing."""
    request = yield from tpkt.read_connection(tpkt.CONNECT_REQUEST)
    yield Send(tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_CONFIRM, request.source, tpkt.REFERENCE)))
    initial = mcs.unpack_initial((yield from tpkt.read_data()))
    if len(initial.calling) == TAG_SIZE:
        yield Sighting("t120", initial.calling.hex(), {"user_data": len(initial.user_data)})
    user_data = mcs.conference_response() if initial.user_data else b""
    yield Send(tpkt.pack_data(mcs.pack_response(mcs.ConnectResponse(user_data=user_data))))
    yield from serve_domain()


def serve_domain() -> Talk[None]:
    """Answer domain PDUs until DisconnectProviderUltimatum. WireError for an unknown one or more than 64."""
    for _ in range(PDUS):
        pdu = yield from tpkt.read_data()
        if pdu == mcs.DISCONNECT:
            return
        if pdu == mcs.ATTACH_USER:
            yield Send(tpkt.pack_data(mcs.attach_confirm()))
        elif len(pdu) == 5 and pdu[0] == 0x38:
            yield Note({"joined": int.from_bytes(pdu[3:], "big")})
            yield Send(tpkt.pack_data(mcs.join_confirm(pdu)))
        elif pdu[0] != 0x04:  # ErectDomainRequest wants no answer
            raise WireError(f"an unknown domain PDU: {pdu[:8].hex()}")
    raise WireError(f"more than {PDUS} domain PDUs on one connection")
