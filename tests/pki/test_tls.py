"""TLS contexts and the judgement of chains, held against curl and `openssl s_client`."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from loopback_tls import tls_server
from OpenSSL import SSL

from emulator.pki import Authority, TlsContexts, client_context, judge_chain
from emulator.pki.tls import VERSIONS

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the curl command")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


def curl(port: int, host: str, root_file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "10", "--cacert", str(root_file)]
    command += ["--resolve", f"{host}:{port}:127.0.0.1", *more, f"https://{host}:{port}/"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@needs_curl
@pytest.mark.parametrize("host", ["login.live.com", "byrdr.omega.contacts.msn.com", "x.y.storage.msn.com"])
def test_curl_accepts_catalog_hosts(
    authority: Authority, root_file: Path, tmp_path: Path, now: float, host: str
) -> None:
    crl = tmp_path / "crl.pem"
    crl.write_bytes(x509.load_der_x509_crl(authority.crl(now)).public_bytes(Encoding.PEM))
    with tls_server(TlsContexts(authority).server_context()) as port:
        done = curl(port, host, root_file, "--crlfile", str(crl))
    assert (done.returncode, done.stdout) == (0, "ok"), done.stderr


@needs_curl
@pytest.mark.parametrize("host", ["example.com", "127.0.0.1"])
def test_curl_refuses_foreign_names(authority: Authority, root_file: Path, host: str) -> None:
    with tls_server(TlsContexts(authority).server_context()) as port:
        done = curl(port, host, root_file)
    assert done.returncode == 60, done.stderr  # the default certificate does not name it


@needs_curl
@pytest.mark.parametrize("host", ["example.com", "127.0.0.1"])
def test_curl_refuses_foreign_names_signed_with_a_stolen_key(authority: Authority, root_file: Path, host: str) -> None:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    trustme.CA.from_pem(authority.root_pem, authority._store.key.read_bytes()).issue_cert(host).configure_cert(context)
    with tls_server(context) as port:
        done = curl(port, host, root_file)
    assert done.returncode == 60
    assert "subtree violation" in done.stderr


@needs_openssl
@pytest.mark.parametrize("options", [("-tls1", "AES128-SHA"), ("-tls1_1", "AES128-SHA"), ("-tls1_2", "AES128-SHA")])
def test_old_clients_are_served(authority: Authority, root_file: Path, options: tuple[str, str]) -> None:
    version, cipher = options
    with tls_server(TlsContexts(authority).server_context()) as port:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version, "-noservername"]
        command += ["-cipher", f"{cipher}:@SECLEVEL=0", "-CAfile", str(root_file), "-verify_return_error"]
        command += ["-verify_hostname", "gateway.messenger.hotmail.com"]
        done = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=20, check=False)
    assert f"Cipher is {cipher}" in done.stdout, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout


def shown(context: SSL.Context, client: SSL.Context, sni: str | None) -> tuple[list[x509.Certificate], str]:
    with tls_server(context) as port:
        raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        raw.setblocking(True)
        connection = SSL.Connection(client, raw)
        connection.set_connect_state()
        if sni is not None:
            connection.set_tlsext_host_name(sni.encode())
        connection.do_handshake()
        chain = connection.get_peer_cert_chain(as_cryptography=True)
        version = connection.get_protocol_version_name()
        connection.close()
        raw.close()
    assert chain is not None
    return chain, version


@pytest.mark.parametrize(
    ("sni", "expected"),
    [
        ("rad.msn.com", ["rad.msn.com"]),
        ("a.b.edge.messenger.live.com", ["a.b.edge.messenger.live.com"]),
        ("www.example.com", None),
        (None, None),
    ],
)
def test_the_hello_chooses_the_leaf(authority: Authority, sni: str | None, expected: list[str] | None) -> None:
    contexts = TlsContexts(authority)
    chain, _ = shown(contexts.server_context(), client_context(), sni)
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = names.get_values_for_type(x509.DNSName)
    assert len(found) > 30 if expected is None else found == expected


@pytest.mark.parametrize("version", list(VERSIONS))
def test_the_client_offers_no_more_than_asked(authority: Authority, version: str) -> None:
    contexts = TlsContexts(authority)
    _, agreed = shown(contexts.server_context(), client_context(version), "c.msn.com")
    assert agreed == version


def test_the_client_looks_and_does_not_refuse(authority: Authority, now: float) -> None:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    trustme.CA().issue_cert("login.live.com").configure_cert(context)
    chain, _ = shown(context, client_context(), "login.live.com")
    seen = judge_chain(chain, authority.root_pem, "login.live.com", now)
    assert not seen.trusted
    assert seen.matches
    assert "trustme" in seen.issuer


def test_an_own_chain_is_trusted_for_its_name_and_time_only(authority: Authority, now: float) -> None:
    chain = x509.load_pem_x509_certificates(authority.leaf("login.live.com")[0])
    seen = judge_chain(chain, authority.root_pem, "login.live.com", now)
    assert (seen.trusted, seen.matches) == (True, True)
    assert seen.issuer == "CN=messenger-lab root (not for production)"
    assert not judge_chain(chain, authority.root_pem, "c.msn.com", now).matches
    assert not judge_chain(chain, authority.root_pem, "192.0.2.1", now).matches
    assert not judge_chain(chain, authority.root_pem, "login.live.com", now + 40 * 86400).trusted


def test_a_foreign_name_under_the_own_root_is_not_trusted(authority: Authority, now: float) -> None:
    stolen = trustme.CA.from_pem(authority.root_pem, authority._store.key.read_bytes()).issue_cert("example.com")
    chain = [x509.load_pem_x509_certificate(stolen.cert_chain_pems[0].bytes())]
    seen = judge_chain(chain, authority.root_pem, "example.com", now)
    assert (seen.trusted, seen.matches) == (False, True)


def test_an_empty_chain_is_an_error(authority: Authority, now: float) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        judge_chain([], authority.root_pem, "c.msn.com", now)
