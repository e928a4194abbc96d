"""A small TLS server on loopback for outside clients. Not the emulator's own listeners."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from OpenSSL import SSL

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@contextmanager
def tls_server(context: SSL.Context) -> Iterator[int]:
    """Port on loopback where every connection gets a handshake and one HTTP answer."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            raw.setblocking(True)
            connection = SSL.Connection(context, raw)
            connection.set_accept_state()
            with contextlib.suppress(SSL.Error):
                connection.do_handshake()
                connection.recv(4096)
                connection.sendall(BODY)
                connection.shutdown()
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        assert not thread.is_alive()
