"""Who holds a port, as the kernel tells: real sockets of this process, and of nobody any more."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from emulator.net.holder import Holders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the tables of Linux")
LOCAL = "127.0.0.1"
UNKNOWN = "another program (`sudo ss -tulpn` names it)"


def me() -> str:
    return f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize(("bound", "wanted"), [(LOCAL, LOCAL), (LOCAL, "0.0.0.0"), ("0.0.0.0", LOCAL)])
def test_a_program_is_named_with_its_pid(kind: socket.SocketKind, bound: str, wanted: str) -> None:
    with closing(socket.socket(socket.AF_INET, kind)) as one:
        one.bind((bound, 0))
        if kind == socket.SOCK_STREAM:
            one.listen()
        transport = "tcp" if kind == socket.SOCK_STREAM else "udp"
        assert Holders().name(transport, wanted, one.getsockname()[1]) == me()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_socket_for_both_families_stands_in_the_way_of_one() -> None:
    with closing(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)) as one:
        assert Holders().name("tcp", LOCAL, one.getsockname()[1]) == me()


def test_another_address_and_another_port_are_not_in_the_way() -> None:
    with closing(socket.create_server((LOCAL, 0))) as one:
        port = one.getsockname()[1]
        assert Holders().name("tcp", "127.0.0.2", port) == UNKNOWN
        assert Holders().name("udp", LOCAL, port) == UNKNOWN


def test_a_connection_that_ended_is_nobodys() -> None:
    """Whoever closes first keeps the pair of addresses for a minute; such a port cannot be listened on meanwhile."""
    with closing(socket.create_server((LOCAL, 0))) as server:
        client = socket.create_connection(server.getsockname())
        port = client.getsockname()[1]
        accepted, _ = server.accept()
        client.close()
        assert accepted.recv(1) == b""
        accepted.close()
        with pytest.raises(OSError, match="in use"):
            socket.create_server((LOCAL, port))
        assert Holders().name("tcp", LOCAL, port) == "a connection that ended lately (for a minute at most)"


def test_without_tables_the_tool_is_named(tmp_path: Path) -> None:
    assert Holders(tmp_path).name("tcp", LOCAL, 80) == UNKNOWN
