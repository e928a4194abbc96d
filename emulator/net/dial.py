"""Dials TCP and keeps the evidence of a failed attempt: reset, ICMP error and who sent it, silence.

Portable; the error queue is read where the system has one. Not a retry policy.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, cast

from twisted.internet import error, interfaces, protocol
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from emulator.judge.observation import IcmpError
from emulator.net.link import Link
from emulator.net.linux import errqueue
from emulator.net.outgoing import OutgoingClient, OutgoingConnector
from emulator.net.route import source_for

OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.ENOBUFS, errno.ENOMEM}

# Said by this machine without a way to the address; and, where no error queue tells more, of an ICMP error.
UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH}


class DialFailed(Exception):
    """No connection. `ending` is an Ending ("reset", "icmp", "silence", "own-fault"); `icmp` if the queue had one."""

    def __init__(self, ending: str, detail: str, icmp: IcmpError | None = None) -> None:
        super().__init__(detail)
        self.ending = ending
        self.detail = detail
        self.icmp = icmp


class _EvidenceClient(OutgoingClient):
    """A TCP client with the error queue on while it connects and off once connected."""

    def createInternetSocket(self) -> socket.socket:
        sock = super().createInternetSocket()
        errqueue.enable(sock)
        return sock

    def failIfNotConnected(self, err: Any) -> None:
        connector = cast(_EvidenceConnector, self.connector)
        sock = getattr(self, "socket", None)
        if sock is not None and connector.icmp is None:
            found = errqueue.drain(sock)
            connector.icmp = found[0][0] if found else None
        super().failIfNotConnected(err)

    def _connectDone(self) -> None:
        errqueue.disable(self.socket)
        super()._connectDone()


class _EvidenceConnector(OutgoingConnector):
    """Connector that makes such clients and remembers the ICMP error of the attempt."""

    icmp: IcmpError | None = None
    local_port = 0

    def _makeTransport(self) -> _EvidenceClient:
        return _EvidenceClient(self.host, self.port, self.bindAddress, self, self.reactor)


class _OneLink(protocol.ClientFactory):
    noisy = False

    def __init__(self, opened: Deferred[Link]) -> None:
        self._opened = opened

    def buildProtocol(self, addr: interfaces.IAddress | None) -> protocol.Protocol:
        link = Link()
        made = link.connectionMade

        def connection_made() -> None:
            made()
            if not self._opened.called:
                self._opened.callback(link)

        link.connectionMade = connection_made  # type: ignore[method-assign]
        return link

    def clientConnectionFailed(self, connector: interfaces.IConnector, reason: Failure) -> None:
        if not self._opened.called:
            self._opened.errback(reason)


async def dial(
    reactor: Any,
    address: str,
    port: int,
    timeout: float,
    attempt: Attempt | None = None,
    *,
    source: int | None = None,
    bind: str = "",
) -> Link:
    """Connect to an IPv4 address within `timeout` seconds. Raises DialFailed with the evidence.

    `source`: local port, 0 for any; connections that were given one may share it, to different addresses.
    `bind`: local address, "" for the system's choice.
    """
    opened: Deferred[Link] = Deferred()
    bound = None if source is None and not bind else (bind, source or 0)
    connector = _EvidenceConnector(address, port, _OneLink(opened), timeout, bound, reactor)
    try:
        connector.connect()
    except OSError as problem:
        raise DialFailed("own-fault", f"cannot open a socket: {problem}") from problem
    if attempt is not None:
        attempt.connector = connector
    try:
        return await opened
    except error.ConnectError as problem:
        raise _failure(problem, connector) from problem
    except error.DNSLookupError as problem:
        raise DialFailed("own-fault", f"no address for {address!r}: give it in dots") from problem


class Attempt:
    """Handle on a dial under way: its local port (the source of the SYN), and a way to give up."""

    connector: _EvidenceConnector | None = None

    def local(self) -> tuple[str, int] | None:
        """Source address of the attempt, as far as the socket knows it."""
        transport = self.connector.transport if self.connector is not None else None
        sock = getattr(transport, "socket", None)
        if sock is None:
            return None
        try:
            name = sock.getsockname()
        except OSError:
            return None
        return name[0], name[1]

    def give_up(self) -> None:
        """Stop connecting; the dial fails with "silence"."""
        if self.connector is not None and self.connector.state == "connecting":
            self.connector.stopConnecting()


def _failure(problem: error.ConnectError, connector: _EvidenceConnector) -> DialFailed:
    if connector.icmp is not None:
        icmp = connector.icmp
        return DialFailed("icmp", f"ICMP {icmp.type}/{icmp.code} from {icmp.offender}", icmp)
    if isinstance(problem, error.TimeoutError | error.UserError):
        return DialFailed("silence", "no answer to the SYN")
    number = getattr(problem, "osError", None)
    code = number if isinstance(number, int) else getattr(number, "errno", None)
    if isinstance(problem, error.ConnectionRefusedError) or code == errno.ECONNREFUSED:
        return DialFailed("reset", "RST to the SYN")
    if code in OWN_FAULTS:
        return DialFailed("own-fault", f"this machine refuses: {problem}")
    if code == errno.ETIMEDOUT:
        return DialFailed("silence", "no answer to the SYN")
    if code in UNREACHABLE and not errqueue.AVAILABLE and source_for(connector.host):
        return DialFailed("icmp", "an ICMP error, says the system: not which, nor whose")
    if code in UNREACHABLE:
        return DialFailed("own-fault", f"no route from here: {problem}")
    return DialFailed("reset", f"the attempt failed: {problem}")
