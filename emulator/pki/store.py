"""The files of the lab root: certificate, key, revocations. Knows modes and names, not what they mean.

Directory 0700, key 0600; every file is written beside its place and renamed, so a crash leaves no half file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from emulator.problems import BadInput

ROOT = "root.pem"
KEY = "root.key"
REVOKED = "revoked.json"

REMEDY = "Make a new root with `messenger-lab certs init --replace`"


class CertificateError(BadInput):
    """The lab root cannot be used; the text names the file and the remedy."""


class Revocation(msgspec.Struct, frozen=True):
    """One revoked leaf: serial number in hexadecimal, when, in seconds since the epoch."""

    serial: str
    at: float


class Store:
    """One directory with the lab root in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def root(self) -> Path:
        return self.directory / ROOT

    @property
    def key(self) -> Path:
        return self.directory / KEY

    @property
    def revoked(self) -> Path:
        return self.directory / REVOKED

    def prepare(self, *, replace: bool) -> None:
        """Make the directory, private to its owner. Raises CertificateError when a root is in it already."""
        if not replace:
            for path in (self.key, self.root):
                if path.exists():
                    raise CertificateError(f"{path}: there is a root already. {REMEDY}, or name another --certs.")
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
        except OSError as error:
            raise CertificateError(
                f"{self.directory}: {error.strerror}. Name another directory with --certs."
            ) from error
        self.revoked.unlink(missing_ok=True)

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Write a file whole or not at all. Raises CertificateError."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            beside.chmod(mode)  # whatever the umask said
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise CertificateError(f"{path}: {error.strerror}. Name another directory with --certs.") from error

    def read(self, path: Path) -> bytes:
        """Content of a file. Raises CertificateError when it is missing or unreadable."""
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            remedy = "Make the root with `messenger-lab certs init`, or name its directory with --certs."
            raise CertificateError(f"{path}: no such file. {remedy}") from error
        except OSError as error:
            raise CertificateError(f"{path}: {error.strerror}. Run as the owner of that file.") from error

    def read_key(self) -> bytes:
        """The root's key. Raises CertificateError when others may read it too."""
        data = self.read(self.key)
        mode = stat.S_IMODE(self.key.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            raise CertificateError(f"{self.key}: mode {mode:04o} lets others read the key. Run `chmod 600 {self.key}`.")
        return data

    def revocations(self) -> tuple[Revocation, ...]:
        """What was revoked, oldest first. Raises CertificateError when the file is malformed."""
        if not self.revoked.exists():
            return ()
        try:
            return msgspec.json.decode(self.read(self.revoked), type=tuple[Revocation, ...])
        except msgspec.DecodeError as error:
            raise CertificateError(
                f"{self.revoked}: {error}. Delete the file: it only lists revoked leaves."
            ) from error

    def add_revocation(self, revocation: Revocation) -> None:
        """Append one revocation; the first one of a serial number holds."""
        if any(one.serial == revocation.serial for one in self.revocations()):
            return
        self.write(self.revoked, msgspec.json.encode((*self.revocations(), revocation)), 0o600)
