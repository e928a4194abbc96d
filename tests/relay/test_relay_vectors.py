"""The dossier's own bytes said to the relay: allocate, send, set active destination, and media both ways."""

from __future__ import annotations

import pytest
from relay_words import ONE, OTHER, Place

from emulator.wire import turn_dialect

USER = "75" * 20


def id_from(first: int) -> str:
    return bytes(range(first, first + 16)).hex()


# media.md 3.3: user 20 times "u", password 16 times "p"; the relay is 203.0.113.5, the client 198.51.100.7:40200
ALLOCATE = f"00030038{id_from(0xB1)}000f000472c64bc600060014{USER}00080014cdeea7f00d5f681ffe8d9aff4ea9af9b45456f6e"
ALLOCATED = (
    f"01030058{id_from(0xB1)}000f000472c64bc6000100080001c350cb0071058000000800019d08c6336407000d00040000025800060014"
    f"{USER}000800140bfad7c9a39d6ca56c2b480d8e5b3a7466c8e837"
)
SEND = (
    f"0004004c{id_from(0xC1)}000f000472c64bc600060014{USER}001100080001ea60c00002630013000470696e67000800141e3a02d85b"
    "b4fd3acf14a584b966d0faf4b9d510"
)
SENT = f"01040038{id_from(0xC1)}000f000472c64bc600060014{USER}00080014ac5a2544db7d7beaa8f04af478fce6b04c5e3573"
DATA = f"0115001c{id_from(0xD1)}000f000472c64bc6001200080001ea60c000026300130004706f6e67"
ACTIVATE = (
    f"00060044{id_from(0xE1)}000f000472c64bc600060014{USER}001100080001ea60c00002630008001418fef037e4296c0585d65d97b5"
    "f4936011c6e7d8"
)
ACTIVE = f"01060020{id_from(0xE1)}000f000472c64bc600080014e81184f6d3711ca231698e4f0a89f8d43dcbef56"


def test_the_dialogue_of_the_dossier_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_dialect, "derive_password", lambda key, name: b"p" * 16)
    place = Place()
    assert place.ask(bytes.fromhex(ALLOCATE)).hex() == ALLOCATED
    other = bytes.fromhex(ALLOCATE)
    place.ask(other, OTHER)  # the peer of the vectors holds an allocation too, or nothing would go to it
    mine = place.ports[0]
    assert place.hear(bytes.fromhex(SEND), ONE) is None
    assert [(data.hex(), to) for data, to in place.out] == [(SENT, ONE)]
    assert mine.left == [(b"ping", OTHER)]
    place.out.clear()
    mine.receive(b"pong", OTHER)
    assert [(data.hex(), to) for data, to in place.out] == [(DATA, ONE)]
    place.out.clear()
    assert place.ask(bytes.fromhex(ACTIVATE)).hex() == ACTIVE
    assert place.hear(b"odd", ONE) is None
    assert mine.left[1:] == [(b"odd", OTHER)]
    mine.receive(b"bare", OTHER)
    assert place.out == [(b"bare", ONE)]
