"""The client's network detection, against NATs and echo servers that share no code with it: verdicts, times, bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_made import INNER, ONE, OUTER, TWO, Nat, Passed, Served, described, echo_servers

from emulator.judge.nat import CONN_TYPES, NetworkSeen, judge
from emulator.wire.netdetect import Detected, detect
from emulator.wire.receipt import Endpoint
from emulator.wire.timed import Outgoing, Timed

TRANSACTION = b"\x01\x02\x03\x04"

# dossier media.md 2.4 and 2.5: mapping, filter, destination ports that are dropped (0: all) -> Conn-Type
MATRIX = [
    ("none", "independent", (), "Direct-Connect"),
    ("none", "both", (), "Direct-Connect"),
    ("none", "both", (0,), "Firewall"),
    ("independent", "independent", (), "IP-Restrict-NAT"),
    ("independent", "address", (), "IP-Restrict-NAT"),
    ("independent", "address", (9,), "Port-Restrict-NAT"),
    ("independent", "independent", (9,), "IP-Restrict-NAT"),
    ("independent", "both", (), "Port-Restrict-NAT"),
    ("independent", "both", (3478, 3479), "Port-Restrict-NAT"),
    ("address", "both", (), "Symmetric-NAT"),
    ("both", "both", (), "Symmetric-NAT"),
    ("independent", "both", (7001,), "Firewall"),
]


def passed(nat: Nat, **more: object) -> Passed:
    return Passed(Timed(detect(INNER, ONE, TRANSACTION)), nat, echo_servers, **more)  # type: ignore[arg-type]


def word(seen: Detected | None, client_ip: str = "") -> str:
    return judge(NetworkSeen(echo=seen, client_ip=client_ip)).messenger


def until_asked(timed: Timed[Detected], server: Endpoint) -> tuple[Outgoing, float]:
    """Let time pass until a server is asked."""
    for _ in range(20):
        assert timed.wake is not None
        now = timed.wake
        for one in timed.due(now):
            if one.to == server:
                return one, now
    raise AssertionError(f"{server} was never asked")


@pytest.mark.parametrize(("mapping", "filtering", "dropped", "expected"), MATRIX)
def test_every_kind_of_network_gets_its_name(
    mapping: str, filtering: str, dropped: tuple[int, ...], expected: str
) -> None:
    assert word(passed(Nat(mapping, filtering, dropped)).result) == expected


def test_the_words_are_those_of_the_conn_type_header() -> None:
    assert {expected for *_, expected in MATRIX} | {"ISALike", "Unknown-Connect", "Unknown-NAT"} == set(CONN_TYPES)


def test_a_proxy_in_front_of_the_notification_server_is_isalike() -> None:
    seen = passed(Nat("none", "both")).result
    assert word(seen, client_ip="192.0.2.99") == "ISALike"
    assert word(seen, client_ip=INNER.address) == "Direct-Connect"
    translated = passed(Nat("independent", "both")).result
    assert word(translated, client_ip=OUTER) == "Port-Restrict-NAT"


def test_the_client_says_what_the_dossier_says_byte_for_byte() -> None:
    """Dossier 2.3, with its client address: hello, question, opener, code 3, question to the second server."""
    timed = Timed(detect(INNER, ONE, TRANSACTION))
    hello, question = timed.start(0.0)
    assert hello.data.hex() == "02040000" + "00" * 16
    assert hello.beside
    assert question.data == bytes.fromhex("0201 4131 41314131 0000 0000 00000000 01020304")
    answer = bytes.fromhex("0202 dd8a 87022536 4138 5a68 8a313033 01020304")
    opener, cross = timed.received(answer, ONE, 0.01)
    assert (opener.data, opener.to) == (b"", Endpoint("203.0.113.2", 9))
    assert cross.data == bytes.fromhex("0203 dd8a 87022536 4138 5a68 8a313033 01020304")
    assert cross.to == ONE
    third, _ = until_asked(timed, TWO)
    assert third.data[:16] == bytes.fromhex("0201 4131 41314131 0000 0000 00000000")


def test_the_times_are_the_clients() -> None:
    """Dossier 2.4: four tries, 0.2 x 2^i s; then four of 1, 2, 4, 8 s to the second server."""
    silent = passed(Nat("none", "both", (0,)))
    assert [at for at, one in silent.sent if not one.beside] == [0.0, 0.2, 0.6, 1.4]
    assert silent.seconds == pytest.approx(3.0)

    port = passed(Nat("independent", "both"))
    phase_two = [(at, one.to.port) for at, one in port.sent if 0.0 < at < 3.05]
    tries = [0.05, 0.25, 0.65, 1.45]
    assert phase_two == [(at, number) for at in tries for number in (9, 7001)], "the opener goes first, every time"
    assert port.seconds == pytest.approx(3.1)

    def deaf(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
        return [] if local == TWO else [one for one in echo_servers(data, observed, local) if one[1] == ONE]

    alone = Passed(Timed(detect(INNER, ONE, TRANSACTION)), Nat("independent", "both"), deaf)
    assert [at for at, one in alone.sent if one.to == TWO] == pytest.approx([3.05, 4.05, 6.05, 10.05])
    assert alone.seconds == pytest.approx(18.05)
    assert word(alone.result) == "Unknown-Connect"


def test_it_stops_when_the_addresses_are_equal() -> None:
    direct = passed(Nat("none", "both"))
    assert {one.to for _, one in direct.sent} == {ONE}
    assert direct.result.asked == ("first",)


@pytest.mark.parametrize("second", [Endpoint("203.0.113.1", 7001), Endpoint("0.0.0.0", 7001)])
def test_one_server_alone_cannot_tell_kinds_apart(second: Endpoint) -> None:
    def lone(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
        return [(described(observed, second, data[16:]), ONE)] if data[1] in (1, 3) else []

    seen = Passed(Timed(detect(INNER, ONE, TRANSACTION)), Nat("independent", "both"), lone).result
    assert word(seen) == "Unknown-NAT"


def test_no_datagram_goes_where_a_stranger_points() -> None:
    def liar(data: bytes, observed: Endpoint, local: Endpoint) -> Served:
        return [(described(observed, Endpoint("192.0.2.200", 53), data[16:]), ONE)] if data[1] == 1 else []

    timed = Timed(detect(INNER, ONE, TRANSACTION, known={ONE.address, TWO.address}))
    run = Passed(timed, Nat("independent", "both"), liar)
    assert {one.to for _, one in run.sent} == {ONE}
    assert word(run.result) == "Unknown-NAT"


def test_a_late_answer_of_phase_two_is_not_taken_for_one_of_phase_three() -> None:
    timed = Timed(detect(INNER, ONE, TRANSACTION))
    timed.start(0.0)
    mapped = Endpoint(OUTER, 5000)
    timed.received(described(mapped, TWO, TRANSACTION), ONE, 0.0)
    _, now = until_asked(timed, TWO)
    timed.received(described(mapped, ONE, TRANSACTION), TWO, now)
    assert not timed.done


def test_cut_short_is_no_firewall() -> None:
    timed = Timed(detect(INNER, ONE, TRANSACTION))
    timed.start(0.0)
    timed.give_up()
    assert timed.done
    assert timed.cut_short
    assert timed.due(99.0) == timed.received(b"", ONE, 99.0) == ()
    seen = Detected(local=INNER, server=ONE, asked=("first",), cut_short=True)
    assert word(seen) == "Unknown-Connect"


SOURCES = st.sampled_from([ONE, TWO, Endpoint("203.0.113.1", 9), Endpoint("192.0.2.66", 7001)])
JUNK = st.binary(max_size=24) | st.binary(min_size=16, max_size=16).map(
    lambda data: b"\x02\x02" + data[2:] + b"\0\0\0\0"
)


@given(st.lists(st.tuples(JUNK, SOURCES), max_size=6), st.sampled_from(MATRIX))
def test_noise_changes_nothing(noise: list[tuple[bytes, Endpoint]], row: tuple[str, str, tuple[int, ...], str]) -> None:
    """What is no answer to our question, or comes from elsewhere, is passed over, whenever it comes."""
    mapping, filtering, dropped, expected = row
    honest = [(data, source) for data, source in noise if data[16:] not in (TRANSACTION, b"\x01\x02\x03\x05")]
    assert word(passed(Nat(mapping, filtering, dropped), noise=lambda: honest).result) == expected
    elsewhere = [(described(Endpoint("9.9.9.9", 9), TWO, TRANSACTION), Endpoint("192.0.2.66", 7001))]
    assert word(passed(Nat(mapping, filtering, dropped), noise=lambda: elsewhere).result) == expected
