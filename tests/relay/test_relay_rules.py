"""What a relay allows: credentials, time, quotas, bandwidth, and nobody but its own allocations."""

from __future__ import annotations

import struct

import pytest
from relay_words import ONE, OTHER, RELAY, UDP, LaterClient, MsnClient, Place, error, message, parts, plain, xored

from emulator.wire.shared_secret import derive_password

STRANGER = ("192.0.2.200", 9)


def channel(number: int, peer: tuple[str, int]) -> list[tuple[int, bytes]]:
    return [(0x0C, struct.pack("!HH", number, 0)), (0x12, xored(peer))]


class TestCredentials:
    def test_msn_errors(self) -> None:
        place = Place()
        client = MsnClient(place, ONE)
        assert error(client.ask(3, key=b"wrong")) == 431
        assert error(place.ask(message(3, bytes(16), [(0x0F, bytes.fromhex("72c64bc6"))], client.key))) == 432
        assert error(client.ask(3, [(0x7F01, b"")])) == 420
        assert error(client.ask(4, [(0x11, plain(OTHER)), (0x13, b"x")])) == 437
        client.allocate()
        another = MsnClient(place, ONE, b"w" * 20)
        assert error(another.ask(3)) == 441
        assert len(place.table) == 1

    def test_later_errors(self) -> None:
        place = Place()
        client = LaterClient(place, ONE)
        kind, found = parts(client.challenge())
        assert (kind, error(client.challenge())) == (0x0113, 401)
        assert found[0x14] == b"live.com"
        assert error(client.ask(3, [UDP], key=b"wrong")) == 401
        assert error(client.ask(3, [(0x19, b"\x06\0\0\0")])) == 442
        assert error(client.ask(3, [])) == 400
        assert error(client.ask(3, [UDP, (0x17, b"\x02\0\0\0")])) == 440
        unknown = client.ask(3, [UDP, (0x1A, b"")])
        assert (error(unknown), parts(unknown)[1][0x0A]) == (420, b"\0\x1a")
        assert error(client.ask(4, [])) == 437
        client.allocate()
        assert error(client.ask(3, [UDP])) == 437
        assert error(LaterClient(place, ONE, b"x" * 20).challenge()) == 401

    def test_a_nonce_grows_old_and_serves_one_address(self) -> None:
        place = Place()
        client, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        client.challenge()
        other.nonce = client.nonce
        stale = other.ask(3, [UDP])
        assert error(stale) == 438
        place.now += 601
        again = client.ask(3, [UDP])
        assert error(again) == 438
        client.nonce = parts(again)[1][0x15]
        assert error(client.ask(3, [UDP])) == 0
        client.nonce = b"AAAA" + client.nonce[4:]
        assert error(client.ask(4, [])) == 438

    def test_a_repeated_question_gets_its_answer_again(self) -> None:
        place = Place()
        client = LaterClient(place, ONE)
        client.challenge()
        asked = client.word(3, [UDP])
        assert place.ask(asked) == place.ask(asked)
        assert len(place.table) == 1
        msn = MsnClient(place, OTHER)
        assert msn.allocate() == msn.allocate()


class TestTime:
    def test_an_allocation_expires_unless_refreshed(self) -> None:
        place = Place()
        client = LaterClient(place, ONE)
        client.allocate()
        place.tick(599)
        client.challenge()
        assert error(client.ask(4, [])) == 0
        place.tick(599)
        assert len(place.table) == 1
        place.tick(2)
        assert len(place.table) == 0
        assert place.ports[0].closed
        assert place.table.idle

    def test_lifetime_is_limited_and_zero_releases(self) -> None:
        place = Place(lifetime=120)
        client = LaterClient(place, ONE)
        client.allocate([(0x0D, struct.pack("!I", 99999))])
        assert parts(client.ask(4, [(0x0D, struct.pack("!I", 99999))]))[1][0x0D] == struct.pack("!I", 120)
        assert error(client.ask(4, [(0x0D, bytes(4))])) == 0
        assert error(client.ask(4, [(0x0D, bytes(4))])) == 437
        msn = MsnClient(place, ONE)
        assert msn.allocate(0) == (RELAY.address, 0)  # there is none (any more), and that is said again
        msn.allocate()
        msn.allocate(0)
        assert len(place.table) == 0
        assert all(port.closed for port in place.ports)

    def test_permissions_and_channels_expire(self) -> None:
        place = Place()
        one, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        assert error(one.ask(9, channel(0x4001, theirs))) == 0
        assert error(other.ask(8, [(0x12, xored(mine))])) == 0
        place.hear(b"\x40\x01\0\x02hi", ONE)
        assert parts(place.out.pop()[0])[1][0x13] == b"hi"
        place.tick(301)
        place.hear(b"\x40\x01\0\x02hi", ONE)
        assert place.out == []  # the other side no longer permits
        client = place.door.clients[ONE]
        place.tick(298)
        assert client.channels
        client.expires += 600
        place.tick(2)
        assert not client.channels


class TestPeers:
    def test_channels_both_ways_and_send_indications(self) -> None:
        place = Place()
        one, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        assert error(one.ask(9, channel(0x4001, theirs))) == 0
        assert error(other.ask(9, channel(0x7FFE, mine))) == 0
        place.hear(b"\x40\x01\0\x03abc", ONE)
        place.hear(b"\x40\x01\0\x03abc\0", ONE)  # padded, as over a stream
        place.hear(b"\x7f\xfe\0\x01z", OTHER)
        assert place.out == [(b"\x7f\xfe\0\x03abc", OTHER)] * 2 + [(b"\x40\x01\0\x01z", ONE)]
        place.out.clear()
        place.hear(message(0x16, one.new_id(), [(0x12, xored(theirs)), (0x13, b"12345")]), ONE)
        assert place.out == [(b"\x7f\xfe\0\x0512345", OTHER)]
        assert [port.left for port in place.ports] == [[], []]

    @pytest.mark.parametrize("frame", [b"\x40", b"\x40\x01\0", b"\x40\x01\0\x09short", b"\x40\x02\0\0", b""])
    def test_broken_frames_are_dropped(self, frame: bytes) -> None:
        place = Place()
        one, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        one.allocate()
        one.ask(9, channel(0x4001, other.allocate()))
        place.hear(frame, ONE)
        assert place.out == []

    def test_nothing_goes_to_a_stranger(self) -> None:
        place = Place()
        later, msn = LaterClient(place, ONE), MsnClient(place, OTHER)
        later.allocate()
        msn.allocate()
        assert error(later.ask(9, channel(0x4001, STRANGER))) == 403
        assert error(later.ask(8, [(0x12, xored(STRANGER))])) == 403
        assert error(msn.ask(6, [(0x11, plain(STRANGER))])) == 403
        assert error(msn.ask(4, [(0x11, plain(STRANGER)), (0x13, b"x")])) == 403
        # an owner's address has permission, but another port of it is not an allocation's
        assert error(later.ask(9, channel(0x4001, (OTHER[0], 53)))) == 0
        place.hear(b"\x40\x01\0\x02hi", ONE)
        place.hear(message(0x16, later.new_id(), [(0x12, xored((OTHER[0], 53))), (0x13, b"hi")]), ONE)
        place.ports[0].receive(b"hi", (OTHER[0], 53))
        assert place.out == []
        assert [port.left for port in place.ports] == [[], []]
        assert place.door.clients[ONE].dropped == 3

    def test_a_send_request_needs_the_owners_password(self) -> None:
        place = Place()
        one, other = MsnClient(place, ONE), MsnClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        assert error(other.ask(6, [(0x11, plain(mine))])) == 0
        sending = [(0x11, plain(theirs)), (0x13, b"ping")]
        assert error(one.ask(4, sending, key=b"wrong")) == 431
        assert place.out == []
        place.hear(one.word(4, sending), ONE)
        assert [to for _, to in place.out] == [OTHER, ONE]  # the data, and the answer

    def test_a_send_indication_needs_a_permission(self) -> None:
        place = Place()
        one, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        assert error(other.ask(8, [(0x12, xored(mine))])) == 0
        indication = message(0x16, one.new_id(), [(0x12, xored(theirs)), (0x13, b"hi")])
        place.hear(indication, ONE)
        assert place.out == []
        assert error(one.ask(8, [(0x12, xored(theirs))])) == 0
        place.hear(indication, ONE)
        assert [to for _, to in place.out] == [OTHER]

    def test_an_owner_that_has_gone_is_a_stranger(self) -> None:
        place = Place()
        one, other = MsnClient(place, ONE), MsnClient(place, OTHER, b"o" * 20)
        one.allocate()
        other.allocate()
        assert error(one.ask(6, [(0x11, plain(OTHER))])) == 0
        other.allocate(0)
        place.hear(b"bare", ONE)
        assert place.ports[0].left == []

    def test_dialects_meet(self) -> None:
        place = Place()
        msn, later = MsnClient(place, ONE), LaterClient(place, OTHER)
        mine, theirs = msn.allocate(), later.allocate()
        assert error(msn.ask(6, [(0x11, plain(theirs))])) == 0
        assert error(later.ask(9, channel(0x4005, mine))) == 0
        place.hear(b"bare", ONE)
        place.hear(b"\x40\x05\0\x04back", OTHER)
        assert place.out == [(b"\x40\x05\0\x04bare", OTHER), (b"back", ONE)]

    def test_a_channel_has_one_peer_and_a_peer_one_channel(self) -> None:
        place = Place()
        one, other = LaterClient(place, ONE), LaterClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        assert error(one.ask(9, channel(0x4001, theirs))) == 0
        assert error(one.ask(9, channel(0x4001, theirs))) == 0
        assert error(one.ask(9, channel(0x4001, mine))) == 400
        assert error(one.ask(9, channel(0x4002, theirs))) == 400
        assert error(one.ask(9, channel(0x3FFF, mine))) == 400
        assert error(one.ask(9, channel(0x7FFF, mine))) == 400

    def test_an_even_port_and_the_one_after_it(self) -> None:
        place = Place()
        first = LaterClient(place, ("192.0.2.1", 1))
        first.allocate()
        one = LaterClient(place, ONE)
        one.challenge()
        found = parts(one.ask(3, [UDP, (0x18, b"\x80")]))[1]
        port = struct.unpack("!H", found[0x16][2:4])[0] ^ 0x2112
        assert port % 2 == 0
        second = LaterClient(place, OTHER)
        assert second.allocate([(0x22, found[0x22])])[1] == port + 1
        third = LaterClient(place, ("192.0.2.3", 3))
        third.challenge()
        assert error(third.ask(3, [UDP, (0x22, found[0x22])])) == 508
        place.tick(31)
        assert len(place.table) == 3


class TestFloods:
    def test_quotas(self) -> None:
        place = Place(user=2, source=3, total=5)
        for number in range(2):
            MsnClient(place, (ONE[0], 100 + number)).allocate()
        assert error(MsnClient(place, (ONE[0], 102)).ask(3)) == 486
        assert error(MsnClient(place, OTHER).ask(3)) == 486
        MsnClient(place, (ONE[0], 103), b"w" * 20).allocate()
        assert error(MsnClient(place, (ONE[0], 104), b"x" * 20).ask(3)) == 486
        for number in range(2):
            MsnClient(place, (OTHER[0], 100 + number), b"y" * 20).allocate()
        assert error(MsnClient(place, ("192.0.2.4", 1), b"z" * 20).ask(3)) == 508
        MsnClient(place, (ONE[0], 100)).allocate(0)
        MsnClient(place, ("192.0.2.4", 1), b"z" * 20).allocate()

    def test_so_many_allocations_a_second(self) -> None:
        place = Place(asks=10)
        answered = 0
        for number in range(30):
            client = MsnClient(place, (ONE[0], 1000 + number), number.to_bytes(20, "big"))
            answer = place.hear(client.word(3), client.address)
            answered += bool(answer and answer.replies)
        assert (answered, len(place.table)) == (10, 10)
        place.tick(1)
        MsnClient(place, (ONE[0], 2000), b"n" * 20).allocate()

    def test_bandwidth(self) -> None:
        place = Place(rate=1000)
        one, other = MsnClient(place, ONE), MsnClient(place, OTHER)
        mine, theirs = one.allocate(), other.allocate()
        one.ask(6, [(0x11, plain(theirs))])
        other.ask(6, [(0x11, plain(mine))])
        for _ in range(30):
            place.hear(bytes(100), ONE)
        assert len(place.out) == 10
        assert place.door.clients[ONE].dropped == 20
        place.tick(1)
        place.hear(bytes(100), ONE)
        assert len(place.out) == 11

    def test_a_forged_source_gets_hardly_more_than_was_sent_in_its_name(self) -> None:
        place = Place()
        client = LaterClient(place, ONE)
        asked = answered = 0
        for _ in range(20_000):
            question = message(3, client.new_id(), [UDP])
            answer = place.hear(question, ONE)
            asked += len(question)
            answered += sum(len(reply.data) for reply in answer.replies) if answer else 0
        assert 0 < answered <= 2048 + asked
        assert answered < asked / 2  # most are not answered at all
        place.tick(1)
        assert error(client.challenge()) == 401

    def test_wrong_passwords_in_somebody_elses_name_are_answered_shorter(self) -> None:
        place = Place()
        for number in range(2000):
            name = derive_password(b"any", bytes((number % 256,))) + b"1234"
            question = MsnClient(place, ONE, name).word(3, key=b"guess")
            answered = place.hear(question, ONE)
            assert answered is not None
            assert all(len(reply.data) <= len(question) for reply in answered.replies)
        assert len(place.table) == 0
