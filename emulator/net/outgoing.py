"""Outgoing TCP connections whose local port may be listened on once they have ended. No evidence, no policy.

Whoever closes first keeps the pair of addresses for a minute, and the port with it where the socket had not agreed to
share: runs that follow each other from one place would find ports taken that contacts are to dial.
"""

from __future__ import annotations

import os
import socket
from typing import Any, cast

from twisted.internet import tcp


class OutgoingClient(tcp.Client):
    """Twisted's TCP client, with that agreement, by which connections from one given port to several may share it too.

    On Windows the option lets others steal a live port: only where a port is given.
    """

    def createInternetSocket(self) -> socket.socket:
        sock = cast(socket.socket, super().createInternetSocket())
        if os.name == "posix" or cast(OutgoingConnector, self.connector).bindAddress is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock


class OutgoingConnector(tcp.Connector):
    """Connector that makes such clients."""

    def _makeTransport(self) -> OutgoingClient:
        return OutgoingClient(self.host, self.port, self.bindAddress, self, self.reactor)


def connect(
    reactor: Any, address: str, port: int, factory: Any, timeout: float, bind: tuple[str, int] | None = None
) -> OutgoingConnector:
    """As `reactor.connectTCP`. Raises OSError when no socket can be had."""
    connector = OutgoingConnector(address, port, factory, timeout, bind, reactor)
    connector.connect()
    return connector
