"""`certs export` and `certs revoke`, judged by openssl and curl against a `serve` that runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from private_network import lab
from two_processes import Runs, Serve

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None or shutil.which("curl") is None, reason="needs the commands openssl and curl"
)
HOST = "storage.msn.com"
CRL = "http://crl.microsoft.com/pki/crl/products/emuroot.crl"


@pytest.fixture
def leaf(runs: Runs, served: Serve, tmp_path: Path) -> Path:
    """The certificate that `serve` shows for a host."""
    done = runs.network.run("openssl", "s_client", "-connect", "127.0.0.1:443", "-servername", HOST, stdin=-3)
    path = tmp_path / "leaf.pem"
    path.write_text(
        done.stdout[done.stdout.index("-----BEGIN") : done.stdout.index("-----END")] + "-----END CERTIFICATE-----\n"
    )
    return path


def check(runs: Runs, served: Serve, leaf: Path) -> str:
    """What openssl says of a leaf, with the revocation list that `serve` hands out now."""
    der, pem = leaf.with_name("list.der"), leaf.with_name("list.pem")
    fetch = ("curl", "-sS", "--fail", "--resolve", "crl.microsoft.com:80:127.0.0.1", "-o", str(der), CRL)
    assert runs.network.run(*fetch).returncode == 0
    subprocess.run(["openssl", "crl", "-inform", "DER", "-in", der, "-out", pem], check=True, capture_output=True)
    root = served.join.with_name("certs") / "root.pem"
    command = ["openssl", "verify", "-crl_check", "-CAfile", root, "-CRLfile", pem, leaf]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


@pytest.mark.parametrize("by", ["file", "serial"])
def test_openssl_notices_a_leaf_that_was_revoked_while_it_served(
    runs: Runs, served: Serve, leaf: Path, by: str, tmp_path: Path
) -> None:
    certs = str(served.join.with_name("certs"))
    if by == "file":
        assert check(runs, served, leaf).endswith("leaf.pem: OK\n")
    serial = subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-in", leaf], capture_output=True, text=True, check=True
    ).stdout.strip()
    named = str(leaf) if by == "file" else serial
    done = subprocess.run(lab("certs", "revoke", named, "--certs", certs), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert serial.removeprefix("serial=").lower().lstrip("0") in done.stdout
    assert "certificate revoked" in check(runs, served, leaf)


def test_every_format_is_the_same_certificate(served: Serve, tmp_path: Path) -> None:
    certs = served.join.with_name("certs")
    reads = {"pem": ["x509"], "der": ["x509", "-inform", "DER"], "windows": ["pkcs7", "-inform", "DER", "-print_certs"]}
    prints = set()
    for form, read in reads.items():
        out = tmp_path / f"root.{form}"
        command = lab("certs", "export", "--format", form, "--output", str(out), "--certs", str(certs))
        assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
        pem = subprocess.run(["openssl", *read, "-in", out], capture_output=True, check=True).stdout
        shown = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=pem, capture_output=True)
        prints.add(shown.stdout)
        assert b"PRIVATE" not in out.read_bytes()
    assert len(prints) == 1
    assert b"Fingerprint=" in prints.pop()


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        ("nothing", "'nothing': neither a file nor a serial number in hexadecimal"),
        ("0", "serial numbers have 1 to 40 hexadecimal digits"),
        ("ff" * 21, "serial numbers have 1 to 40"),
    ],
)
def test_what_is_no_leaf(served: Serve, leaf: str, said: str) -> None:
    certs = str(served.join.with_name("certs"))
    done = subprocess.run(lab("certs", "revoke", leaf, "--certs", certs), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
