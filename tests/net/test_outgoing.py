"""A port from which something was dialled can be listened on as soon as that connection has ended."""

from __future__ import annotations

import socket
import sys
from contextlib import closing
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from emulator.client import direct_sockets
from emulator.net.dial import dial

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="as Linux keeps ports")
LOCAL = "127.0.0.1"


class Server:
    """Accepts one connection, and closes it when the other end has."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOCAL, 0))
        self.port = self._listener.getsockname()[1]

    def close(self) -> None:
        """The other end has closed: so does this one."""
        accepted, _ = self._listener.accept()
        accepted.settimeout(5)
        assert accepted.recv(1) == b""
        accepted.close()
        self._listener.close()


async def near(port: int, way: str) -> tuple[Any, int]:
    """An open connection, and its local port."""
    if way == "peer":
        stream = await direct_sockets.dial(reactor, LOCAL, port, 2.0, source=LOCAL)
        return stream, stream.transport.getHost().port
    link = await dial(reactor, LOCAL, port, 2.0, bind=LOCAL if way == "bound" else "")
    assert link.local is not None
    return link, link.local.port


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("way", ["plain", "bound", "peer"])
async def test_after_the_end(way: str) -> None:
    server = Server()
    connection, port = await near(server.port, way)
    lost: Deferred[None] = Deferred()
    told = connection.connectionLost

    def connection_lost(reason: Any) -> None:
        told(reason)
        lost.callback(None)

    connection.connectionLost = connection_lost
    connection.close()
    reactor.callInThread(server.close)
    await lost
    with closing(socket.create_server((LOCAL, port))) as listener:
        assert listener.getsockname() == (LOCAL, port)
