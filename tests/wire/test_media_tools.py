"""Independent programs against our ends, over loopback: the `stun` client and nmap's RDP script."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from media_captures import server_context

from emulator.wire import rdp, stun
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


@contextmanager
def classic_stun() -> Iterator[tuple[Endpoint, list[Endpoint]]]:
    """Four loopback sockets that answer binding requests; the list collects who asked."""
    with ExitStack() as stack:
        sockets = {}
        for address in ("127.0.0.1", "127.0.0.2"):
            for place, port in (("low", 3478), ("high", 3479)):
                bound = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                try:
                    bound.bind((address, port))
                except OSError as error:
                    pytest.skip(f"{address}:{port} is taken: {error}")
                bound.settimeout(0.1)
                sockets[address, place] = bound
        asked: list[Endpoint] = []
        over = threading.Event()

        def serve(address: str, place: str) -> None:
            mine = sockets[address, place]
            other_address = "127.0.0.2" if address == "127.0.0.1" else "127.0.0.1"
            other_place = "high" if place == "low" else "low"
            local, other = Endpoint(*mine.getsockname()), Endpoint(*sockets[other_address, other_place].getsockname())
            while not over.is_set():
                try:
                    data, peer = mine.recvfrom(2048)
                except TimeoutError:
                    continue
                asked.append(Endpoint(*peer))
                bound = stun.binding(data, Endpoint(*peer), local, other)
                if bound is not None:
                    source = (
                        other_address if bound.change_ip else address,
                        other_place if bound.change_port else place,
                    )
                    sockets[source].sendto(bound.data, peer)

        threads = [threading.Thread(target=serve, args=key) for key in sockets]
        for thread in threads:
            thread.start()
        try:
            yield Endpoint("127.0.0.1", 3478), asked
        finally:
            over.set()
            for thread in threads:
                thread.join()


def test_the_classic_stun_client_finds_an_open_network() -> None:
    need("stun")
    with classic_stun() as (server, asked):
        done = subprocess.run(
            ["stun", f"{server.address}:{server.port}", "-v"], capture_output=True, text=True, timeout=60
        )
    said = done.stdout + done.stderr
    assert asked
    assert "Open" in said, said


def test_coturns_discovery_finds_no_nat() -> None:
    need("turnutils_natdiscovery")
    with classic_stun() as (server, asked):
        done = subprocess.run(
            ["turnutils_natdiscovery", "-m", "-f", "-L", "127.0.0.1", "-p", str(server.port), server.address],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert asked
    assert "No ALG: Mapped == XOR-Mapped" in done.stdout, done.stdout + done.stderr
    assert "NAT with Endpoint Independent Mapping!" in done.stdout
    assert "NAT with Endpoint Independent Filtering!" in done.stdout
    assert done.stdout.count("RFC 5780 response") == 4


@contextmanager
def rdp_server(number: int = 0) -> Iterator[tuple[int, list[Conversation[None]]]]:
    """A loopback listener that plays our RDP end to everyone who connects."""
    with socket.create_server(("127.0.0.1", number)) as listener:
        listener.settimeout(0.1)
        over = threading.Event()
        talks: list[Conversation[None]] = []

        def play(link: socket.socket) -> None:
            conversation = Conversation(rdp.server(server_context()))
            talks.append(conversation)
            with link:
                link.settimeout(5)
                link.sendall(conversation.start())
                while not conversation.finished:
                    try:
                        data = link.recv(4096)
                    except (TimeoutError, ConnectionError):
                        data = b""
                    out = conversation.feed(data) if data else conversation.end()
                    if out:
                        link.sendall(out)

        def accept() -> None:
            while not over.is_set():
                try:
                    link, _ = listener.accept()
                except TimeoutError:
                    continue
                play(link)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1], talks
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("number", [3389, 49152, 65535])
def test_nmap_enumerates_our_rdp_end(number: int) -> None:
    need("nmap")
    scripts = "+rdp-enum-encryption,+rdp-ntlm-info"  # `+`: on any port
    with rdp_server(number) as (port, talks):
        done = subprocess.run(
            ["nmap", "-n", "-Pn", "-p", str(port), "--script", scripts, "127.0.0.1"],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert "Native RDP: SUCCESS" in done.stdout, done.stdout
    assert "CredSSP (NLA): SUCCESS" not in done.stdout
    assert "SSL: SUCCESS" not in done.stdout
    assert "rdp-ntlm-info" not in done.stdout  # XP knew no CredSSP: the script is refused, and has nothing to tell
    sights = [sight.facts.get("requested") for talk in talks for sight in talk.sightings]
    assert len(talks) >= 6, sights
