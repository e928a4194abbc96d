"""T.120 on TCP 1503: X.224, MCS connect, attach, channel joins, data both ways, disconnect, both ends. No whiteboard.

Source: dossier media.md 6.1 (certainty A); T.125 for the data, which are filler in place of drawings. The flow's tag is
the caller's domain selector.
"""

from __future__ import annotations

from hashlib import sha256

from emulator.wire import mcs, tpkt
from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.errors import WireError
from emulator.wire.filler import filler
from emulator.wire.talk import Conversation, Note, Send, Sighting, Talk

PDUS = 64  # domain PDUs on one connection
TAG_SIZE = 8  # bytes
BOARD = 8  # static channel of still images (T.126)
CONTACT = mcs.USER + 1  # the other member of the conference
SIZES = (100, 1000)  # bytes that are drawn: both lengths that PER knows


def client(context: ClientContext) -> Talk[dict[str, object]]:
    """Connect, join the board's channel, data there and back, disconnect. Facts: user, channel, selector, bytes."""
    user = yield from connect(context.tag)
    yield from join(user, BOARD)
    for at, size in enumerate(SIZES):
        data = filler(context.tag, size, f"drawing {at}")
        yield Send(tpkt.pack_data(mcs.pack_sent(mcs.Sent(mcs.SEND_REQUEST, user, BOARD, data))))
        said = mcs.unpack_sent((yield from tpkt.read_data()))
        if said != mcs.Sent(mcs.SEND_INDICATION, CONTACT, BOARD, drawn(data)):
            raise WireError(f"{len(said.data)} other bytes came back on channel {said.channel}")
    yield Send(tpkt.pack_data(mcs.DISCONNECT))
    return {"user": user, "channel": BOARD, "selector": context.tag.hex(), "bytes": sum(SIZES)}


def tag_in(heard: bytes) -> bytes:
    """The selector in what a caller says first; b"" while it is not there, or is no tag."""
    talk = Conversation(_selector())
    talk.start()
    talk.feed(heard)
    found = talk.result if talk.done else None
    return found if found is not None and len(found) == TAG_SIZE else b""


def _selector() -> Talk[bytes]:
    yield from tpkt.read_connection(tpkt.CONNECT_REQUEST)
    return mcs.unpack_initial((yield from tpkt.read_data())).calling


def drawn(data: bytes) -> bytes:
    """What the contact draws upon what it got: as many bytes, which follow from those."""
    return filler(sha256(data).digest(), len(data), "drawn upon")


def connect(selector: bytes) -> Talk[int]:
    """The connection up to the join of the own channel; the value is the user id."""
    yield Send(tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_REQUEST)))
    yield from tpkt.read_connection(tpkt.CONNECT_CONFIRM)
    yield Send(tpkt.pack_data(mcs.pack_initial(mcs.ConnectInitial(calling=selector))))
    response = yield from tpkt.read_data()
    if response != mcs.pack_response(mcs.ConnectResponse()):
        raise WireError(f"MCS connect was answered with result {mcs.unpack_response(response).result}")
    return (yield from attach())


def attach() -> Talk[int]:
    """Erect the domain, attach a user, join its channel; the value is the user id."""
    yield Send(tpkt.pack_data(mcs.ERECT_DOMAIN) + tpkt.pack_data(mcs.ATTACH_USER))
    user = mcs.read_attach_confirm((yield from tpkt.read_data()))
    yield from join(user, user)
    return user


def join(user: int, channel: int) -> Talk[None]:
    """Join a channel."""
    request = mcs.join_request(user, channel)
    yield Send(tpkt.pack_data(request))
    if (yield from tpkt.read_data()) != mcs.join_confirm(request):
        raise WireError("the channel join was not confirmed")


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
    """Answer domain PDUs until DisconnectProviderUltimatum. WireError for an unknown one or more than 64.

    On the board's channel sits the contact: it answers data of whoever has joined that channel too.
    """
    joined: set[int] = set()
    drawings = 0
    for _ in range(PDUS):
        pdu = yield from tpkt.read_data()
        if pdu == mcs.DISCONNECT:
            return
        if pdu == mcs.ATTACH_USER:
            yield Send(tpkt.pack_data(mcs.attach_confirm()))
        elif len(pdu) == 5 and pdu[0] == 0x38:
            channel = int.from_bytes(pdu[3:], "big")
            joined.add(channel)
            yield Note({"joined": channel})
            yield Send(tpkt.pack_data(mcs.join_confirm(pdu)))
        elif pdu[0] == mcs.SEND_REQUEST:
            sent = mcs.unpack_sent(pdu)
            if sent.channel == BOARD and BOARD in joined:
                drawings += len(sent.data)
                yield Note({"drawn": drawings})
                answer = mcs.Sent(mcs.SEND_INDICATION, CONTACT, BOARD, drawn(sent.data))
                yield Send(tpkt.pack_data(mcs.pack_sent(answer)))
        elif pdu[0] != 0x04:  # ErectDomainRequest wants no answer
            raise WireError(f"an unknown domain PDU: {pdu[:8].hex()}")
    raise WireError(f"more than {PDUS} domain PDUs on one connection")
