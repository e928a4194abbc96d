"""The catalog against the requirement's own text, row by row, in both directions."""

from __future__ import annotations

import seed_table

from emulator.catalog import load
from emulator.derive.names import below

CATALOG = load()


def test_the_parser_sees_the_whole_text() -> None:
    """Counts that a reader can check by eye: 12 features, 35 clauses, 22 URLs."""
    assert len(seed_table.features()) == 12
    assert sum(len(feature.clauses) for feature in seed_table.features()) == 35
    assert len(seed_table.urls()) == 22
    first = seed_table.features()[0]
    assert (first.name, first.clauses) == (
        "Entrada no serviço Messenger",
        {("tcp", 80, 80), ("tcp", 443, 443), ("tcp", 1863, 1863)},
    )


def test_features_by_name_in_order() -> None:
    assert [feature.name.pt for feature in CATALOG.features] == [feature.name for feature in seed_table.features()]
    assert [feature.legacy for feature in CATALOG.features] == [feature.legacy for feature in seed_table.features()]


def test_every_clause_and_no_other() -> None:
    for ours, theirs in zip(CATALOG.features, seed_table.features(), strict=True):
        clauses = [(clause.transport, clause.low, clause.high) for clause in ours.clauses]
        assert set(clauses) == theirs.clauses, ours.id
        assert len(clauses) == len(set(clauses))
    assert len(CATALOG.clauses) == 35


def test_windows_live_call_ends_at_65525() -> None:
    """A number that looks like a slip and is documented so."""
    assert CATALOG.clause_by_id["live-call-udp-5004-65525"].high == 65525


def test_urls_and_purposes_word_for_word() -> None:
    ours = [(endpoint.url, endpoint.purpose.pt) for endpoint in CATALOG.endpoints]
    assert ours == [(row.url, row.purpose) for row in seed_table.urls()]


def test_hosts_and_ports_follow_from_the_urls() -> None:
    for endpoint, row in zip(CATALOG.endpoints, seed_table.urls(), strict=True):
        scheme, _, rest = row.url.partition("://")
        host, _, port = rest.partition(":")
        assert endpoint.pattern == host.lower()
        assert endpoint.port == int(port or {"http": 80, "https": 443}[scheme])
        # a documented `*.` row may be asked at the parent itself, as real clients did with messenger.msn.com
        assert below(endpoint.host, host.removeprefix("*.")), endpoint.id
        assert host.startswith("*.") or endpoint.host == host.lower()


def test_the_note() -> None:
    assert "Observação " + CATALOG.note.text.pt == seed_table.note()
    assert CATALOG.note.agent == seed_table.agent() == "MSN Explorer/9.0 (MSN 8.0; TmstmpExt)"


def test_every_row_has_its_english_words_and_its_source() -> None:
    for row in (*CATALOG.features, *CATALOG.endpoints):
        assert row.source == "KB 927847"
        assert row.status == "documented"
    words = [feature.name for feature in CATALOG.features] + [endpoint.purpose for endpoint in CATALOG.endpoints]
    assert [text.en for text in words if not text.en or text.en == text.pt] == ["Windows Live Call"]


def test_ids_are_unique_and_kebab_case() -> None:
    ids = [*CATALOG.clause_by_id, *CATALOG.endpoint_by_id]
    assert len(ids) == 35 + 22
    assert all(name == name.lower() and name.replace("-", "").isalnum() for name in ids)
