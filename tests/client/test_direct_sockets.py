"""Peers over sockets on loopback: what contacts listen and dial with, their receipts, whom they do not dial."""

from __future__ import annotations

import hashlib
import os
import socket
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from emulator.client.direct import Direct, Nonces
from emulator.client.direct_sockets import dial
from emulator.client.legacy_file_line import Line
from emulator.client.network import ClientError, StreamEnded, Unexpected
from emulator.client.peers import Hashed, Incoming
from emulator.client.shared_ports import SharedPorts
from emulator.services.contacts.living import seen_from
from emulator.services.contacts.sockets import ContactSockets
from emulator.services.journal import Journal
from emulator.wire import msnftp, p2p
from emulator.wire.receipt import Endpoint

HERE = "127.0.0.1"
ALICE = "alice@example.com"
MINE, THEIRS = bytes(range(16)), bytes(range(16, 32))


class Contact:
    """A contact's ways, with the journal that its receipts go to. It sees alice at one address."""

    def __init__(self, *seen: str) -> None:
        self.journal = Journal(lambda: 0.0)
        sockets = ContactSockets(reactor, self.journal, HERE, SharedPorts(reactor.callLater))
        self.ways = sockets.ways(lambda account: frozenset(seen))

    def receipts(self) -> tuple[Any, ...]:
        return self.journal.since(0)[0]


def made(stream: Any, *, connects: bool) -> Direct:
    mine, theirs = (MINE, THEIRS) if connects else (THEIRS, MINE)
    nonces = Nonces(mine, p2p.published(theirs), True)
    return Direct(stream, lambda: nonces, connects=connects, identifier=7, call_later=reactor.callLater)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("contact_dials", [False, True])
async def test_a_file_over_sockets_and_its_receipt(contact_dials: bool) -> None:
    contact, other = Contact(HERE), Contact(HERE)
    listener, dialler = (other, contact) if contact_dials else (contact, other)
    data, arrived, ended = os.urandom(900_000), Deferred(), Deferred()
    accepted: list[Direct] = []

    def accept(stream: Any) -> None:
        direct = made(stream, connects=False)
        direct.deliver = taking(arrived)
        direct.on_ended = ended.callback
        accepted.append(direct)

    place = await listener.ways.listen(accept)
    assert place.port >= 1025
    direct = made(await dialler.ways.dial(ALICE, HERE, place.port, 2.0), connects=True)
    await direct.ready
    await direct.pour(ALICE, data, session=1, identifier=2, flags=p2p.FILE_DATA, ack_id=3, app=2)
    direct.close()
    file = await arrived
    await ended
    place.close()
    assert file.data == data
    (receipt,) = contact.receipts()
    assert receipt.protocol == "p2p-direct"
    assert [(one.protocol, one.tag) for one in receipt.seen] == [("p2p-direct", MINE.hex())]
    assert receipt.facts["contact"] == ("dialled" if contact_dials else "listened")
    near = other.receipts()[0]
    assert (near.sent, near.received, near.local, near.peer) == (
        receipt.received,
        receipt.sent,
        receipt.peer,
        receipt.local,
    )


def taking(then: Deferred[Hashed]) -> Any:
    """Chunks of one file, in order."""
    under_way: list[Incoming] = []

    def deliver(header: p2p.Header, piece: memoryview, by: Direct) -> Incoming | None:
        if header.offset == 0:
            under_way.append(Incoming(Hashed(keep=True, then=then.callback), header))
        (incoming,) = under_way
        incoming.sink.write(piece)
        incoming.got += len(piece)
        if incoming.got == header.total:
            incoming.sink.done(header)
        return incoming

    return deliver


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("address", "port"), [("127.0.0.2", 4000), ("192.0.2.1", 80), (HERE, 80), (HERE, 1024)])
async def test_a_contact_dials_nobody_but_the_peer_where_it_is_seen(address: str, port: int) -> None:
    contact = Contact(HERE)
    with pytest.raises(Unexpected):
        await contact.ways.dial(ALICE, address, port, 1.0)
    assert contact.receipts() == ()


def test_an_account_that_is_not_here_is_seen_nowhere() -> None:
    class House:
        def at(self, address: str) -> tuple[Any, ...]:
            return (Session(),) if address == ALICE else (object(),)

    class Session:
        observed = Endpoint("192.0.2.7", 4711)

    assert seen_from(House(), ALICE) == {"192.0.2.7"}  # type: ignore[arg-type]
    assert seen_from(House(), "bob@example.com") == frozenset()  # type: ignore[arg-type]


@pytest_twisted.ensureDeferred
async def test_what_refuses_a_dial_is_said() -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        with pytest.raises(StreamEnded, match="cannot be reached"):
            await dial(reactor, HERE, taken.getsockname()[1], 1.0)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("port", range(6891, 6901))
@pytest.mark.parametrize("contact_sends", [False, True])
async def test_msnftp_over_sockets_on_every_port(port: int, contact_sends: bool) -> None:
    contact, data = Contact(HERE), hashlib.shake_128(b"x").digest(30_000)
    lines: Deferred[Line] = Deferred()
    roles = msnftp.sending(data, ALICE, 7), msnftp.receiving(ALICE, 7, len(data))
    listens, connects = roles if contact_sends else roles[::-1]  # USR is the receiver's, whoever connects

    def accept(stream: Any) -> None:
        lines.callback(Line(stream, listens, reactor.callLater, 3.0))

    try:
        place = await contact.ways.listen(accept, (port,))
    except ClientError as taken:
        pytest.skip(f"port {port} is not free here: {taken}")
    line = Line(await dial(reactor, HERE, port, 2.0), connects, reactor.callLater, 3.0)
    other = await lines
    ends = [await line.over(), await other.over()]
    place.close()
    assert sorted(ends) == [b"", data]
