"""Digest of SIP requests: the example of RFC 2617, nonces that are good once, clients without qop, broken headers."""

from __future__ import annotations

import os
from typing import Any

import pytest
import pytest_twisted
from calling import FAR, NEAR, MemoryStream
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor

from emulator.client.call_telephone import Telephone
from emulator.client.network import Unexpected
from emulator.services.journal import Journal
from emulator.services.phone import Phone
from emulator.services.registrar import Guard, People
from emulator.wire import sip, sip_digest
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint

OPAQUE = "5ccc069c403ebaf9f0171e9517f40e41"
EXAMPLE = (
    'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    f'opaque="{OPAQUE}"'
)  # RFC 2617 3.5
PASSWORD = "opal-Kite7"


class Carol(People):
    """One account with a password."""

    def password(self, account: str) -> str:
        return PASSWORD if account == "carol@example.com" else ""


def telephone(account: str) -> tuple[Telephone, Phone]:
    phone = Phone(reactor, Journal(lambda: 0.0), FAR, now=lambda: 0.0, entropy=os.urandom, people=Carol())
    seen = Endpoint(NEAR, 40000)
    later: Any = reactor.callLater  # type: ignore[attr-defined]
    return Telephone(MemoryStream(phone, seen), account, seen, call_later=later, entropy=os.urandom), phone


def register(authorization: str) -> sip.Message:
    headers = (("t", "<sip:carol@example.com>"), ("i", "1"), ("Authorization", authorization))
    return sip.Message("REGISTER sip:example.com SIP/2.0", headers)


def nonce_of(challenges: tuple[tuple[str, str], ...] | None) -> str:
    assert challenges is not None
    return sip_digest.fields(challenges[0][1])["nonce"]


def test_the_example_of_the_rfc() -> None:
    said = sip_digest.authorization(EXAMPLE, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b")
    assert sip_digest.fields(said)["response"] == "6629fae49393a05397450978507c4ef1"
    assert sip_digest.fields(said)["opaque"] == OPAQUE
    older = sip_digest.authorization(
        EXAMPLE.replace('qop="auth,auth-int", ', ""), "Mufasa", "Circle Of Life", "GET", "/dir/index.html", ""
    )
    assert sip_digest.fields(older)["response"] == "670fd8c2df070c60b045671b8b24ff02"


@pytest_twisted.ensureDeferred
async def test_who_knows_the_password_is_registered() -> None:
    one, phone = telephone("carol@example.com")
    assert await one.register("", os.urandom(16).hex(), password=PASSWORD) == 900
    assert phone.registrar.find("Carol@Example.com") is not None
    one.close()
    assert phone.registrar.find("carol@example.com") is None


@pytest.mark.parametrize(("account", "password"), [("carol@example.com", "wrong"), ("nobody@example.com", "")])
@pytest_twisted.ensureDeferred
async def test_who_does_not_is_refused(account: str, password: str) -> None:
    one, phone = telephone(account)
    with pytest.raises(Unexpected) as refused:
        await one.register("", os.urandom(16).hex(), password=password)
    assert refused.value.status == 401
    assert phone.registrar.find(account) is None
    one.close()


def proof(nonce: str, username: str = "carol@example.com") -> str:
    challenge = sip_digest.challenge(nonce)
    return sip_digest.authorization(challenge, username, PASSWORD, "REGISTER", "sip:example.com", "c0ffee")


def test_a_proof_is_good_once_and_for_its_own_account() -> None:
    guard = Guard(Carol(), os.urandom)
    nonce = nonce_of(guard.refusal(register("")))
    assert guard.refusal(register(proof(nonce, "dave@example.com"))) is not None
    assert guard.refusal(register(proof(nonce))) is None
    again = guard.refusal(register(proof(nonce)))
    assert again is not None
    assert "stale=true" in again[0][1]
    invented = guard.refusal(register(proof("00" * 16)))
    assert invented is not None
    assert "stale=true" in invented[0][1]


def test_an_old_nonce_gives_way() -> None:
    guard = Guard(Carol(), os.urandom)
    first = nonce_of(guard.refusal(register("")))
    for _ in range(4):
        guard.refusal(register(""))
    assert "stale=true" in (guard.refusal(register(proof(first))) or (("", ""),))[0][1]


@pytest.mark.parametrize(
    "change",
    [
        ("algorithm=MD5", "algorithm=SHA-256"),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=00000000"),
        (', cnonce="c0ffee"', ""),
        ('realm="live.com", ', ""),
        ("response=", "response"),
        ('nonce="n"', 'nonce="n'),
    ],
)
def test_what_cannot_be_checked(change: tuple[str, str]) -> None:
    said = proof("n")
    assert change[0] in said
    try:
        read = sip_digest.read(said.replace(*change))
    except WireError:
        return
    assert read is not None
    assert not sip_digest.right(read, "REGISTER", PASSWORD)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = sip_digest.read(f"Digest {text}")
    except WireError:
        return
    assert read is None or not sip_digest.right(read, "REGISTER", PASSWORD)
