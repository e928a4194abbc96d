"""A scenario script: a client program of one's own, here twenty lines of sockets, talks to the emulator."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from typing import Any


def test_the_notification_server_names_the_newest_protocol_that_it_shares(messenger_emulator: Any) -> None:
    address = messenger_emulator.address_of("messenger.hotmail.com")
    with socket.create_connection((address, 1863), 5) as connection:
        connection.sendall(b"VER 1 MSNP18 MSNP15 CVR0\r\n")
        assert connection.recv(100) == b"VER 1 MSNP18\r\n"


def test_the_client_configuration_is_there(messenger_emulator: Any) -> None:
    host = "config.messenger.msn.com"
    with closing(http.client.HTTPConnection(messenger_emulator.address_of(host), timeout=5)) as connection:
        connection.request("GET", "/Config/MsgrConfig.asmx?ver=8.1.0178", headers={"Host": host})
        answer = connection.getresponse()
        assert (answer.status, b"MsgrConfig" in answer.read()) == (200, True)


def test_the_login_server_has_a_certificate_of_the_lab(messenger_emulator: Any) -> None:
    context = ssl.create_default_context(cafile=messenger_emulator.root)
    with (
        socket.create_connection((messenger_emulator.address_of("login.live.com"), 443), 5) as connection,
        context.wrap_socket(connection, server_hostname="login.live.com") as secure,
    ):
        assert ("DNS", "login.live.com") in secure.getpeercert()["subjectAltName"]
