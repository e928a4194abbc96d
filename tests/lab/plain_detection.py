"""Network detection as a third-party client does it, in plain sockets and the dossier's raw bytes. None of our codecs.

Run inside the lab: `python -c SCRIPT SERVER`. Shorter waits than the client's: nothing in the lab takes that long.
"""

from __future__ import annotations

import sys

SCRIPT = r"""
import socket, sys
server = (sys.argv[1], 7001)
mask = lambda data: bytes(byte ^ (0x41, 0x31)[at % 2] for at, byte in enumerate(data))
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(server)
probe.send(bytes([2, 4]) + bytes(18))
own = probe.getsockname()[0]

def ask(datagrams, source, number):
    for wait in (0.1, 0.2, 0.3):
        for data, to in datagrams:
            one.sendto(data, to)
        one.settimeout(wait)
        try:
            while True:
                data, came = one.recvfrom(100)
                if came == source and len(data) == 20 and data[16:] == number:
                    return data
        except OSError:
            pass
    return None

def port_of(data):
    return int.from_bytes(mask(data[2:4]), "big")

def question(number):
    return bytes.fromhex("0201413141314131") + bytes(8) + number

def name():
    first = ask([(question(b"\1\2\3\4"), server)], server, b"\1\2\3\4")
    if first is None:
        return "Firewall"
    if socket.inet_ntoa(mask(first[4:8])) == own:
        return "Direct-Connect"
    second = (socket.inet_ntoa(mask(first[12:16])), int.from_bytes(mask(first[10:12]), "big"))
    discard = (second[0], int.from_bytes(mask(first[8:10]), "big"))
    assert second[0] != server[0] and discard[1] == 9
    if ask([(b"", discard), (b"\x02\x03" + first[2:], server)], second, b"\1\2\3\4"):
        return "IP-Restrict-NAT"
    third = ask([(question(b"\5\6\7\x08"), second)], second, b"\5\6\7\x08")
    if third is None:
        return "Unknown-Connect"
    return "Port-Restrict-NAT" if port_of(third) == port_of(first) else "Symmetric-NAT"

print(name())
"""


def command(server: str) -> list[str]:
    """What to run inside the lab."""
    return [sys.executable, "-c", SCRIPT, server]
