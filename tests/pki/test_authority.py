"""The root, its leaves and its revocation list, held against the openssl command line."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.catalog import load
from emulator.derive.names import certificate_names, permitted_domains
from emulator.pki import Authority, CertificateError
from emulator.pki.leaves import CRL_URL
from emulator.pki.moments import DAY

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
HOSTS = load().host_names


def openssl(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, timeout=30, check=False)


def verify(directory: Path, authority: Authority, chain: bytes, host: str, now: float, *more: str) -> tuple[int, str]:
    (directory / "root.pem").write_bytes(authority.root_pem)
    (directory / "leaf.pem").write_bytes(chain)
    crl = openssl("crl", "-inform", "DER", data=authority.crl(now))
    assert crl.returncode == 0, crl.stderr
    (directory / "crl.pem").write_bytes(crl.stdout)
    done = openssl(
        "verify", "-x509_strict", "-crl_check", "-CRLfile", f"{directory}/crl.pem", "-CAfile", f"{directory}/root.pem",
        *more, host, f"{directory}/leaf.pem",
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).decode()


@needs_openssl
@pytest.mark.parametrize("host", [*HOSTS, "some-cluster.storage.msn.com", "a.b.c.contacts.msn.com"])
def test_openssl_accepts_every_catalog_host(tmp_path: Path, authority: Authority, now: float, host: str) -> None:
    code, text = verify(tmp_path, authority, authority.leaf(host)[0], host, now, "-verify_hostname")
    assert code == 0, text


@needs_openssl
@pytest.mark.parametrize("host", [*HOSTS, "any.storage.msn.com"])
def test_openssl_accepts_the_default_leaf_for_all_of_them(
    tmp_path: Path, authority: Authority, now: float, host: str
) -> None:
    code, text = verify(tmp_path, authority, authority.default_leaf()[0], host, now, "-verify_hostname")
    assert code == 0, text


@needs_openssl
@pytest.mark.parametrize(
    ("name", "option", "complaint"),
    [
        ("example.com", "-verify_hostname", "permitted subtree violation"),
        ("live.com", "-verify_hostname", "permitted subtree violation"),
        ("notlogin.live.com", "-verify_hostname", "permitted subtree violation"),
        ("192.0.2.10", "-verify_ip", "excluded subtree violation"),
        ("2001:db8::1", "-verify_ip", "excluded subtree violation"),
    ],
)
def test_openssl_refuses_what_the_stolen_key_might_sign(
    tmp_path: Path, authority: Authority, now: float, name: str, option: str, complaint: str
) -> None:
    stolen = trustme.CA.from_pem(authority.root_pem, authority._store.key.read_bytes()).issue_cert(name)
    code, text = verify(tmp_path, authority, stolen.cert_chain_pems[0].bytes(), name, now, option)
    assert code != 0
    assert complaint in text


@needs_openssl
def test_openssl_refuses_a_revoked_leaf(tmp_path: Path, now: float) -> None:
    authority = Authority.create(tmp_path / "certs", load(), now)
    chain, _ = authority.leaf("rsi.hotmail.com")
    leaf = x509.load_pem_x509_certificate(chain)
    assert verify(tmp_path, authority, chain, "rsi.hotmail.com", now, "-verify_hostname")[0] == 0
    authority.revoke(leaf.serial_number, now)
    code, text = verify(tmp_path, authority, chain, "rsi.hotmail.com", now, "-verify_hostname")
    assert code != 0
    assert "certificate revoked" in text
    again = Authority.open(tmp_path / "certs", load(), now)
    listed = x509.load_der_x509_crl(again.crl(now))
    assert listed.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    assert (listed.next_update_utc - listed.last_update_utc).days == 7  # type: ignore[operator]


@needs_openssl
def test_openssl_reads_the_certificates_as_meant(authority: Authority) -> None:
    root = openssl("x509", "-noout", "-text", data=authority.root_pem).stdout.decode()
    assert "CN = messenger-lab root (not for production)" in root
    assert "X509v3 Name Constraints: critical" in root
    assert "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0" in root
    assert "Public-Key: (2048 bit)" in root
    assert "IP:0.0.0.0/0.0.0.0" in root
    listed = {line.strip().removeprefix("DNS:") for line in root.splitlines() if line.strip().startswith("DNS:")}
    assert listed == set(permitted_domains(load()))
    leaf = openssl("x509", "-noout", "-text", data=authority.leaf("login.live.com")[0]).stdout.decode()
    assert CRL_URL in leaf
    assert "X509v3 Subject Alternative Name: \n                DNS:login.live.com\n" in leaf
    assert "rsaEncryption" in leaf


def test_the_default_leaf_names_everything(authority: Authority) -> None:
    leaf = x509.load_pem_x509_certificate(authority.default_leaf()[0])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.DNSName)) == certificate_names(load())


def test_leaves_share_one_key_and_are_kept(authority: Authority) -> None:
    one, other = authority.leaf("login.live.com"), authority.leaf("LOGIN.live.com.")
    assert one == other
    assert authority.leaf("c.msn.com")[0] != one[0]
    assert authority.leaf("c.msn.com")[1] == one[1]


@pytest.mark.parametrize("name", ["example.com", "", "192.0.2.1", "*.msn.com", "a b.storage.msn.com", "msn.com"])
def test_foreign_names_get_no_leaf(authority: Authority, name: str) -> None:
    with pytest.raises(CertificateError, match="outside the name constraints"):
        authority.leaf(name)


def test_a_long_name_goes_without_common_name(authority: Authority) -> None:
    name = "a" * 60 + ".storage.msn.com"
    leaf = x509.load_pem_x509_certificate(authority.leaf(name)[0])
    assert not leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)


def test_export_is_the_root(authority: Authority) -> None:
    assert x509.load_der_x509_certificate(authority.export("der")).public_bytes(Encoding.PEM) == authority.root_pem
    assert authority.export("pem") == authority.root_pem


def test_files_are_private(tmp_path: Path, now: float) -> None:
    Authority.create(tmp_path / "certs", load(), now)
    assert stat.S_IMODE((tmp_path / "certs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "certs" / "root.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "certs").iterdir()) == ["root.key", "root.pem"]


def test_a_root_is_not_overwritten_by_accident(tmp_path: Path, now: float) -> None:
    first = Authority.create(tmp_path, load(), now).root_pem
    with pytest.raises(CertificateError, match=r"root\.key: there is a root already.*--replace"):
        Authority.create(tmp_path, load(), now)
    assert Authority.open(tmp_path, load(), now).root_pem == first
    assert Authority.create(tmp_path, load(), now, replace=True).root_pem != first


def test_open_or_create_keeps_what_is_there(tmp_path: Path, now: float) -> None:
    first = Authority.open_or_create(tmp_path / "certs", load(), now).root_pem
    assert Authority.open_or_create(tmp_path / "certs", load(), now).root_pem == first
    (tmp_path / "certs" / "root.pem").unlink()
    with pytest.raises(CertificateError, match=r"root\.pem: no such file"):
        Authority.open_or_create(tmp_path / "certs", load(), now)


class TestOpeningFails:
    """Every way in which the files cannot be used names the file and what to do."""

    def refused(self, directory: Path, now: float) -> str:
        with pytest.raises(CertificateError) as caught:
            Authority.open(directory, load(), now)
        return str(caught.value)

    def test_missing(self, tmp_path: Path, now: float) -> None:
        text = self.refused(tmp_path / "none", now)
        assert text.startswith(str(tmp_path / "none" / "root.pem"))
        assert "messenger-lab certs init" in text

    def test_expired(self, tmp_path: Path, now: float) -> None:
        Authority.create(tmp_path, load(), now)
        assert "which is not now" in self.refused(tmp_path, now + 366 * DAY)
        assert "set the clock" in self.refused(tmp_path, now - 3 * DAY)

    def test_malformed(self, tmp_path: Path, now: float) -> None:
        Authority.create(tmp_path, load(), now)
        (tmp_path / "root.pem").write_text("nothing")
        assert "root.pem: not a PEM certificate" in self.refused(tmp_path, now)

    def test_readable_key(self, tmp_path: Path, now: float) -> None:
        Authority.create(tmp_path, load(), now)
        (tmp_path / "root.key").chmod(0o644)
        assert f"chmod 600 {tmp_path}/root.key" in self.refused(tmp_path, now)

    def test_key_of_another_root(self, tmp_path: Path, now: float) -> None:
        Authority.create(tmp_path / "a", load(), now)
        Authority.create(tmp_path / "b", load(), now)
        shutil.copy(tmp_path / "a" / "root.key", tmp_path / "b" / "root.key")
        assert "root.key: not the key of root.pem" in self.refused(tmp_path / "b", now)

    def test_other_names(self, tmp_path: Path, now: float) -> None:
        catalog = load()
        fewer = type(catalog)(
            **{name: getattr(catalog, name) for name in catalog.__struct_fields__ if name != "hosts"},
            hosts=catalog.hosts[:2],
        )
        Authority.create(tmp_path, fewer, now)
        assert "made for other names than this catalog's" in self.refused(tmp_path, now)

    def test_broken_revocations(self, tmp_path: Path, now: float) -> None:
        authority = Authority.create(tmp_path, load(), now)
        (tmp_path / "revoked.json").write_text("[{}]")
        with pytest.raises(CertificateError, match=r"revoked\.json: .*Delete the file"):
            authority.crl(now)
