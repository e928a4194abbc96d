"""`messenger-lab certs`: make, show and export the lab's certificates."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import rich_click as click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rich.markup import escape
from rich.table import Table

from emulator.catalog import load
from emulator.cli.terminal import clear_errors, console, now
from emulator.pki import Authority, locate

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
@click.option("--format", "form", type=click.Choice(["pem", "der"]), default="pem", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="File (default: standard output).")
def export(certs: Path | None, form: str, output: Path | None) -> None:
    """Write the root certificate (never its key) for import into clients."""
    with clear_errors():
        authority = Authority.open(locate(certs, Path.cwd(), os.environ), load(), now())
        data = authority.export("der" if form == "der" else "pem")
        if output is None:
            sys.stdout.buffer.write(data)
        else:
            output.write_bytes(data)
            console.print(f"[green]written[/] {escape(str(output))}", highlight=False, soft_wrap=True)
