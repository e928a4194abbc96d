"""ClientHellos made by OpenSSL (ssl module), read by ours."""

from __future__ import annotations

import ssl
import warnings

import pytest
from media_captures import transcript

from emulator.wire import data_relay
from emulator.wire.clienthello import client_hello


def hello(context: ssl.SSLContext, name: str | None) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def context(highest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.minimum_version = min(highest, ssl.TLSVersion.TLSv1) if highest > 0 else ssl.TLSVersion.TLSv1_2
        made.maximum_version = highest
    made.set_ciphers("ALL:@SECLEVEL=0")
    return made


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_1, "TLSv1.1"),
        (ssl.TLSVersion.TLSv1, "TLSv1"),
    ],
)
def test_the_highest_version(version: ssl.TLSVersion, name: str) -> None:
    read = client_hello(hello(context(version), "login.live.com"))
    assert read
    assert (read.offered, read.sni) == (name, "login.live.com")


def test_names_and_randoms() -> None:
    one, other = (client_hello(hello(context(), "Byrdr.Omega.contacts.MSN.com")) for _ in range(2))
    assert one
    assert other
    assert one.sni == other.sni == "byrdr.omega.contacts.msn.com"
    assert len(bytes.fromhex(one.random)) == 32
    assert one.random != other.random


def test_the_random_is_the_one_on_the_wire() -> None:
    data = hello(context(), None)
    read = client_hello(data)
    assert read
    assert read.sni == ""
    assert read.random == data[11:43].hex()


def test_every_prefix_is_incomplete_and_more_is_ignored() -> None:
    data = hello(context(), "rsi.hotmail.com")
    assert all(client_hello(data[:size]) is None for size in range(len(data)))
    assert client_hello(data + b"more") == client_hello(data)


def test_a_hello_split_over_records() -> None:
    data = hello(context(), "rsi.hotmail.com")
    message = data[5:]
    split = b"".join(
        b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece
        for piece in (message[at : at + 50] for at in range(0, len(message), 50))
    )
    assert client_hello(split) == client_hello(data)


def test_the_constant_hello_of_the_data_relay() -> None:
    constant = transcript("turn443pseudo.pcap", 443)[0][1]
    assert constant == data_relay.CLIENT_HELLO
    read = client_hello(constant)
    assert read
    assert (read.sni, read.offered) == ("", "TLSv1")


def test_what_is_no_hello() -> None:
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", transcript("turn443pseudo.pcap", 443)[1][1], b"\x16\x03\x01\0\0" * 50):
        assert client_hello(data) is None
