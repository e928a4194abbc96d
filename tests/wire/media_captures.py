"""What the media tests share: contexts, transcripts of two ends, capture files, tshark. Holds no test."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import dpkt
import pytest

from emulator.wire.context import ClientContext, ServerContext
from emulator.wire.datagram import Answered, DatagramTalk, Tell
from emulator.wire.exchanges import answer_datagram
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk
from emulator.wire.turn import Allocations

VECTORS = Path(__file__).parent.parent / "vectors"
NEAR, FAR, SECOND = Endpoint("198.51.100.7", 40123), Endpoint("203.0.113.1", 5000), Endpoint("203.0.113.2", 7001)
INSIDE = Endpoint("192.0.2.10", 50390)
RELAY = Endpoint("203.0.113.5", 30478)
KEY = b"relay key of a test"
NOW = 1_167_609_600.25

Line = tuple[str, bytes]  # "c" or "s", bytes


def exchange_rows() -> dict[str, dict[str, Any]]:
    """The catalog's exchanges as they stand in the file."""
    text = resources.files("emulator.catalog").joinpath("exchanges.toml").read_text()
    return {row["id"]: row for row in tomllib.loads(text)["exchange"]}


def tag_of(bits: int) -> bytes:
    return bytes(range(0xA1, 0xA1 + bits // 8))


def client_context(tag: bytes, **changes: Any) -> ClientContext:
    values = {"tag": tag, "host": "peer", "local": INSIDE, "remote": FAR, "relay_key": KEY}
    return ClientContext(**{**values, "entropy": bytes_of, "now": lambda: NOW, **changes})


def server_context(**changes: Any) -> ServerContext:
    values = {"observed": NEAR, "local": FAR, "second": SECOND, "relay": RELAY, "relay_key": KEY}
    return ServerContext(**{**values, "entropy": bytes_of, "now": lambda: NOW, **changes})


def bytes_of(count: int) -> bytes:
    return bytes(range(0x30, 0x30 + count))


def converse(
    client: Talk[Any], server: Talk[Any], *, piece: int = 1 << 20
) -> tuple[Conversation[Any], Conversation[Any], list[Line]]:
    """Two ends back to back; every write is handed over in pieces of `piece` bytes. The client closes when done."""
    ends = {"c": Conversation(client), "s": Conversation(server)}
    lines: list[Line] = []
    waiting = [("c", ends["c"].start()), ("s", ends["s"].start())]
    for _ in range(100_000):
        if not waiting:
            break
        who, data = waiting.pop(0)
        if not data:
            continue
        lines.append((who, data))
        other = "s" if who == "c" else "c"
        for at in range(0, len(data), piece):
            if not ends[other].finished:
                waiting.append((other, ends[other].feed(data[at : at + piece])))
    if ends["c"].finished and not ends["s"].finished:
        tail = ends["s"].end()
        assert not tail, f"the far end still says {tail[:40]!r} to a client that is gone"
    return ends["c"], ends["s"], lines


def ask(
    talk: DatagramTalk[Any], context: ServerContext, allocations: Allocations | None = None
) -> tuple[dict[str, Any], list[Answered], list[Line]]:
    """Drive a datagram talk against `answer_datagram`."""
    allocations = Allocations() if allocations is None else allocations
    lines, seen = [], []
    try:
        effect = next(talk)
        while True:
            lines.append(("c", effect.data))
            local = Endpoint(FAR.address, effect.port or context.local.port)
            answered = answer_datagram(effect.data, _moved(context, local), allocations)
            assert answered is not None, effect.data.hex()
            seen.append(answered)
            if isinstance(effect, Tell):
                assert not answered.replies
                effect = talk.send(b"")
                continue
            (reply,) = answered.replies
            assert reply.source == effect.source
            assert effect.match(reply.data), "the client does not recognise its answer"
            assert not effect.match(effect.data), "the client takes its own question for an answer"
            lines.append(("s", reply.data))
            effect = talk.send(reply.data)
    except StopIteration as stop:
        return stop.value, seen, lines


def _moved(context: ServerContext, local: Endpoint) -> ServerContext:
    names = ("observed", "second", "relay", "relay_key", "entropy", "now", "secure")
    return ServerContext(local=local, **{name: getattr(context, name) for name in names})


def payloads(name: str) -> list[tuple[int, int, bytes]]:
    """Source port, destination port and payload of every packet of a vector that carries one, or is UDP."""
    with (VECTORS / name).open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        parse: Callable[[bytes], Any] = dpkt.ethernet.Ethernet if reader.datalink() == 1 else dpkt.ip.IP
        packets = [parse(frame) for _, frame in reader]
    segments = [(packet.data if isinstance(packet, dpkt.ethernet.Ethernet) else packet).data for packet in packets]
    return [(s.sport, s.dport, bytes(s.data)) for s in segments if s.data or isinstance(s, dpkt.udp.UDP)]


def transcript(name: str, server_port: int) -> list[Line]:
    """A vector as lines of client and server."""
    return [("c" if destination == server_port else "s", data) for _, destination, data in payloads(name)]


def write_capture(path: Path, lines: list[Line], port: int, *, udp: bool = False) -> None:
    """A raw-IP capture of a transcript; TCP gets a handshake and consistent numbers."""
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, linktype=dpkt.pcap.DLT_RAW)
        for index, frame in enumerate(_udp(lines, port) if udp else _tcp(lines, port)):
            writer.writepkt(frame, ts=1.0 + index / 100)


def _ip(who: str, layer: Any, protocol: int) -> bytes:
    ends = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
    source, destination = ends if who == "c" else ends[::-1]
    return bytes(dpkt.ip.IP(src=source, dst=destination, p=protocol, ttl=64, data=layer, len=20 + len(layer)))


def _udp(lines: list[Line], port: int) -> Iterator[bytes]:
    for who, data in lines:
        source, destination = (40001, port) if who == "c" else (port, 40001)
        layer = dpkt.udp.UDP(sport=source, dport=destination, data=data, ulen=8 + len(data))
        yield _ip(who, layer, dpkt.ip.IP_PROTO_UDP)


def _tcp(lines: list[Line], port: int) -> Iterator[bytes]:
    sent = {"c": 1000, "s": 2000}

    def segment(who: str, flags: int, data: bytes = b"") -> bytes:
        other = "s" if who == "c" else "c"
        source, destination = (40001, port) if who == "c" else (port, 40001)
        numbers = {"seq": sent[who], "ack": sent[other] if flags & dpkt.tcp.TH_ACK else 0}
        layer = dpkt.tcp.TCP(sport=source, dport=destination, flags=flags, win=65535, data=data, **numbers)
        sent[who] += len(data) + bool(flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN))
        return _ip(who, layer, dpkt.ip.IP_PROTO_TCP)

    yield segment("c", dpkt.tcp.TH_SYN)
    yield segment("s", dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)
    yield segment("c", dpkt.tcp.TH_ACK)
    for who, data in lines:
        for at in range(0, len(data), 1400):
            yield segment(who, dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH, data[at : at + 1400])
    yield segment("c", dpkt.tcp.TH_ACK | dpkt.tcp.TH_FIN)
    yield segment("s", dpkt.tcp.TH_ACK | dpkt.tcp.TH_FIN)
    yield segment("c", dpkt.tcp.TH_ACK)


def tshark(path: Path, *options: str) -> list[str]:
    """Lines that tshark prints for a capture, empty ones dropped. Skips the test when there is no tshark."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = subprocess.run(["tshark", "-n", "-r", str(path), *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.strip()]


def fields(path: Path, *names: str, options: tuple[str, ...] = (), only: str = "") -> list[list[str]]:
    """Values of fields, one row per packet that the display filter `only` selects."""
    arguments = [*options, "-T", "fields", *(["-Y", only] if only else [])]
    for name in names:
        arguments += ["-e", name]
    return [line.split("\t") for line in tshark(path, *arguments)]
