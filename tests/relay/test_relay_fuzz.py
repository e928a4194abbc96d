"""Anything may arrive at a relay: it answers or not, within its rations, and never fails."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from relay_words import COOKIE, ONE, OTHER, UDP, LaterClient, MsnClient, Place, error, message, plain, xored

Attributes = list[tuple[int, bytes]]
CODES = st.sampled_from(
    [1, 3, 6, 8, 9, 0x0C, 0x0D, 0x0F, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x22, 0x8008]
)
ATTRIBUTES = st.lists(st.tuples(CODES, st.binary(max_size=24)), max_size=8)
KINDS = st.sampled_from([1, 2, 3, 4, 6, 8, 9, 0x16, 0x17, 0x103, 0x115])
HEADS = st.sampled_from([[], [(0x0F, bytes.fromhex("72c64bc6"))]])
IDS = st.one_of(
    st.binary(min_size=16, max_size=16), st.binary(min_size=12, max_size=12).map(lambda tail: COOKIE + tail)
)


def busy() -> tuple[Place, MsnClient, LaterClient]:
    """A relay with an allocation of each kind, bound to each other; the second is bare, the first has channels."""
    place = Place()
    msn, later = MsnClient(place, ONE), LaterClient(place, OTHER)
    mine, theirs = msn.allocate(), later.allocate()
    assert error(msn.ask(6, [(0x11, plain(theirs))])) == 0
    assert error(later.ask(9, [(0x0C, b"\x40\0\0\0"), (0x12, xored(mine))])) == 0
    place.out.clear()
    return place, msn, later


PLACE, MSN, LATER = busy()


@given(st.binary(max_size=200), st.sampled_from([ONE, OTHER, ("192.0.2.1", 7)]))
def test_any_bytes(data: bytes, source: tuple[str, int]) -> None:
    PLACE.out.clear()
    PLACE.hear(data, source)
    carried = sum(len(out) for out, _ in PLACE.out)
    assert carried <= len(data) + 60  # bare media may become an indication, never several
    assert len(PLACE.out) <= 1


@given(KINDS, IDS, HEADS, ATTRIBUTES)
@settings(max_examples=400)
def test_strangers_messages(
    kind: int, id: bytes, head: list[tuple[int, bytes]], attributes: list[tuple[int, bytes]]
) -> None:
    question = message(kind, id, [*head, *attributes])
    place = Place(debt=0)
    answered = place.hear(question, ("192.0.2.1", 7))
    assert answered is None or all(len(reply.data) <= len(question) for reply in answered.replies)
    assert place.out == []
    assert len(place.table) == 0


@given(KINDS, ATTRIBUTES)
@settings(max_examples=400)
def test_authenticated_messages_of_any_content(kind: int, attributes: Attributes) -> None:
    place, msn, later = busy()
    place.hear(msn.word(kind, attributes), ONE)
    place.hear(later.word(kind, attributes), OTHER)
    assert all(to in (ONE, OTHER) for _, to in place.out)
    assert all(to in (ONE, OTHER) for port in place.ports for _, to in port.left)
    place.tick(601)
    assert len(place.table) == 0


@given(st.data())
@settings(max_examples=300)
def test_cut_and_changed_requests_are_never_answered_longer(data: st.DataObject) -> None:
    place = Place(debt=0)
    later = LaterClient(place, OTHER)
    good = data.draw(st.sampled_from([MsnClient(place, ONE).word(3), later.word(3, [UDP]), later.word(4, [])]))
    cut = bytearray(good[: data.draw(st.integers(0, len(good)))])
    if cut:
        cut[data.draw(st.integers(0, len(cut) - 1))] ^= data.draw(st.integers(1, 255))
    answered = place.hear(bytes(cut), ("192.0.2.1", 7))
    for reply in answered.replies if answered else ():
        assert len(reply.data) <= len(cut)
        assert error(reply.data) != 0
    assert len(place.table) == 0
