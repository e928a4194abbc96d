"""The catalog's names as zone, hosts file and constraint list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.catalog import load
from emulator.derive.hosts import hosts_file
from emulator.derive.names import below, certificate_names, covered, permitted_domains
from emulator.derive.zone import Zone

CATALOG = load()
ADDRESSES = {name: f"203.0.113.{10 + index}" for index, name in enumerate(CATALOG.host_names)}
ZONE = Zone(CATALOG, {**ADDRESSES, "peer": "203.0.113.200", "second": "203.0.113.201"})


def test_every_host_name_has_its_own_address() -> None:
    assert {name: ZONE.address(name) for name in CATALOG.host_names} == ADDRESSES
    assert ZONE.address("LOGIN.Live.com.") == ADDRESSES["login.live.com"]


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("cluster7.contacts.msn.com", "contacts.msn.com"),
        ("x.byrdr.omega.contacts.msn.com", "byrdr.omega.contacts.msn.com"),
        ("omega.contacts.msn.com", "contacts.msn.com"),
        ("a.b.c.storage.msn.com", "storage.msn.com"),
        ("edge.messenger.live.com", "echo.edge.messenger.live.com"),
        ("new.edge.messenger.live.com", "echo.edge.messenger.live.com"),
        ("n1.relay.data.edge.messenger.live.com", "relay.data.edge.messenger.live.com"),
        ("www.config.messenger.msn.com", "config.messenger.msn.com"),
    ],
)
def test_wildcards_hold_at_any_depth(name: str, host: str) -> None:
    assert ZONE.address(name) == ADDRESSES[host]


@pytest.mark.parametrize("name", ["example.com", "x.login.live.com", "msn.com", "notcontacts.msn.com", "peer", "", "."])
def test_other_names_have_no_address(name: str) -> None:
    assert ZONE.address(name) is None


def test_names_between_exist_without_an_address() -> None:
    assert ZONE.exists("msn.com")
    assert ZONE.exists("gateway.messenger.live.com")
    assert not ZONE.exists("x.login.live.com")
    assert not ZONE.exists("example.com")


def test_a_host_without_address_is_an_error() -> None:
    with pytest.raises(KeyError):
        Zone(CATALOG, {"login.live.com": "203.0.113.10"})


def test_constraints_permit_all_names_and_nothing_twice() -> None:
    domains = permitted_domains(CATALOG)
    assert all(covered(name.removeprefix("*."), domains) for name in certificate_names(CATALOG))
    assert not any(below(one, other) for one in domains for other in domains if one != other)
    assert not covered("live.com", domains)
    assert not covered("example.com", domains)
    assert "messenger.msn.com" in domains
    assert "config.messenger.msn.com" not in domains


@given(st.lists(st.sampled_from(["a", "b", "msn", "com", "contacts", "live"]), min_size=1, max_size=6))
def test_what_resolves_is_what_may_be_signed(labels: list[str]) -> None:
    name = ".".join(labels)
    if ZONE.address(name) is not None:
        assert covered(name, permitted_domains(CATALOG))


def test_hosts_file_holds_every_host_once() -> None:
    lines = [line.split() for line in hosts_file(CATALOG, ADDRESSES).splitlines() if not line.startswith("#")]
    assert {name: address for address, name in lines} == ADDRESSES
    assert len(lines) == len(ADDRESSES)
