"""Mapping, filtering and hairpin by STUN, against small NATs and a binding server in raw bytes (RFC 5780)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_made import INNER, OUTER, Nat, Passed, Served, four

from emulator.judge.nat import CLASSIC_TYPES, NetworkSeen, NetworkType, judge
from emulator.wire import behaviour, stun
from emulator.wire.behaviour import Behaviour
from emulator.wire.receipt import Endpoint
from emulator.wire.timed import Timed

SERVER = Endpoint("203.0.113.1", 3478)
OTHER = Endpoint("203.0.113.2", 3479)
COOKIE = bytes.fromhex("2112a442")
IDS = iter(range(1 << 40))


def make_id() -> bytes:
    return COOKIE + next(IDS).to_bytes(12, "big")


def plain(code: int, at: Endpoint) -> bytes:
    return code.to_bytes(2, "big") + b"\x00\x08\x00\x01" + at.port.to_bytes(2, "big") + four(at.address)


def xored(code: int, at: Endpoint) -> bytes:
    """RFC 5389 15.2: the port with the high half of the cookie, the address with all of it."""
    port = at.port ^ 0x2112
    address = int.from_bytes(four(at.address), "big") ^ 0x2112A442
    return code.to_bytes(2, "big") + b"\x00\x08\x00\x01" + port.to_bytes(2, "big") + address.to_bytes(4, "big")


def binding_servers(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
    """Four sockets; raw bytes, RFC 5780 7.3 and 7.4."""
    assert data[:2] == b"\x00\x01"
    flags = data[-1] if len(data) == 28 and data[20:24] == b"\x00\x03\x00\x04" else 0
    host = {"203.0.113.1": "203.0.113.2", "203.0.113.2": "203.0.113.1"}
    other = Endpoint(host[local.address], 3478 + 3479 - local.port)
    source = Endpoint(other.address if flags & 4 else local.address, other.port if flags & 2 else local.port)
    body = plain(0x0001, observed) + xored(0x0020, observed) + plain(0x802B, source) + plain(0x802C, other)
    return [(b"\x01\x01" + len(body).to_bytes(2, "big") + data[4:20] + body, source)]


def found(mapping: str, filtering: str, dropped: tuple[int, ...] = ()) -> NetworkType:
    def one(dialogue: Any) -> Any:
        return Passed(Timed(dialogue), Nat(mapping, filtering, dropped), binding_servers).result

    seen = Behaviour(
        mapping=one(behaviour.mapping(INNER, SERVER, make_id)),
        changed_both=one(behaviour.filtering(SERVER, make_id, change_ip=True)),
        changed_port=one(behaviour.filtering(SERVER, make_id, change_ip=False)),
        hairpinned=one(behaviour.hairpin(INNER, SERVER, make_id)),
    )
    return judge(NetworkSeen(stun=seen))


# mapping, filter, dropped -> RFC 3489 10.1, RFC 5780 mapping, filtering, hairpin
KINDS = [
    ("none", "independent", (), "open Internet", "no translation", "endpoint-independent", None),
    ("none", "both", (), "symmetric UDP firewall", "no translation", "address-and-port-dependent", None),
    ("none", "both", (0,), "UDP blocked", "unknown", "unknown", None),
    ("independent", "independent", (), "full cone NAT", "endpoint-independent", "endpoint-independent", True),
    ("independent", "address", (), "restricted cone NAT", "endpoint-independent", "address-dependent", None),
    (
        "independent",
        "both",
        (),
        "port-restricted cone NAT",
        "endpoint-independent",
        "address-and-port-dependent",
        None,
    ),
    ("address", "both", (), "symmetric NAT", "address-dependent", "address-and-port-dependent", None),
    ("both", "both", (), "symmetric NAT", "address-and-port-dependent", "address-and-port-dependent", None),
    ("both", "address", (), "symmetric NAT", "address-and-port-dependent", "address-dependent", None),
    ("independent", "both", (3478,), "UDP blocked", "unknown", "unknown", None),
]


@pytest.mark.parametrize(("mapping", "filtering", "dropped", "classic", "maps", "filters", "hairpin"), KINDS)
def test_every_kind_of_nat_gets_its_names(
    mapping: str, filtering: str, dropped: tuple[int, ...], classic: str, maps: str, filters: str, hairpin: bool | None
) -> None:
    network = found(mapping, filtering, dropped)
    assert (network.classic, network.mapping, network.filtering) == (classic, maps, filters)
    if hairpin is not None:
        assert network.hairpin is hairpin
    if mapping == "none" or maps == "unknown":
        assert network.hairpin is None, "nothing is translated: there is nothing to come back through"


def test_every_classic_word_is_reached() -> None:
    assert {row[3] for row in KINDS} | {"unknown"} == set(CLASSIC_TYPES)


def test_one_port_for_both_makes_no_verdict() -> None:
    """A server that names itself as the other one cannot show a filter or a mapping."""

    def lone(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
        body = plain(0x0001, observed) + plain(0x802C, SERVER)
        return [(b"\x01\x01" + len(body).to_bytes(2, "big") + data[4:20] + body, SERVER)]

    def one(dialogue: Any) -> Any:
        return Passed(Timed(dialogue), Nat("independent", "both"), lone).result

    seen = Behaviour(
        mapping=one(behaviour.mapping(INNER, SERVER, make_id)),
        changed_both=one(behaviour.filtering(SERVER, make_id, change_ip=True)),
    )
    network = judge(NetworkSeen(stun=seen))
    assert (network.classic, network.mapping, network.filtering) == ("unknown", "translated", "unknown")


def test_a_gateway_that_rewrites_addresses_inside_is_seen() -> None:
    def meddled(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
        ((answer, source),) = binding_servers(data, observed, local)
        return [(answer.replace(plain(0x0001, observed), plain(0x0001, INNER)), source)]

    seen = Passed(Timed(behaviour.mapping(INNER, SERVER, make_id)), Nat("independent", "both"), meddled).result
    assert seen.rewritten
    assert seen.first == Endpoint(OUTER, INNER.port)


def test_questions_are_those_of_rfc_5780() -> None:
    question = Timed(behaviour.filtering(SERVER, lambda: COOKIE + bytes(12), change_ip=True))
    (first,) = question.start(0.0)
    assert first.data == bytes.fromhex("00010000 2112a442") + bytes(12)
    ((answer, source),) = binding_servers(first.data, Endpoint(OUTER, 5), SERVER)
    (second,) = question.received(answer, source, 0.1)
    assert second.data == bytes.fromhex("00010008 2112a442") + bytes(12) + bytes.fromhex("00030004 00000006")


@given(st.binary(max_size=64), st.sampled_from(KINDS))
def test_noise_changes_nothing(noise: bytes, row: tuple[Any, ...]) -> None:
    nat = Nat(row[0], row[1], row[2])
    junk = [(noise, SERVER), (b"\x01\x01\x00\x00" + make_id(), SERVER), (b"\x01\x01" + noise[:62], OTHER)]
    run = Passed(Timed(behaviour.mapping(INNER, SERVER, make_id)), nat, binding_servers, noise=lambda: junk)
    assert judge(NetworkSeen(stun=Behaviour(mapping=run.result))).mapping == row[4]


class TestTheService:
    """Our end, asked in raw bytes."""

    def ask(self, data: bytes, local: Endpoint = SERVER) -> stun.Bound | None:
        other = Endpoint("203.0.113.2" if local.address.endswith(".1") else "203.0.113.1", 6957 - local.port)
        return stun.binding(data, Endpoint("198.51.100.7", 40123), local, other)

    def test_the_classic_answer_of_the_dossier(self) -> None:
        """media.md 2.7, its ports and addresses."""
        id = bytes(range(0xA1, 0xB1))
        bound = stun.binding(
            bytes.fromhex("00010000") + id,
            Endpoint("198.51.100.7", 40123),
            Endpoint("203.0.113.1", 3478),
            Endpoint("203.0.113.2", 3479),
        )
        assert bound is not None
        expected = "0101 0024 " + id.hex() + "0001 0008 0001 9cbb c6336407 0004 0008 0001 0d96 cb007101"
        assert bound.data == bytes.fromhex(expected + "0005 0008 0001 0d97 cb007102")

    @pytest.mark.parametrize(
        ("flags", "ip", "port"), [(0, False, False), (2, False, True), (4, True, False), (6, True, True)]
    )
    def test_change_request(self, flags: int, ip: bool, port: bool) -> None:
        bound = self.ask(bytes.fromhex("00010008") + bytes(16) + b"\0\3\0\4" + flags.to_bytes(4, "big"))
        assert bound is not None
        assert (bound.change_ip, bound.change_port) == (ip, port)
        source = Endpoint("203.0.113.2" if ip else "203.0.113.1", 3479 if port else 3478)
        assert plain(0x0004, source) in bound.data

    @pytest.mark.parametrize("cookie", [COOKIE, b"abcd"])
    def test_response_address_would_be_a_reflector_and_is_refused(self, cookie: bytes) -> None:
        victim = plain(0x0002, Endpoint("192.0.2.66", 53))
        bound = self.ask(b"\x00\x01" + len(victim).to_bytes(2, "big") + cookie + bytes(12) + victim)
        assert bound is not None
        assert bound.data[:2] == b"\x01\x11"
        assert b"\x00\x00\x04\x14" in bound.data, "420"
        assert (bound.change_ip, bound.change_port) == (False, False)
        assert four("192.0.2.66") not in bound.data

    def test_padding_behind_the_cookie(self) -> None:
        """RFC 5389 15: SOFTWARE of five letters, three bytes of padding, then CHANGE-REQUEST."""
        body = bytes.fromhex("80220005") + b"abcde\0\0\0" + bytes.fromhex("00030004 00000002")
        bound = self.ask(b"\x00\x01" + len(body).to_bytes(2, "big") + COOKIE + bytes(12) + body)
        assert bound is not None
        assert bound.change_port

    @given(
        st.binary(max_size=80)
        | st.binary(max_size=40).map(lambda data: b"\0\1" + len(data).to_bytes(2, "big") + bytes(16) + data)
    )
    def test_anything_is_answered_with_a_message_or_not_at_all(self, data: bytes) -> None:
        bound = self.ask(data)
        if bound is not None:
            assert int.from_bytes(bound.data[2:4], "big") == len(bound.data) - 20
            assert bound.data[4:20] == data[4:20]
            assert len(bound.data) <= 20 + 6 * 12 + len(data), "a bounded answer"
