"""UDP sockets of our own: one that survives ICMP errors and hands them over as evidence (near end), and one that is
bound to a port and reads without detours (relays). Not Twisted's ports, which lose both kinds of time and news.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import interfaces
from twisted.python.failure import Failure
from zope.interface import implementer

from emulator.judge.observation import IcmpError
from emulator.net.linux import errqueue
from emulator.wire.receipt import Endpoint

SIZE = 65535
BURST = 4096  # datagrams read before the reactor gets its turn
BUFFER = 4 << 20  # bytes asked for between kernel and program: a second of media and more
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32  # Linux, for root: beyond net.core.rmem_max


class _Reading:
    """A socket that the reactor reads from until it is closed; safe to close twice."""

    _reactor: Any
    _socket: socket.socket
    _open = False

    def _read(self, reactor: Any, sock: socket.socket) -> None:
        self._reactor, self._socket, self._open = reactor, sock, True
        reactor.addReader(self)

    def close(self) -> None:
        """Stop reading and close."""
        if self._open:
            self._open = False
            self._reactor.removeReader(self)
            self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno() if self._open else -1


@implementer(interfaces.IReadDescriptor)
class DatagramSocket(_Reading):
    """One unconnected IPv4 UDP socket with a source port of its own.

    With IP_RECVERR set, an ICMP error makes every reactor drop an ordinary port: this one drains the queue in
    doRead and connectionLost, and goes on reading. `on_datagram(data, source)`, `on_icmp(error, destination)`.
    Raises OSError when no socket can be had.
    """

    def __init__(
        self,
        reactor: Any,
        on_datagram: Callable[[bytes, Endpoint], None],
        on_icmp: Callable[[IcmpError, Endpoint | None], None],
        bind: str = "",
    ) -> None:
        self._on_datagram = on_datagram
        self._on_icmp = on_icmp
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((bind, 0))
        errqueue.enable(sock)
        self._read(reactor, sock)

    @property
    def port(self) -> int:
        """Local source port."""
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes, to: Endpoint) -> None:
        """Send one datagram. An error that a former datagram left on the socket is evidence, not a failure.

        Raises OSError when this machine itself cannot send.
        """
        for last_try in (False, True):
            try:
                self._socket.sendto(data, (to.address, to.port))
                return
            except ConnectionError:
                self._drain()
            except OSError:
                if last_try or not self._drain():
                    raise

    # Twisted's side

    def logPrefix(self) -> str:
        return "probe datagrams"

    def doRead(self) -> None:
        for _ in range(64):
            if not self._open:
                return
            try:
                data, source = self._socket.recvfrom(SIZE)
            except BlockingIOError:
                break
            except OSError:
                continue  # a pending ICMP error was reported and cleared; the queue tells which
            self._on_datagram(data, Endpoint(source[0], source[1]))
        self._drain()

    def connectionLost(self, reason: Failure) -> None:
        if self._open:  # the reactor dropped us over a socket error: take the evidence and go on
            self.doRead()
        if self._open:
            self._reactor.addReader(self)

    def _drain(self) -> bool:
        if not self._open:
            return False
        found = errqueue.drain(self._socket)
        for icmp, destination in found:
            self._on_icmp(icmp, Endpoint(*destination) if destination else None)
        return bool(found)


@implementer(interfaces.IReadDescriptor)
class BoundDatagrams(_Reading):
    """A socket on one address and port, 0 for any. `receive(data, (address, port))`; it may be replaced at any time.

    ICMP errors are not asked for, so none is ever reported on this socket. Raises OSError when the port is taken.
    """

    def __init__(
        self, reactor: Any, address: str, number: int, receive: Callable[[bytes, tuple[str, int]], None]
    ) -> None:
        self.receive = receive
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind((address, number))
        except OSError:
            sock.close()
            raise
        self.number = int(sock.getsockname()[1])
        widen(sock)
        self._read(reactor, sock)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send one datagram; one that cannot be sent is lost, as on the way it might be."""
        try:
            self._socket.sendto(data, to)
        except OSError:
            pass

    # Twisted's side

    def logPrefix(self) -> str:
        return "relayed port"

    def doRead(self) -> None:
        take = self._socket.recvfrom
        for _ in range(BURST):
            if not self._open:
                return
            try:
                data, source = take(SIZE)
            except OSError:  # nothing more; or, where the system has it so, an error of an earlier datagram
                return
            self.receive(data, source)

    def connectionLost(self, reason: Failure) -> None:
        if self._open:
            self._reactor.addReader(self)


def widen(sock: socket.socket) -> None:
    """Ask for large buffers; the system gives what it allows."""
    for forced, plain in ((SO_RCVBUFFORCE, socket.SO_RCVBUF), (SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            if not errqueue.AVAILABLE:
                raise OSError("no such option")
            sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
        except OSError:
            try:
                sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
            except OSError:
                pass
