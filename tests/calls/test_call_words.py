"""SIP, SDP and RTCP as bytes: vectors, other people's readers (dpkt, tshark), and input that is wrong on purpose."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from base64 import b64encode
from itertools import pairwise
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import rtcp, rtp, sdp, sip
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation

VECTORS = Path(__file__).parents[1] / "vectors"
INVITE = (VECTORS / "sip-invite.txt").read_bytes()
SEEN = Endpoint("198.51.100.7", 61000)


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


class TestSdp:
    def test_the_offer_of_the_dossier(self) -> None:
        offer = sdp.decode(body(INVITE))
        audio = offer.audio
        assert (audio.port, audio.rtcp_port, audio.address) == (30000, 30001, "192.0.2.10")
        assert audio.formats == ("114", "111", "4", "8", "0", "101")
        assert sdp.common(audio) == "8"
        first = audio.candidate(1)
        assert first is not None
        assert (first.name, first.key) == (b"username-12345678901234567890", b"password12345678")
        assert (first.priority, first.address, first.port) == ("0.830", "192.0.2.10", 30000)

    def test_what_is_read_is_written_again(self) -> None:
        offer = sdp.decode(body(INVITE))
        assert sdp.decode(sdp.encode(offer)) == offer

    @given(st.binary(max_size=600))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        for text in (data, b"v=0\r\n" + data, body(INVITE)[: len(data)] + data):
            try:
                read = sdp.decode(text)
            except WireError:
                continue
            assert sdp.decode(sdp.encode(read)).media == sdp.decode(sdp.encode(read)).media

    @given(
        st.integers(0, 65535), st.integers(0, 65535), st.sampled_from(["1", "2"]), st.binary(min_size=1, max_size=40)
    )
    def test_candidates_survive_both_directions(self, port: int, control: int, component: str, name: bytes) -> None:
        one = sdp.Candidate(b64encode(name).decode(), int(component), "cGFzcw==", "0.550", "192.0.2.7", port)
        media = sdp.Media(kind="audio", port=1, formats=("0",), address="192.0.2.7", rtcp=control, candidates=(one,))
        assert sdp.decode(sdp.encode(sdp.Session("192.0.2.7", (media,)))).media == (media,)

    @pytest.mark.parametrize(
        "line",
        [
            "m=audio 70000 RTP/AVP 0",
            "c=IN IP4 300.1.2.3",
            "m=audio 1 RTP/AVP",
            "a=candidate:x 3 y UDP 0.8 1.2.3.4 5\r\n",
            "no equals",
        ],
    )
    def test_wrong_lines(self, line: str) -> None:
        with pytest.raises(WireError):
            sdp.decode(b"v=0\r\nm=audio 5 RTP/AVP 0\r\n" + line.encode())

    def test_floods(self) -> None:
        for flood in (b"m=audio 1 RTP/AVP 0\r\n" * 9, b"a=x\r\n" * 600, b"a=" + b"x" * 20000):
            with pytest.raises(WireError):
                sdp.decode(b"v=0\r\nm=audio 5 RTP/AVP 0\r\n" + flood)

    def test_an_answer_refuses_the_lines_it_does_not_take(self) -> None:
        text = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=video 5 RTP/AVP 34\r\nm=audio 6 RTP/AVP 0\r\n"
        mine = sdp.Media(kind="audio", port=9, formats=("0",), address="192.0.2.2")
        answered = sdp.encode(sdp.answer(sdp.decode(text), mine)).decode()
        assert re.findall(r"m=.*", answered) == ["m=video 0 RTP/AVP 34\r", "m=audio 9 RTP/AVP 0\r"]


class TestSip:
    def test_an_answer_copies_what_it_must(self) -> None:
        request = sip.decode(INVITE)
        said = dpkt.sip.Response(sip.encode(sip.reply(request, "180 Ringing", SEEN, tag="ab")))
        assert (said.status, said.reason) == ("180", "Ringing")
        assert said.headers["v"] == "SIP/2.0/TLS 192.0.2.10:50390;received=198.51.100.7;rport=61000"
        assert said.headers["t"] == "<sip:bob@example.test>;tag=ab"
        assert said.headers["i"] == "ffeeddccbbaa99887766554433221100"

    def test_long_names_are_answered_with_long_names(self) -> None:
        long = INVITE.replace(b"v:", b"Via:").replace(b"\r\nl:", b"\r\nContent-Length:")
        out = sip.encode(sip.reply(sip.decode(long), "200 OK", SEEN, more=(("m", "<sip:x>"), ("c", "application/sdp"))))
        assert b"\r\nContent-Length: 0\r\n" in out
        assert b"\r\nContact: <sip:x>\r\n" in out

    @pytest.mark.parametrize(
        "change",
        [
            (b"l: 603", b"l: 700"),  # more than came
            (b"l: 603", b"l: -1"),
            (b"l: 603", b"l: 603\r\nl: 5"),
            (b"l: 603", b"l: 999999"),
            (b"Max-Forwards: 70", b"x: y\r\n" * 70 + b"z: 1"),
            (b"Max-Forwards: 70", b"x: " + b"y" * 9000),
            (b"Max-Forwards: 70", b"no colon"),
            (b"Max-Forwards: 70", b"x: \x01"),
            (b"Max-Forwards: 70", b"x: \xff"),
        ],
    )
    def test_wrong_messages(self, change: tuple[bytes, bytes]) -> None:
        assert change[0] in INVITE
        with pytest.raises(WireError):
            sip.decode(INVITE.replace(*change))

    def test_what_is_cut_short_is_refused_in_a_datagram_and_waited_for_on_a_stream(self) -> None:
        for size in range(0, len(INVITE), 37):
            with pytest.raises(WireError):
                sip.decode(INVITE[:size])
            reading = Conversation(sip.read())
            reading.start()
            reading.feed(INVITE[:size])
            assert not reading.finished
            reading.end()
            assert reading.error is not None

    @given(st.binary(max_size=400))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        for text in (data, INVITE[:200] + data + INVITE[200:], data + b"\r\n\r\n"):
            try:
                message = sip.decode(text)
                sip.method_of(message)
                sip.sequence_of(message)
            except WireError:
                continue

    @given(
        st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=40), st.binary(max_size=99)
    )
    def test_messages_survive_both_directions(self, value: str, content: bytes) -> None:
        message = sip.Message("BYE sip:x SIP/2.0", (("i", value), ("CSeq", "2 BYE")), content)
        again = sip.decode(sip.encode(message))
        assert (again.start, again.headers[:2], again.body) == (message.start, message.headers, content)


def block(ssrc: int = 7, lost: int = -3) -> rtcp.Block:
    return rtcp.Block(ssrc, 128, lost, 0x10005, 77, 9, 10)


class TestRtcp:
    def test_an_independent_reader_finds_the_numbers(self) -> None:
        data = rtcp.pack(rtcp.Report(5, rtp.Report(5, 1 << 32, 160, 9, 1440), (block(lost=4),)), "cname")
        assert struct.unpack(">BBHI", data[:8]) == (0x81, 200, 12, 5)
        assert struct.unpack(">QIII", data[8:28]) == (1 << 32, 160, 9, 1440)
        assert struct.unpack(">IIIIII", data[28:52]) == (7, 128 << 24 | 4, 0x10005, 77, 9, 10)

    @pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
    def test_tshark_finds_the_numbers(self, tmp_path: Path) -> None:
        data = rtcp.pack(rtcp.Report(5, rtp.Report(5, 1 << 32, 160, 9, 1440), (block(lost=4),)), "cname", goodbye=True)
        udp = dpkt.udp.UDP(sport=30001, dport=30003, data=data)
        udp.ulen = len(udp)
        packet = dpkt.ip.IP(src=b"\x7f\0\0\1", dst=b"\x7f\0\0\2", p=17, data=udp)
        packet.len = len(packet)
        with (tmp_path / "one.pcap").open("wb") as file:
            dpkt.pcap.Writer(file, linktype=101).writepkt(bytes(packet), ts=1)
        argv = ["tshark", "-r", str(tmp_path / "one.pcap"), "-T", "fields"]
        for name in ("pt", "ssrc.cum_nr", "ssrc.fraction", "ssrc.jitter", "sender.packetcount", "sdes.text"):
            argv += ["-e", f"rtcp.{name}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        assert done.stdout.strip().split("\t") == ["200,202,203", "4", "128", "77", "9", "cname"]

    def test_what_is_written_is_read(self) -> None:
        report = rtcp.Report(5, None, (block(), block(8)))
        assert rtcp.unpack(rtcp.pack(report, "x", goodbye=True)) == rtcp.Compound((report,), ((5, "x"),), (5,))

    @given(st.binary(max_size=120))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        for text in (data, b"\x81\xc9\0\7" + data, rtcp.pack(rtcp.Report(5, None, (block(),)), "n") + data):
            try:
                rtcp.unpack(text)
            except WireError:
                continue


def reference(packets: list[tuple[int, int, float]]) -> float:
    """Jitter by the formula of RFC 3550 6.4.1, written straight from its text."""
    jitter = 0.0
    for (_, s0, r0), (_, s1, r1) in pairwise(packets):
        jitter += (abs((r1 * 8000 - r0 * 8000) - (s1 - s0)) - jitter) / 16
    return jitter


class TestReception:
    @given(st.lists(st.floats(0, 0.2), min_size=2, max_size=60))
    def test_jitter_is_that_of_the_rfc(self, delays: list[float]) -> None:
        packets = [(number, number * 160, 0.02 * number + late) for number, late in enumerate(delays)]
        here = rtcp.Reception()
        for sequence, timestamp, at in packets:
            here.take(sequence, timestamp, at)
        assert here.jitter == pytest.approx(reference(packets), abs=0.01)

    @given(st.integers(0, 65535), st.sets(st.integers(1, 98)), st.randoms(use_true_random=False))
    def test_losses_are_counted_across_the_wrap(self, first: int, lost: set[int], chance: object) -> None:
        here = rtcp.Reception()
        sent = [number for number in range(100) if number not in lost]
        for at in range(0, len(sent) - 2, 7):  # neighbours change places
            if at:
                sent[at], sent[at + 1] = sent[at + 1], sent[at]
        for number in sent:
            here.take((first + number) & 0xFFFF, number * 160, number * 0.02)
        assert (here.expected, here.lost, here.received) == (100, len(lost), 100 - len(lost))

    def test_a_repeated_packet_makes_up_for_no_lost_one(self) -> None:
        here = rtcp.Reception()
        for number in (1, 2, 2, 4):
            here.take(number, number * 160, number * 0.02)
        assert (here.lost, here.repeated, here.block(1).lost) == (1, 1, 0)

    def test_the_fraction_is_that_since_the_report_before(self) -> None:
        here = rtcp.Reception()
        for number in (0, 1, 2, 3):
            here.take(number, 0, 0.0)
        assert here.block(1).fraction == 0
        for number in (5, 7):
            here.take(number, 0, 0.0)
        assert (here.block(1).fraction, here.block(1).fraction) == (128, 0)
