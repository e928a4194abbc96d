"""A scene and a context for web tests, and one dialogue run against the site without sockets.

Not a fixture file: plain functions. The revocation list is signed here, apart from the project's own authority.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from emulator.catalog import load
from emulator.probe.web import DIALOGUES
from emulator.probe.web.context import WebContext
from emulator.services.msnp.house import House
from emulator.services.web import site
from emulator.services.web.scene import RelaySessions, Scene
from emulator.wire import http, passport
from emulator.wire.msnp.switchboard import CONTACT, CONTACT_NAME
from emulator.wire.receipt import Endpoint
from emulator.wire.talk import Conversation, join
from emulator.world.world import World

NOW = 1_183_291_205.0  # 2007-07-01T12:00:05Z
ROOT = "lab root"
TAG = bytes.fromhex("00112233445566778899aabbccddeeff")
VECTORS = Path(__file__).parent.parent / "vectors" / "http"


def vector(number: int) -> bytes:
    """One published vector."""
    return next(VECTORS.glob(f"{number:02d}.*")).read_bytes()


class Counter:
    """Deterministic bytes that never repeat."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(self._count.to_bytes(8, "big")).digest(size)


@cache
def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A root of the tests' own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.fromtimestamp(NOW, UTC) - timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def revocation_list(now: float, *, name: str = ROOT, issuer: str = "", revoked: tuple[int, ...] = ()) -> bytes:
    """A DER list of that root; `issuer` replaces the name it claims."""
    certificate, key = authority(name)
    moment = datetime.fromtimestamp(int(now), UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]) if issuer else certificate.subject
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(subject)
        .last_update(moment)
        .next_update(moment + timedelta(days=7))
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def house(now: Callable[[], float] = lambda: NOW) -> House:
    """A world with the emulated contact in it, and whoever tells people what changed."""
    world = World(now=now, entropy=Counter(), open_accounts=True)
    made = House(world, lambda: world.take_changes() and None)
    world.accounts.create(CONTACT, "", name=CONTACT_NAME, resident=True)
    return made


PEOPLE = {"alice@emu.test": "Alice \u03a9", "bob@emu.test": "Boris", "carol@emu.test": "Carol"}
PASSWORD = "opal-Kite7"


def town() -> House:
    """A house whose world holds the three people of the published vectors."""
    made = house()
    for address, name in PEOPLE.items():
        made.world.accounts.create(address, PASSWORD, name=name)
    made.settle()
    return made


def published(number: int, home: House) -> bytes:
    """A published request with tickets and numbers that this world knows."""
    alice = home.world.account("alice@emu.test")

    def ticket(match: re.Match[bytes]) -> bytes:
        issued = home.world.tickets.issue(match.group(1).decode() + "@emu.test", "contacts.msn.com")
        return passport.value_of(issued.text).encode()

    raw = re.sub(rb"EMU[A-Z]+(alice|bob)[0-9a-z]+==", ticket, vector(number))
    return raw.replace(b"2b00c4f1a9e35d07", alice.cid_hex.encode()).replace(
        b"3098693085847313671", str(alice.cid).encode()
    )


def unsigned(request: bytes, name: str) -> bytes:
    """An authority that signs nothing."""
    raise ValueError("no certificates here")


def scene(
    *, secure: bool = False, now: Callable[[], float] = lambda: NOW, home: House | None = None, **changes: Any
) -> Scene:
    """A scene at NOW, in the world of `home` or in a new one."""
    home = home or house(now)
    values: dict[str, Any] = {
        "world": home.world,
        "settle": home.settle,
        "sign_request": unsigned,
        "now": now,
        "entropy": Counter(),
        "observed": Endpoint("192.0.2.10", 50000),
        "secure": secure,
        "crl": lambda: revocation_list(now()),
        "catalog": load(),
        "relay_sessions": RelaySessions(),
    }
    return Scene(**{**values, **changes})


def context(exchange: str, **changes: Any) -> WebContext:
    """The context of an exchange as the catalog describes it."""
    row = load().exchanges[exchange]
    values: dict[str, Any] = {
        "tag": TAG,
        "host": row.host,
        "port": 443 if row.tls else 80,
        "secure": row.tls,
        "now": lambda: NOW,
        "entropy": Counter(),
        "root_pem": authority(ROOT)[0].public_bytes(Encoding.PEM),
    }
    return WebContext(**{**values, **changes})


def run(
    exchange: str, here: WebContext, there: Callable[[http.Request], http.Answered]
) -> tuple[Conversation[Any], Conversation[Any]]:
    """Client and server conversation after the exchange's dialogue, joined back to back."""
    near = Conversation(http.session(DIALOGUES[exchange](here)))
    far = Conversation(http.server(there))
    join(near, far)
    return near, far


def ask(
    method: str,
    url: str,
    headers: http.Headers = (),
    body: bytes = b"",
    *,
    at: Scene | None = None,
) -> http.Answered:
    """The site's answer to one request for `http(s)://host/path`."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    request = http.Request(method, slash + path or "/", (("Host", host), *headers), body)
    return site.answer(request, at or scene(secure=scheme == "https"))
