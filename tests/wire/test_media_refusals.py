"""Wrong credentials, wrong order, limits: what each end refuses, and with which words."""

from __future__ import annotations

import re

import pytest
from media_captures import FAR, NEAR, NOW, bytes_of, client_context, converse, server_context, tag_of

from emulator.wire import (
    echo,
    ipv4,
    mcs,
    media,
    msnftp,
    p2p,
    p2p_direct,
    rdp,
    reflector,
    rtp,
    shared_secret,
    sip,
    stun,
    t120,
    tags,
    tpkt,
    turn,
    webcam,
)
from emulator.wire.allocation import Limits
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Talk

TAG = tag_of(128)


def heard(talk: Talk[object], *data: bytes) -> tuple[bytes, Conversation[object]]:
    """All that an end says while it hears these writes."""
    conversation = Conversation(talk)
    out = conversation.start() + b"".join(conversation.feed(piece) for piece in data)
    return out, conversation


class TestSharedSecret:
    def second(self, **changes: object) -> tuple[bytes, Conversation[object]]:
        ticket = tags.ticket(TAG)
        values = {"ticket": ticket, "nonce": b'"' + bytes_of(8).hex().encode() + b'"', "account": tags.account(TAG)}
        values |= changes  # type: ignore[assignment]
        request = shared_secret.second_request(
            shared_secret.second_id(TAG), values["ticket"], b'"live.com"', values["nonce"], values["account"]
        )
        first = shared_secret.first_request(TAG, str(values["ticket"]))
        return heard(shared_secret.server(server_context()), first, request)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"account": "alice@example.test"}, "431 Integrity Check Failure"),
            ({"nonce": b'"1234"'}, "401 Unauthorized"),
            ({"ticket": "t=SOMEBODY&p="}, "401 Unauthorized"),
        ],
    )
    def test_wrong_credentials(self, changes: dict[str, object], code: str) -> None:
        out, server = self.second(**changes)
        reader = Conversation(stun.read())
        reader.start()
        reader.feed(out)
        refusal = stun.decode(reader.unread)
        assert (refusal.kind, refusal.error) == (stun.SECRET_ERROR, code)
        assert server.error
        assert [sight.tag for sight in server.sightings] == [TAG.hex()]

    def test_right_ones(self) -> None:
        _, server = self.second()
        assert server.done
        assert server.sightings[0].facts["transactions"] == [TAG.hex(), shared_secret.second_id(TAG).hex()]
        assert server.notes["second_transaction"] == shared_secret.second_id(TAG).hex()

    def test_both_alternate_servers_the_old_code_first(self) -> None:
        out, _ = self.second()
        first = Conversation(stun.read())
        first.start()
        first.feed(out)
        grant = stun.decode(first.unread)
        codes = [code for code, _ in grant.attributes]
        assert codes == [stun.USERNAME, stun.PASSWORD, 0x000E, 0x8023]

    def test_a_password_by_another_key_is_refused_by_the_client(self) -> None:
        near, _, _ = converse(
            shared_secret.client(client_context(TAG)), shared_secret.server(server_context(relay_key=b"other"))
        )
        assert near.error
        assert "relay key" in str(near.error)


class TestTurn:
    USER = TAG + b"1234"

    def ask(self, data: bytes, held: turn.Allocations, **changes: object) -> stun.Message:
        answered = turn.answer(data, server_context(**changes), held)
        assert answered
        (reply,) = answered.replies
        return stun.decode(reply.data)

    def test_wrong_key_missing_user_and_no_allocation(self) -> None:
        held = turn.Allocations()
        key = shared_secret.derive_password(server_context().relay_key, self.USER)
        assert self.ask(turn.allocate(TAG, self.USER, b"wrong"), held).error == "431 Integrity Check Failure"
        nobody = stun.encode(stun.Message(turn.ALLOCATE, TAG, ((turn.MAGIC_COOKIE, turn.COOKIE),)), key)
        assert self.ask(nobody, held).error == "432 Missing Username"
        sending = self.ask(turn.send(TAG, self.USER, key, FAR, b"x"), held)
        assert (sending.kind, sending.error) == (0x0114, "437 Allocation Mismatch")
        assert len(held) == 0

    def granted(self, held: turn.Allocations, port: int, user: bytes = USER, lifetime: int | None = None) -> object:
        """Relayed port of an Allocate from one source port, or the error."""
        key = shared_secret.derive_password(server_context().relay_key, user)
        asked = turn.allocate(TAG, user, key, lifetime)
        answer = self.ask(asked, held, observed=Endpoint("198.51.100.8", port))
        return answer.error or answer.address(stun.MAPPED_ADDRESS).port

    def test_a_repeated_allocate_keeps_its_port_and_the_table_has_a_limit(self) -> None:
        held = turn.Allocations(limits=Limits(total=2), low=50000, high=50003)
        assert [self.granted(held, 1) for _ in range(3)] == [50000] * 3
        assert self.granted(held, 2) == 50001
        assert self.granted(held, 3) == "508 Insufficient Capacity"
        held.tick(NOW + 600)
        assert self.granted(held, 3) == 50002

    def test_release_and_port_exhaustion(self) -> None:
        held = turn.Allocations(low=50000, high=50001)
        assert [self.granted(held, port) for port in range(1, 4)] == [50000, 50001, "508 Insufficient Capacity"]
        assert self.granted(held, 1, lifetime=0) == 50000
        assert self.granted(held, 1, lifetime=0) == 0
        assert self.granted(held, 9) == 50000

    def test_quota_is_an_error_answer(self) -> None:
        held = turn.Allocations(limits=Limits(user=0))
        assert self.granted(held, 1) == "486 Allocation Quota Reached"

    def test_the_client_needs_cookie_and_integrity(self) -> None:
        grant = turn.Grant(FAR, NEAR, 600)
        key = b"k" * 16
        good = turn.allocate_ok(TAG, self.USER, key, grant)
        assert turn.read_allocate_ok(good, TAG, key) == grant
        with pytest.raises(WireError, match="MESSAGE-INTEGRITY"):
            turn.read_allocate_ok(good[:-1] + b"\0", TAG, key)
        bare = stun.decode(good).attributes[1:-1]
        with pytest.raises(WireError, match="cookie"):
            turn.read_allocate_ok(stun.encode(stun.Message(turn.ALLOCATE_OK, TAG, bare), key), TAG, key)


class TestSip:
    def say(self, text: bytes) -> bytes:
        out, conversation = heard(sip.server(server_context()), text)
        assert conversation.error is None
        return out

    def test_a_ticket_of_another_flow_is_refused(self) -> None:
        request = sip.register("a@example.test", NEAR, TAG.hex(), tags.ticket(bytes(16)), from_tag="1", epid="2")
        assert self.say(request).startswith(b"SIP/2.0 401 Unauthorized\r\n")

    def test_keepalives_long_names_and_other_methods(self) -> None:
        head = b"Via: SIP/2.0/TLS x\r\nFrom: <sip:a>\r\nTo: <sip:b>\r\nCall-ID: 7\r\n"
        head += b"CSeq: 1 %s\r\nContent-Length: 2\r\n\r\nxx"
        out = self.say(b"\r\n\r\n\r\n\r\n" + b"OPTIONS sip:b SIP/2.0\r\n" + head % b"OPTIONS")
        assert out.startswith(b"SIP/2.0 200 OK\r\n")
        assert b"Allow: REGISTER, OPTIONS\r\n" in out
        assert self.say(b"INVITE sip:b SIP/2.0\r\n" + head % b"INVITE").startswith(b"SIP/2.0 405 ")
        assert self.say(b"ACK sip:b SIP/2.0\r\n" + head % b"ACK") == b""

    @pytest.mark.parametrize(
        "text",
        [
            b"OPTIONS sip:b SIP/2.0\r\nVia\r\n\r\n",
            b"OPTIONS sip:b SIP/2.0\r\nCall-ID: 1\nX: 2\r\n\r\n",
            b"OPTIONS sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 99999\r\n\r\n",
            b"OPTIONS sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: -1\r\n\r\n",
            b"OPTIONS sip:b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n",
            b"OPTIONS sip:b HTTP/1.1\r\nCall-ID: 1\r\n\r\n",
            b"OPTIONS sip:b SIP/2.0\r\n" + b"A: b\r\n" * 2000,
            b"OPTIONS sip:\xff SIP/2.0\r\n\r\n",
        ],
    )
    def test_bad_requests(self, text: bytes) -> None:
        out, server = heard(sip.server(server_context()), text)
        assert server.error
        assert out == b""


class TestStreams:
    def test_msnftp_wrong_cookie_and_account(self) -> None:
        account = tags.account(TAG)
        foreign = b"USR p" + b"\xff" * 26 + b"@hotmail.com 1\r\n"
        wrong = msnftp.usr(account, msnftp.cookie(TAG) ^ 1)
        for usr in (wrong, msnftp.usr("bob@example.test", 1), b"USR\r\n", foreign):
            out, server = heard(msnftp.server(server_context()), msnftp.VERSION, usr)
            assert server.error
            assert out == msnftp.VERSION

    def test_msnftp_unhappy_goodbye(self) -> None:
        asks = msnftp.VERSION + msnftp.usr(tags.account(TAG), msnftp.cookie(TAG)) + b"TFR\r\n"
        _, server = heard(msnftp.server(server_context()), asks, msnftp.bye(2164261682))
        assert server.notes["bye"] == 2164261682
        assert server.error

    def test_msnftp_other_versions_are_tolerated(self) -> None:
        out, _ = heard(msnftp.server(server_context()), b"VER 4 MSNFTP\r\n")
        assert out == msnftp.VERSION

    def test_direct_connection_with_another_nonce(self) -> None:
        answer = p2p_direct.record(p2p.handshake(7, bytes(16)))
        _, near = heard(p2p_direct.client(client_context(TAG)), answer)
        assert near.error
        assert "nonce" in str(near.error)

    def test_direct_connection_chunks_out_of_order(self) -> None:
        pieces = [
            p2p_direct.record(piece)
            for piece in p2p.chunks(bytes(3000), session=1, identifier=2, flags=0, ack_id=3, limit=1352)
        ]
        opening = p2p_direct.OPENING + p2p_direct.record(p2p.handshake(1, TAG))
        _, server = heard(p2p_direct.server(server_context()), opening, pieces[0], pieces[2])
        assert server.error
        assert "out of order" in str(server.error)

    def test_oversize_records(self) -> None:
        opening = p2p_direct.OPENING + (1 << 30).to_bytes(4, "little")
        assert heard(p2p_direct.server(server_context()), opening)[1].error
        assert heard(t120.server(server_context()), b"\x03\0\xff\xff")[1].error
        assert heard(media.tcp_server(server_context()), b"\xff\xff")[1].error
        assert heard(webcam.server(server_context()), b"recipientid=1" + b"0" * 200)[1].error
        assert heard(shared_secret.server(server_context()), b"\0\x02\xff\xff" + bytes(16))[1].error
        assert heard(webcam.server(server_context()), b"recipientid=4294967296&sessionid=1\r\n\r\n")[1].error

    def test_counts_are_limited(self) -> None:
        record = echo.request(b"abcd")
        assert heard(echo.server(server_context()), record * 17)[1].error
        frame = webcam.pack(webcam.Frame(1, 1))
        opening = reflector.opening("00" * 8) + reflector.CONNECTED
        out, server = heard(reflector.server(server_context()), opening, frame * 257)
        assert server.error
        assert out.count(reflector.CREDIT) == 256
        packet = rtp.pack(rtp.near_packet(7, 0, 1))
        assert heard(media.tcp_server(server_context()), (b"\0\xac" + packet) * 65)[1].error
        options = sip.options("a@b", NEAR, "1", from_tag="1", epid="2")
        assert heard(sip.server(server_context()), options * 33)[1].error

    def test_the_reflector_lets_a_viewer_wait_and_serves_no_foreign_tid(self) -> None:
        out, viewer = heard(reflector.server(server_context()), reflector.opening("00" * 8, "VIEW"))
        assert (out, viewer.finished) == (reflector.OK, False)
        _, viewer = heard(reflector.server(server_context()), reflector.opening("00" * 8, "VIEW"), reflector.CREDIT * 4)
        assert viewer.error
        assert viewer.sightings
        assert heard(reflector.server(server_context()), reflector.opening("424242"))[1].error

    def test_a_paused_frame_has_no_payload(self) -> None:
        frame = webcam.pack(webcam.Frame(1, 1, b"x", paused=True))
        _, reader = heard(webcam.read_frame(), frame)
        assert reader.error

    @pytest.mark.parametrize(("at", "value"), [(0, 23), (1, 2), (6, 2), (12, 0x4E), (11, 1)])
    def test_a_bad_frame_header(self, at: int, value: int) -> None:
        frame = bytearray(webcam.pack(webcam.Frame(1, 1)))
        frame[at] = value
        assert heard(webcam.read_frame(), bytes(frame))[1].error

    @pytest.mark.parametrize("changes", [{"offset": 8, "length": 4}, {"offset": 11}, {"total": (1 << 20) + 1}])
    def test_a_chunk_outside_its_message(self, changes: dict[str, int]) -> None:
        values = {"identifier": 1, "total": 10, "length": 0} | changes
        with pytest.raises(WireError):
            p2p.unpack(p2p.pack(p2p.Header(**values)))

    def test_rdp_selected_something_else(self) -> None:
        negotiation = tpkt.Negotiation(tpkt.NEG_RESPONSE, 1)
        answer = tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_CONFIRM, negotiation=negotiation))
        assert heard(rdp.client(client_context(tag_of(40))), answer)[1].error

    def test_a_foreign_cookie_sights_nothing(self) -> None:
        assert rdp.from_cookie(rdp.PREFIX + "alice") == ""
        assert rdp.from_cookie(rdp.PREFIX + "alice!!!") == ""
        assert rdp.from_cookie(rdp.cookie(b"12345")) == b"12345".hex()

    def test_mcs_refusal(self) -> None:
        refusal = tpkt.pack_data(mcs.pack_response(mcs.ConnectResponse(result=3)))
        confirm = tpkt.pack_connection(tpkt.Connection(tpkt.CONNECT_CONFIRM))
        _, near = heard(t120.client(client_context(tag_of(64))), confirm, refusal)
        assert near.error
        assert "result 3" in str(near.error)

    @pytest.mark.parametrize(
        "pdu",
        [
            "64000600085003616263",  # the begin of more
            "64000600083103616263",  # padding that is none
            "64000600087004616263",  # a length beyond the data
            "6400060008708003616263"[:-2],
            "640006000870c003616263",  # a fragmented length
            "640006000870",
            "60000600087003616263",  # another PDU
        ],
    )
    def test_mcs_data_that_are_not_whole(self, pdu: str) -> None:
        with pytest.raises(WireError):
            mcs.unpack_sent(bytes.fromhex(pdu))
        assert mcs.unpack_sent(bytes.fromhex("64000600087003616263")) == mcs.Sent(0x64, 1007, 8, b"abc")

    def test_mcs_data_for_a_channel_that_was_not_joined_are_answered_by_nobody(self) -> None:
        sent = tpkt.pack_data(mcs.pack_sent(mcs.Sent(mcs.SEND_REQUEST, mcs.USER, t120.BOARD, b"abc")))
        joined = tpkt.pack_data(mcs.join_request(mcs.USER, t120.BOARD))
        said, far = heard(t120.serve_domain(), sent, joined, sent, tpkt.pack_data(mcs.DISCONNECT))
        assert far.done
        assert len(re.findall(rb"\x68\x00\x07\x00\x08", said)) == 1
        with pytest.raises(WireError):
            mcs.pack_sent(mcs.Sent(mcs.SEND_REQUEST, mcs.USER, t120.BOARD, bytes(4001)))


class TestChecks:
    def test_wrong_integrity_is_refused(self) -> None:
        request = media.check_request(TAG, b"another key")
        answered = media.answer(request, server_context())
        assert answered
        refusal = stun.decode(answered.replies[0].data)
        assert (refusal.kind, refusal.error) == (stun.BINDING_ERROR, "431 Integrity Check Failure")

    def test_addresses_that_are_not_ipv4(self) -> None:
        assert ipv4.packed("::ffff:192.0.2.1") == bytes((192, 0, 2, 1))
        for address in ("2001:db8::1", "host", "1.2.3", "", "::1%lo"):
            with pytest.raises(WireError):
                ipv4.packed(address)
        six = server_context(observed=Endpoint("2001:db8::1", 1))
        answered = echo.answer(echo.request(b"abcd"), six)
        assert answered
        assert answered.replies == ()
        assert media.answer(media.check_request(TAG, six.relay_key), six) is None
