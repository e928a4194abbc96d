"""The certificate for shared folders: asked for as published, signed by the lab's root, checked by openssl."""

from __future__ import annotations

import shutil
import subprocess
import time
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from lxml import etree
from web_place import PASSWORD, ask, scene, town

from emulator.catalog import load
from emulator.pki import Authority
from emulator.pki.persons import Applicant
from emulator.services.web.scene import Scene
from emulator.wire import rst

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")

ALICE = "alice@emu.test"


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, timeout=60, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("certs") / "root", load(), time.time())


@pytest.fixture
def there(authority: Authority) -> Scene:
    return scene(home=town(), sign_request=lambda der, name: authority.sign_request(der, name, time.time()))


def request_of(folder: Path, *, bits: int = 1024, subject: str = "/CN=MSIDCRL", more: tuple[str, ...] = ()) -> bytes:
    """A certificate request as clients made them, by openssl."""
    out = folder / "request.der"
    openssl(
        *("req", "-new", "-newkey", f"rsa:{bits}", "-nodes", "-sha1", "-subj", subject, "-outform", "DER"),
        *("-keyout", str(folder / "key.pem"), "-out", str(out), *more),
    )
    return out.read_bytes()


def ask_for(there: Scene, request: bytes, path: str = "/RST.srf") -> etree._Element:
    sites = (rst.Site(rst.PASSPORT), rst.Site(rst.CLEAR), rst.Site(rst.SHARED_FOLDERS, "MBI_X509_CID", request))
    body = rst.request(rst.Login(ALICE, PASSWORD, sites))
    return etree.fromstring(ask("POST", "https://login.live.com" + path, (), body, at=there).response.body)


def certificate_in(root: etree._Element) -> bytes:
    token = next(one for one in root.iterfind(".//{*}BinarySecurityToken") if "X509" in one.get("ValueType", ""))
    return b64decode(token.text)


@pytest.mark.parametrize("path", ["/RST.srf", "/RST2.srf"])
def test_the_certificate_chains_to_the_root_and_holds_the_key(
    tmp_path: Path, authority: Authority, there: Scene, path: str
) -> None:
    der = certificate_in(ask_for(there, request_of(tmp_path), path))
    (tmp_path / "person.der").write_bytes(der)
    openssl("x509", "-inform", "DER", "-in", str(tmp_path / "person.der"), "-out", str(tmp_path / "person.pem"))
    (tmp_path / "root.pem").write_bytes(authority.root_pem)
    shown = openssl("verify", "-x509_strict", "-CAfile", str(tmp_path / "root.pem"), str(tmp_path / "person.pem"))
    assert shown.strip().endswith("person.pem: OK")
    purpose = ("verify", "-purpose", "sslclient", "-CAfile", str(tmp_path / "root.pem"), str(tmp_path / "person.pem"))
    assert openssl(*purpose).strip().endswith("OK")
    key = openssl("x509", "-in", str(tmp_path / "person.pem"), "-noout", "-pubkey")
    assert key == openssl("pkey", "-in", str(tmp_path / "key.pem"), "-pubout")
    subject = openssl("x509", "-in", str(tmp_path / "person.pem"), "-noout", "-subject", "-nameopt", "multiline")
    assert there.world.account(ALICE).cid_hex in subject
    assert "MSIDCRL" not in subject


def test_it_is_nobodys_server_certificate(tmp_path: Path, authority: Authority, there: Scene) -> None:
    wish = ("-addext", "subjectAltName=DNS:login.live.com", "-addext", "basicConstraints=CA:TRUE")
    request = request_of(tmp_path, bits=2048, subject="/CN=login.live.com", more=wish)
    found = x509.load_der_x509_certificate(certificate_in(ask_for(there, request)))
    assert "login.live.com" not in found.subject.rfc4514_string()
    with pytest.raises(x509.ExtensionNotFound):
        found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    uses = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_bad_request_refuses_that_one_site(tmp_path: Path, there: Scene) -> None:
    good = request_of(tmp_path, bits=2048)
    for request in (b"", b"hello", good[:-20], good[:-5] + bytes(5), bytes(20_000)):
        root = ask_for(there, request)
        answers = root.findall(".//{*}RequestSecurityTokenResponse")
        assert len(answers) == 3
        assert answers[2].findtext("{*}Fault/{*}pp/{*}reqstatus") == "0x80048820"
        assert answers[1].find(".//{*}BinarySecurityToken") is not None


def test_only_numbers_become_names(authority: Authority, tmp_path: Path) -> None:
    request = request_of(tmp_path, bits=2048)
    for name in ("login.live.com", "", "alice@emu.test", "0" * 17):
        with pytest.raises(ValueError, match="CID"):
            authority.sign_request(request, name, time.time())


def test_an_applicant_asks_as_openssl_reads_it_and_knows_its_own_certificate(
    tmp_path: Path, authority: Authority, there: Scene
) -> None:
    applicant, now = Applicant(), time.time()
    (tmp_path / "request.der").write_bytes(applicant.request)
    shown = openssl("req", "-inform", "DER", "-in", str(tmp_path / "request.der"), "-noout", "-text", "-verify")
    assert "Public-Key: (1024 bit)" in shown
    assert "CN = MSIDCRL" in shown
    der = certificate_in(ask_for(there, applicant.request))
    assert applicant.subject(der, authority.root_pem, now) == there.world.account(ALICE).cid_hex
    with pytest.raises(ValueError, match="another key"):
        Applicant().subject(der, authority.root_pem, now)
    with pytest.raises(ValueError, match="valid from"):
        applicant.subject(der, authority.root_pem, now + 10 * 365 * 86_400)
    other = Authority.create(tmp_path / "root", load(), now)
    with pytest.raises(ValueError, match="another root"):
        applicant.subject(der, other.root_pem, now)
