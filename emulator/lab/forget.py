"""Empties the connection table of the network namespace in which it runs. A program, started in the firewall.

Nothing of the project and nothing but the standard library is imported, so that it starts in an instant.
Source: linux/netfilter/nfnetlink_conntrack.h.
"""

import os
import socket
import struct

DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE: without a filter, all
REQUEST_ACK = 1 | 4
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ANSWER = struct.Struct("=i")  # 0, or an errno below zero


def main() -> None:
    """Raises OSError when the kernel refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        netlink.settimeout(5.0)
        netlink.send(HEADER.pack(HEADER.size + 4, DELETE, REQUEST_ACK, 1, 0) + bytes(4))
        code = ANSWER.unpack_from(netlink.recv(4096), HEADER.size)[0]
    if code:
        raise OSError(-code, os.strerror(-code))


if __name__ == "__main__":
    main()
