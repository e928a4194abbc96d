"""`messenger-lab certs`: make, show and export the lab's certificates."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args

import rich_click as click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rich.markup import escape
from rich.table import Table

from emulator.catalog import load
from emulator.cli.terminal import BAD_INPUT, clear_errors, complain, console, named_by_person, now
from emulator.pki import Authority, locate
from emulator.pki.authority import ExportFormat

CERTS = click.option("--certs", type=click.Path(path_type=Path), help="Directory (default: ./certs, or user data).")


@click.group("certs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """The lab's root may sign the catalog's names only, no address and nobody else's name."""


@command.command("init")
@CERTS
@click.option("--replace", is_flag=True, help="Make a new root although there is one.")
def init(certs: Path | None, replace: bool) -> None:
    """Make the root and its key (mode 0600)."""
    with clear_errors():
        directory = locate(certs, Path.cwd(), os.environ)
        Authority.create(directory, load(), now(), replace=replace)
        console.print(f"[green]made[/] {escape(str(directory))}", highlight=False, soft_wrap=True)


@command.command("show")
@CERTS
def show(certs: Path | None) -> None:
    """Say what the root is, until when, and what it may sign."""
    with clear_errors():
        directory = locate(certs, Path.cwd(), os.environ)
        authority = Authority.open(directory, load(), now())
        root = x509.load_pem_x509_certificate(authority.root_pem)
        names = root.extensions.get_extension_for_class(x509.NameConstraints).value
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_row("directory", str(directory))
        table.add_row("subject", root.subject.rfc4514_string())
        table.add_row("sha256", root.fingerprint(hashes.SHA256()).hex())
        table.add_row("valid", f"{root.not_valid_before_utc:%Y-%m-%d} to {root.not_valid_after_utc:%Y-%m-%d}")
        table.add_row("may sign", "\n".join(str(name.value) for name in names.permitted_subtrees or ()))
        table.add_row("never", ", ".join(str(name.value) for name in names.excluded_subtrees or ()))
        console.print(table)


@command.command("export")
@CERTS
@click.option("--format", "form", type=click.Choice(get_args(ExportFormat)), default="pem", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="File (default: standard output).")
def export(certs: Path | None, form: ExportFormat, output: Path | None) -> None:
    """Write the root certificate (never its key) for import into clients.

    On Windows: `--format windows --output root.p7b`, then `certutil -addstore Root root.p7b` as administrator there.
    """
    with clear_errors():
        authority = Authority.open(locate(certs, Path.cwd(), os.environ), load(), now())
        data = authority.export(form)
        if output is None:
            sys.stdout.buffer.write(data)
        else:
            with named_by_person(output):
                output.write_bytes(data)
            console.print(f"[green]written[/] {escape(str(output))}", highlight=False, soft_wrap=True)


@command.command("revoke")
@click.argument("leaf", metavar="SERIAL|FILE")
@CERTS
def revoke(leaf: str, certs: Path | None) -> None:
    """Put a leaf on the revocation list: its serial number in hexadecimal, or a file with the certificate (PEM).

    A `serve` with these certificates hands the new list out at once, and goes on using the leaf: what is tested is
    whether the client looks. `openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -serial` names it.
    """
    with clear_errors():
        authority = Authority.open(locate(certs, Path.cwd(), os.environ), load(), now())
        serial = _serial(leaf)
        authority.revoke(serial, now())
        console.print(f"[green]revoked[/] {serial:x}", highlight=False)


def _serial(leaf: str) -> int:
    path = Path(leaf)
    if path.exists():
        with named_by_person(path):
            data = path.read_bytes()
        try:
            return x509.load_pem_x509_certificate(data).serial_number
        except ValueError as error:
            complain(f"{path}: not a PEM certificate ({error}): give one, or a serial number", BAD_INPUT)
    try:
        number = int(leaf.removeprefix("serial=").replace(":", ""), 16)
    except ValueError:
        complain(f"{leaf!r}: neither a file nor a serial number in hexadecimal", BAD_INPUT)
    if not 0 < number < 1 << 160:
        complain(f"{leaf!r}: serial numbers have 1 to 40 hexadecimal digits", BAD_INPUT)
    return number
