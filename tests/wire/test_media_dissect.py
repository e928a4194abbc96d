"""tshark reads what our two ends say to each other, as dossier media.md section 9 saw it read the vectors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from media_captures import (
    ask,
    client_context,
    converse,
    exchange_rows,
    fields,
    server_context,
    tag_of,
    tshark,
    write_capture,
)

from emulator.wire import rtp, stun, turn
from emulator.wire.exchanges import DATAGRAM_CLIENTS, STREAM_CLIENTS, STREAM_SERVERS
from emulator.wire.receipt import Endpoint

ROWS = exchange_rows()
KEYS = {"data-relay": "pseudo-tls"}


def capture(tmp_path: Path, exchange: str, port: int) -> Path:
    """A capture of one exchange of ours on a port."""
    tag = tag_of(ROWS[exchange]["tag"]["bits"])
    path = tmp_path / f"{exchange}.pcap"
    if exchange in DATAGRAM_CLIENTS:
        _, _, lines = ask(DATAGRAM_CLIENTS[exchange](client_context(tag)), server_context())
        write_capture(path, lines, port, udp=True)
    else:
        server = STREAM_SERVERS[KEYS.get(exchange, exchange)](server_context())
        near, far, lines = converse(STREAM_CLIENTS[exchange](client_context(tag)), server)
        assert near.done
        assert far.done
        write_capture(path, lines, port)
    return path


def test_the_capture_writer_is_sound(tmp_path: Path) -> None:
    path = capture(tmp_path, "p2p-direct", 1119)
    flaws = fields(path, "frame.number", only="tcp.analysis.flags || _ws.malformed || ip.checksum.status == 0")
    assert flaws == []


def test_t120(tmp_path: Path) -> None:
    path = capture(tmp_path, "t120", 1503)
    decode = ("-d", "tcp.port==1503,tpkt")
    rows = fields(path, "frame.protocols", "t125.callingDomainSelector", options=decode, only="t125.ConnectMCSPDU")
    assert len(rows) == 2
    assert rows[0][1].replace(":", "") == tag_of(64).hex()
    infos = "\n".join(tshark(path, *decode, "-Y", "t125", "-V"))
    for name in (
        "erectDomainRequest",
        "attachUserRequest",
        "attachUserConfirm",
        "channelJoinRequest",
        "channelJoinConfirm",
        "sendDataRequest",
        "sendDataIndication",
        "disconnectProviderUltimatum",
    ):
        assert name.lower() in infos.lower()
    for kind, sender in (("Request", 6), ("Indication", 7)):
        wanted = rf"sendData{kind}\n +initiator: {sender}\n +channelId: 8\n.*\n.*\n +1.* = begin: True\n.* = end: True"
        assert len(re.findall(wanted, infos)) == 2, infos
    assert fields(path, "frame.number", options=decode, only="_ws.malformed") == []


def test_rdp(tmp_path: Path) -> None:
    path = capture(tmp_path, "rdp", 3389)
    cookies = fields(path, "rdp.rt_cookie", only="rdp.neg_type == 1")
    assert cookies == [["Cookie: mstshash=ugrkhjff"]]
    assert fields(path, "rdp.negReq.selectedProtocol", only="rdp.neg_type == 2") == [["0x00000000"]]
    protocols = [row[0] for row in fields(path, "frame.protocols", only="t125.ConnectMCSPDU")]
    assert len(protocols) == 2
    assert all(chain.endswith(("t125:t124", "t125:t124:rdp")) for chain in protocols), protocols
    infos = "\n".join(tshark(path))
    assert re.findall(r"channelJoin(?:Request|Confirm) ([0-9]+)", infos) == ["1007", "1007", "1003", "1003"]
    assert fields(path, "frame.number", only="_ws.malformed") == []


def test_sip(tmp_path: Path) -> None:
    path = capture(tmp_path, "sip", 5060)
    methods = [row[0] for row in fields(path, "sip.Method", only="sip.Request-Line")]
    assert methods == ["REGISTER", "OPTIONS"]
    assert fields(path, "sip.Status-Code", only="sip.Status-Line") == [["200"], ["200"]]
    assert {row[0] for row in fields(path, "sip.Call-ID", only="sip")} == {tag_of(128).hex()}
    assert fields(path, "sip.Via.rport", only="sip.Status-Line") == [["40123"], ["40123"]]
    assert fields(path, "frame.number", only="_ws.malformed") == []


def test_turn(tmp_path: Path) -> None:
    path = capture(tmp_path, "turn", 3478)
    rows = fields(path, "classicstun.type", "classicstun.id", only="classicstun.att.magic.cookie == 0x72c64bc6")
    assert [int(row[0], 16) for row in rows] == [0x0003, 0x0103, 0x0003, 0x0103]
    assert rows[0][1].replace(":", "") == tag_of(128).hex()
    lifetimes = [row[0] for row in fields(path, "classicstun.att.lifetime", only="classicstun.att.lifetime")]
    assert lifetimes == ["600", "0", "0"]
    infos = tshark(path)
    assert [("Allocate Request" in line, "Allocate Response" in line) for line in infos] == [
        (True, False),
        (False, True),
    ] * 2


@pytest.mark.parametrize("port", [turn_port := 30478, 3478])
def test_turn_on_its_own_port(tmp_path: Path, port: int) -> None:
    assert len(fields(capture(tmp_path, "turn", port), "classicstun.id", only="classicstun")) == 4


def test_data_relay_begins_as_tls(tmp_path: Path) -> None:
    path = capture(tmp_path, "data-relay", 443)
    kinds = [row[0] for row in fields(path, "tls.handshake.type", only="tls.handshake.type")]
    assert kinds == ["1", "2,14"]


def test_media_with_a_connectivity_check(tmp_path: Path) -> None:
    path = capture(tmp_path, "media-audio", 30000)
    checks = fields(path, "classicstun.type", "classicstun.id", only="classicstun")
    assert [int(row[0], 16) for row in checks] == [1, 0x101]
    assert {row[1].replace(":", "") for row in checks} == {tag_of(128).hex()}
    decode = ("-d", "udp.port==30000,rtp")
    packets = fields(path, "rtp.ssrc", "rtp.p_type", "rtp.seq", options=decode, only="rtp && !rtcp && !classicstun")
    near, far = rtp.ssrc_of(tag_of(128)), rtp.far_ssrc(rtp.ssrc_of(tag_of(128)))
    voice = [row for row in packets if row[1] == "0"]
    assert [(int(row[0], 16), row[2]) for row in voice] == [(s, str(n)) for n in (1, 2, 3) for s in (near, far)]
    heuristic = tshark(path, "--enable-heuristic", "rtp_udp", "-Y", "rtp")
    assert len(heuristic) >= 6


@pytest.mark.parametrize("exchange", ["media-legacy", "media-call"])
def test_media_reports(tmp_path: Path, exchange: str) -> None:
    path = capture(tmp_path, exchange, 5006)
    reports = fields(path, "rtcp.pt", "rtcp.senderssrc", "rtcp.sender.packetcount", only="rtcp")
    near = rtp.ssrc_of(tag_of(32))
    assert [(row[0], int(row[1], 16), row[2]) for row in reports] == [
        ("200", near, "3"),
        ("200", rtp.far_ssrc(near), "3"),
    ]
    assert fields(path, "frame.number", only="_ws.malformed") == []


def test_video_is_h263(tmp_path: Path) -> None:
    path = capture(tmp_path, "media-video", 30000)
    decode = ("-d", "udp.port==30000,rtp")
    rows = fields(path, "rtp.p_type", "frame.protocols", options=decode, only="rtp.p_type == 34")
    assert len(rows) == 6
    assert all("rfc2190" in row[1] for row in rows), rows
    assert fields(path, "frame.number", options=decode, only="_ws.malformed") == []


def test_assist_check(tmp_path: Path) -> None:
    rows = fields(capture(tmp_path, "assist-udp", 50000), "classicstun.type", only="classicstun")
    assert [int(row[0], 16) for row in rows] == [1, 0x101]


def test_classic_binding_for_independent_tools(tmp_path: Path) -> None:
    path = tmp_path / "stun.pcap"
    local, other = Endpoint("203.0.113.1", 3478), Endpoint("203.0.113.2", 3479)
    change = ((stun.CHANGE_REQUEST, bytes((0, 0, 0, 6))),)
    question = stun.encode(stun.Message(stun.BINDING, tag_of(128), change))
    bound = stun.binding(question, Endpoint("198.51.100.7", 40123), local, other)
    assert bound
    write_capture(path, [("c", question), ("s", bound.data)], 3478, udp=True)
    assert len(fields(path, "frame.number", only="classicstun.att.change.ip == 1")) == 1
    (row,) = fields(path, "classicstun.att.ipv4", "classicstun.att.port", only="classicstun.type == 0x0101")
    assert row == ["198.51.100.7,203.0.113.2,203.0.113.2", "40123,3479,3479"]


@pytest.mark.parametrize(
    ("exchange", "port"), [("echo-tcp", 7001), ("webcam", 6892), ("msnftp", 6891), ("p2p-direct", 1119)]
)
def test_what_tshark_has_no_dissector_for_is_plain_data(tmp_path: Path, exchange: str, port: int) -> None:
    rows = fields(capture(tmp_path, exchange, port), "frame.protocols", only="tcp.len > 0")
    assert {row[0] for row in rows} == {"raw:ip:tcp:data"}


def test_every_message_of_the_relay_dialect_is_named(tmp_path: Path) -> None:
    path, key, user = tmp_path / "dialect.pcap", b"k" * 16, b"u" * 20
    peer = Endpoint("192.0.2.99", 60000)
    lines = [
        ("c", turn.send(tag_of(128), user, key, peer, b"ping")),
        ("s", turn.data_indication(tag_of(128), peer, b"pong")),
        ("c", turn.set_active(tag_of(128), user, key, peer)),
    ]
    write_capture(path, lines, 3478, udp=True)
    infos = "\n".join(tshark(path))
    for name in ("Send Request", "Data Indication", "Set Active Destination Request"):
        assert name in infos
