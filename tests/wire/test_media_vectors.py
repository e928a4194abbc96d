"""The published byte sequences (tests/vectors, composed and dissected before this code existed), reproduced exactly."""

from __future__ import annotations

import pytest
from media_captures import (
    FAR,
    NEAR,
    SECOND,
    VECTORS,
    client_context,
    converse,
    payloads,
    server_context,
    tag_of,
    transcript,
)

from emulator.wire import (
    data_relay,
    echo,
    mcs,
    msnftp,
    p2p,
    p2p_direct,
    rdp,
    reflector,
    rtp,
    shared_secret,
    sip,
    slp,
    stun,
    t120,
    tpkt,
    turn,
    webcam,
)
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, Send, Talk

USER, PASSWORD = b"u" * 20, b"p" * 16


def said(talk: Talk[object], heard: bytes) -> bytes:
    """Everything that an end says to a peer that says `heard`."""
    conversation = Conversation(talk)
    out = conversation.start() + conversation.feed(heard)
    assert conversation.error is None
    return out


def parts(name: str, port: int, who: str) -> bytes:
    return b"".join(data for end, data in transcript(name, port) if end == who)


def test_echo_over_udp() -> None:
    hello, first, reply, discard, cross, crossed, third, thirded = [data for _, _, data in payloads("echo7001.pcap")]
    tag = first[16:]
    far = server_context(local=Endpoint("203.0.113.1", 7001))
    assert echo.request(tag) == first == third
    for question, expected in ((first, reply), (third, thirded), (cross, crossed)):
        answered = echo.answer(question, far)
        assert answered
        assert [r.data for r in answered.replies] == [expected]
        assert answered.tag == tag.hex()
    talk = echo.udp_second(client_context(tag), reply)
    assert next(talk).data == cross
    said_hello = echo.answer(hello, far)
    assert said_hello
    assert said_hello.replies == ()
    assert discard == b""
    record = echo.unpack(reply)
    assert (record.client, record.test, record.discard_port) == (NEAR, SECOND, 9)
    assert echo.pack(record) == reply


def test_echo_over_tcp() -> None:
    (_, question), (_, reply) = transcript("echo7001_tcp.pcap", 7001)
    assert Conversation(echo.client(client_context(question[16:]))).start() == question
    assert said(echo.server(server_context()), question) == reply


def test_classic_stun() -> None:
    question, reply, change, _ = [data for _, _, data in payloads("stun3489.pcap")]
    local, other = Endpoint("203.0.113.1", 3478), Endpoint("203.0.113.2", 3479)
    bound = stun.binding(question, NEAR, local, other)
    assert bound == stun.Bound(reply)
    changed = stun.binding(change, NEAR, local, other)
    assert changed
    assert (changed.change_ip, changed.change_port) == (True, True)
    # The composed capture repeats 203.0.113.1:3478 here; RFC 3489 11.2.3 wants the address that answers.
    assert stun.decode(changed.data).address(stun.SOURCE_ADDRESS) == other


def test_shared_secret() -> None:
    lines = [data for _, data in transcript("sharedsecret.pcap", 3478)]
    first, second = lines[0][4:20], lines[2][4:20]
    ticket, account = "t=TESTTICKET&p=", "alice@example.test"
    nonce, realm = b'"0123456789abcdef"', b'"live.com"'
    assert shared_secret.first_request(first, ticket) == lines[0]
    assert shared_secret.unauthorized(first, nonce) == lines[1]
    assert shared_secret.second_request(second, ticket, realm, nonce, account) == lines[2]
    key = shared_secret.integrity_key(shared_secret.username_of(ticket), nonce, account)
    assert key.hex() == "213fd36b935c666b27abf3488bde5e31" + 32 * "0"
    assert stun.authentic(stun.decode(lines[2]), key)
    assert not stun.authentic(stun.decode(lines[2]), key[:15] + b"\x01")
    grant = stun.decode(lines[3])
    assert (grant.get(stun.USERNAME), grant.get(stun.PASSWORD)) == (USER, PASSWORD)
    assert grant.address(shared_secret.ALTERNATE_SERVER) == Endpoint("203.0.113.1", 443)
    assert stun.encode(stun.Message(grant.kind, grant.id, grant.attributes)) == lines[3]


def test_the_relay_dialect() -> None:
    allocate, granted, send, sent, data, active, activated = [data for _, _, data in payloads("msnturn.pcap")]
    peer = Endpoint("192.0.2.99", 60000)
    peer = stun.decode(send).address(turn.DESTINATION_ADDRESS)
    assert (peer.address, peer.port) == ("192.0.2.99", 60000)
    assert turn.allocate(allocate[4:20], USER, PASSWORD) == allocate
    grant = turn.Grant(Endpoint("203.0.113.5", 50000), Endpoint("198.51.100.7", 40200), 600)
    assert turn.allocate_ok(granted[4:20], USER, PASSWORD, grant) == granted
    assert turn.read_allocate_ok(granted, granted[4:20], PASSWORD) == grant
    assert turn.send(send[4:20], USER, PASSWORD, peer, b"ping") == send
    assert turn.data_indication(data[4:20], peer, b"pong") == data
    assert turn.set_active(active[4:20], USER, PASSWORD, peer) == active
    for message in (allocate, granted, send, sent, active, activated):
        assert stun.authentic(stun.decode(message), PASSWORD)
        assert not stun.authentic(stun.decode(message), PASSWORD[:-1])


def test_the_data_relay_opens_as_the_vector() -> None:
    hello, answer, allocate = [data for _, data in transcript("turn443pseudo.pcap", 443)]
    assert (hello, answer) == (data_relay.CLIENT_HELLO, data_relay.SERVER_HELLO)
    assert turn.is_request(allocate)


def test_rtp_and_rtcp() -> None:
    *packets, report = [data for _, _, data in payloads("rtp_alone.pcap")]
    for index, data in enumerate(packets, 1):
        assert rtp.pack(rtp.Packet(0, index, 160 * index, 0x11223344, b"\xff" * 160)) == data
        assert rtp.unpack(data).sequence == index
    assert rtp.pack_report(rtp.Report(0x11223344, 0xE0000000 << 32, 160, 1, 160)) == report
    assert rtp.is_rtcp(report)
    assert not rtp.is_rtp(report)


def test_webcam_direct() -> None:
    lines = [data for _, data in transcript("webcam_direct.pcap", 6891)]
    assert webcam.greeting((150).to_bytes(4, "big") + (9123).to_bytes(4, "big")) == lines[0]
    assert said(webcam.server(server_context()), lines[0] + lines[2] + lines[3]) == lines[1]
    frame = webcam.Frame(0x0A0B0C0D, 1000, bytes(4), keyframe=True)
    assert webcam.pack(frame) == lines[3]
    reader = Conversation(webcam.read_frame())
    reader.start()
    reader.feed(lines[3])
    assert reader.result == frame


def test_webcam_reflector() -> None:
    opening, ok, connected, frame, credit = [data for _, data in transcript("webcam_reflector80.pcap", 80)]
    assert reflector.opening("424242") == opening
    heard = reflector.opening("4242420000000000") + connected + frame
    assert said(reflector.server(server_context()), heard) == ok + credit
    assert (ok, connected, credit) == (reflector.OK, reflector.CONNECTED, reflector.CREDIT)


def test_msnftp() -> None:
    lines = [data for _, data in transcript("msnftp.pcap", 6891)]
    assert lines[0] == lines[1] == msnftp.VERSION
    assert lines[2] == msnftp.usr("bob@example.test", 123456)
    assert lines[5] == msnftp.block(b"hello world")
    assert lines[6] == msnftp.END
    assert lines[7] == msnftp.bye(msnftp.RECEIVED_OK)


def connected(selector: bytes) -> Talk[None]:
    yield from t120.connect(selector)
    yield Send(tpkt.pack_data(mcs.DISCONNECT))


def test_t120_without_user_data() -> None:
    asked, answered = parts("t120.pcap", 1503, "c"), parts("t120.pcap", 1503, "s")
    assert said(t120.server(server_context()), asked) == answered
    assert said(connected(b"\x01"), answered) == asked


def test_t120_with_conference_data() -> None:
    asked, answered = parts("t120gcc.pcap", 1503, "c"), parts("t120gcc.pcap", 1503, "s")
    assert said(t120.server(server_context()), asked) == answered


def test_rdp() -> None:
    lines = [data for _, data in transcript("rdp.pcap", 3389)]
    assert said(rdp.server(server_context()), lines[0] + lines[2]) == lines[1] + lines[3]
    initial = mcs.ConnectInitial(user_data=mcs.conference_request())
    assert tpkt.pack_data(mcs.pack_initial(initial)) == lines[2]
    assert mcs.unpack_initial(lines[2][7:]) == initial
    negotiation = tpkt.Negotiation(tpkt.NEG_REQUEST, rdp.STANDARD)
    connection = tpkt.Connection(tpkt.CONNECT_REQUEST, cookie=rdp.PREFIX + "alice", negotiation=negotiation)
    assert tpkt.pack_connection(connection) == lines[0]


def test_rdp_refuses_tls_as_the_vector_does() -> None:
    asked, refused = [data for _, data in transcript("rdpfail.pcap", 3389)]
    wants_tls = asked[:-4] + (1).to_bytes(4, "little")
    assert said(rdp.server(server_context()), wants_tls) == refused


def test_xp_remote_assistance_without_negotiation_gets_a_plain_confirm() -> None:
    plain = transcript("t120.pcap", 1503)
    assert said(rdp.server(server_context()), plain[0][1]) == plain[1][1]


def test_sip_register_and_its_answer() -> None:
    published = (VECTORS / "sip-register.txt").read_bytes()
    built = sip.register(
        "alice@example.test",
        Endpoint("192.0.2.10", 50390),
        "00112233445566778899aabbccddeeff",
        "t=TESTTICKET&p=",
        from_tag="1a2b3c4d5e",
        epid="0a1b2c3d4e",
    )
    assert built == published
    captured = [data for _, data in transcript("sip5060.pcap", 5060)]
    assert captured[0] == published
    reader = Conversation(sip.read())
    reader.start()
    reader.feed(captured[1])
    answer = reader.result
    assert answer
    assert (answer.start, answer.need("Expires")) == ("SIP/2.0 200 OK", "900")
    keepalive = Conversation(sip.read())
    keepalive.start()
    keepalive.feed(captured[2] + (VECTORS / "sip-invite.txt").read_bytes())
    assert keepalive.result
    assert len(keepalive.result.body) == 603


def test_direct_connection() -> None:
    lines = [data for _, data in transcript("dc_v1.pcap", 1119)]
    assert lines[0] == p2p_direct.OPENING
    assert lines[1] == p2p_direct.record(p2p.handshake(1001, bytes(range(16))))
    assert lines[2] == p2p_direct.record(p2p.handshake(5002, bytes(range(16, 32))))
    (chunk,) = p2p.chunks(
        b"hello world", session=0x12345678, identifier=1002, flags=p2p.FILE_DATA, ack_id=0xDEAD0001, limit=1352
    )
    assert p2p_direct.record(chunk) == lines[3]
    header = p2p.unpack(chunk)
    assert p2p_direct.record(p2p.acknowledgement(header, 5003)) == lines[4]
    assert p2p.acknowledges(lines[4][4:], header)
    assert lines[5][52:] == (VECTORS / "slp-bye.txt").read_bytes()
    server = Conversation(p2p_direct.server(server_context()))
    server.start()
    server.feed(lines[0] + lines[1] + lines[3] + lines[5])
    assert server.done
    assert server.notes["closed_by"] == "BYE"
    assert server.notes["file_bytes"] == 11


def test_hashed_nonces() -> None:
    assert p2p.published(bytes(range(16))) == "{868B1756-7FA5-22AC-899A-9964185C2CC9}"
    assert p2p.published(bytes(range(16, 32))) == "{058D14CA-75E8-B8BC-CCE4-FD2C2C720BFD}"
    third_party = bytes.fromhex("37292d12865c7b4c81f50e05017880c2")
    assert p2p.published(third_party) == "{2B95F56D-9CA0-9A64-82CE-ADC1F3C55845}"


ALICE, BOB = "alice@example.test", "bob@example.test"
CALL = "{66666666-7777-8888-9999-AAAAAAAAAAAA}"
INVITE = slp.Slp(
    start="INVITE",
    to=BOB,
    sender=ALICE,
    branch="{11111111-2222-3333-4444-555555555555}",
    call_id=CALL,
    content_type=slp.SESSION_REQUEST,
    body=(
        ("EUF-GUID", slp.FILE_TRANSFER),
        ("SessionID", "305419896"),
        ("AppID", "2"),
        ("Context", slp.file_context("hello.txt", 11)),
    ),
)


def test_file_invitation_and_its_two_chunks() -> None:
    text = (VECTORS / "slp-inv.txt").read_bytes()
    assert slp.encode(INVITE) == text
    assert slp.decode(text) == INVITE
    first, second = (data for _, destination, data in payloads("sb_p2p.pcap") if destination == 1863)
    pieces = list(
        p2p.chunks(text, session=0, identifier=1000, flags=p2p.PLAIN, ack_id=0xCAFEBABE, limit=p2p.SWITCHBOARD_CHUNK)
    )
    assert len(pieces) == 2
    for piece, message in zip(pieces, (first, second), strict=True):
        assert message.endswith(b"\r\n\r\n" + piece + bytes(4))
    acknowledgement = bytes.fromhex(
        "00000000881300000000000000000000ff040000000000000000000002000000e8030000bebafecaff04000000000000"
    )
    assert p2p.acknowledgement(p2p.unpack(pieces[1]), 5000) == acknowledgement


@pytest.mark.parametrize("name", ["slp-inv", "slp-ok", "slp-tr", "slp-tro", "slp-bye"])
def test_every_published_slp_text_survives_a_round_trip(name: str) -> None:
    data = (VECTORS / f"{name}.txt").read_bytes()
    assert slp.encode(slp.decode(data)) == data


def test_net_id() -> None:
    assert slp.net_id("192.0.2.10") == "167903424"
    assert slp.decode((VECTORS / "slp-tr.txt").read_bytes()).field("NetID") == slp.net_id("192.0.2.10")


def test_the_contexts_of_these_tests_reach_both_ends() -> None:
    near, far, _ = converse(p2p_direct.client(client_context(tag_of(128))), p2p_direct.server(server_context()))
    assert near.done
    assert far.notes["file_bytes"] == p2p_direct.FILE_SIZE
    assert FAR.port == 5000
