"""Tags of a run are unique and unguessable; proxy URLs are read once and never shown with credentials."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.catalog import load
from emulator.probe.place import ProxyUrlError, parse_proxy
from emulator.probe.tags import Tags

CATALOG = load()
FIELDS = sorted({(exchange.tag.protocol, exchange.tag.bits) for exchange in CATALOG.exchanges.values()})


@pytest.mark.parametrize(("protocol", "bits"), FIELDS)
def test_a_thousand_tags_of_every_field_are_distinct(protocol: str, bits: int) -> None:
    tags = Tags(b"key")
    drawn = [tags.allocate(protocol, bits) for _ in range(1000)]
    if not bits:
        assert set(drawn) == {b""}
        return
    assert len(set(drawn)) == 1000
    assert {len(tag) for tag in drawn} == {bits // 8}
    assert bytes(bits // 8) not in drawn


def test_another_run_draws_others() -> None:
    one, other = Tags(b"one"), Tags(b"other")
    assert one.allocate("http", 128) != other.allocate("http", 128)


def test_an_exhausted_field_is_an_error_and_not_an_endless_loop() -> None:
    tags = Tags(b"key")
    drawn = {tags.allocate("narrow", 8) for _ in range(255)}
    assert len(drawn) == 255, "all but zero"
    with pytest.raises(RuntimeError, match="no free tag of 8 bits"):
        tags.allocate("narrow", 8)


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=12)


@given(WORDS, WORDS, st.integers(1, 65535))
def test_credentials_survive_any_spelling(user: str, password: str, port: int) -> None:
    from urllib.parse import quote

    proxy = parse_proxy(f"http://{quote(user, safe='')}:{quote(password, safe='')}@192.0.2.1:{port}")
    kind, _, encoded = proxy.authorization.partition(" ")
    assert (kind, b64decode(encoded).decode()) == ("Basic", f"{user}:{password}")
    assert proxy.label == f"http://192.0.2.1:{port}"


def test_the_default_port_and_no_credentials() -> None:
    proxy = parse_proxy("http://192.0.2.1")
    assert (proxy.host, proxy.port, proxy.authorization) == ("192.0.2.1", 3128, "")


@given(st.text(max_size=30))
def test_rubbish_is_refused_and_nothing_else_happens(text: str) -> None:
    """Whatever is taken is an HTTP URL with a host; nothing but ProxyUrlError comes out."""
    with suppress(ProxyUrlError):
        proxy = parse_proxy(text)
        assert text.lower().lstrip().startswith("http://")
        assert proxy.host
