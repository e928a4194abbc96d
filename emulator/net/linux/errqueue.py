"""ICMP errors from a socket's error queue (Linux, no privilege needed): type, code and the device that sent them.

Not a raw socket. Source: ip(7), IP_RECVERR and sock_extended_err.
"""

from __future__ import annotations

import socket
import struct
import sys

from emulator.judge.observation import IcmpError

SOL_IP = 0
IP_RECVERR = 11
MSG_ERRQUEUE = 0x2000
SO_EE_ORIGIN_ICMP = 2

_EXTENDED = struct.Struct("=IBBBBII")  # errno, origin, type, code, pad, info, data
_SOCKADDR_IN = struct.Struct("!HH4s")

AVAILABLE = sys.platform == "linux"


def enable(sock: socket.socket) -> None:
    """Ask the kernel to queue ICMP errors for this socket."""
    if AVAILABLE:
        sock.setsockopt(SOL_IP, IP_RECVERR, 1)


def disable(sock: socket.socket) -> None:
    """Stop queueing: an established connection treats ICMP errors as advice (RFC 1122 4.2.3.9)."""
    if AVAILABLE:
        sock.setsockopt(SOL_IP, IP_RECVERR, 0)


def drain(sock: socket.socket) -> list[tuple[IcmpError, tuple[str, int] | None]]:
    """Everything in the queue: the error, and the destination whose packet caused it (datagram sockets)."""
    found: list[tuple[IcmpError, tuple[str, int] | None]] = []
    if not AVAILABLE:
        return found
    for _ in range(256):
        try:
            _, ancillary, _, address = sock.recvmsg(512, 512, MSG_ERRQUEUE)
        except OSError:
            return found
        destination = (address[0], address[1]) if isinstance(address, tuple) and len(address) >= 2 else None
        for level, kind, data in ancillary:
            if level == SOL_IP and kind == IP_RECVERR and len(data) >= _EXTENDED.size:
                _, origin, icmp_type, code, _, _, _ = _EXTENDED.unpack_from(data)
                if origin == SO_EE_ORIGIN_ICMP:
                    found.append((IcmpError(icmp_type, code, _offender(data[_EXTENDED.size :])), destination))
    return found


def _offender(data: bytes) -> str:
    if len(data) < 8:
        return ""
    family = struct.unpack_from("=H", data)[0]
    return socket.inet_ntoa(data[4:8]) if family == socket.AF_INET else ""
