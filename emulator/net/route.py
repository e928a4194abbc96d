"""Which addresses are this machine's, and from which of them packets to somebody leave. Nothing is sent."""

from __future__ import annotations

import socket

NOWHERE = "0.0.0.0"


def source_for(address: str) -> str:
    """Local IPv4 address that the system would use towards `address`; "" when there is no way to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def is_ours(address: str) -> bool:
    """True for an IPv4 address of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True
