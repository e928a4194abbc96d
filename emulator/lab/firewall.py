"""Loads nft files into the lab's firewall: checked first, then swapped in as a whole. Writes no rule of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from emulator.lab.addressing import LabError

# Runs a command in the firewall with this input.
Runner = Callable[[Sequence[str], bytes], "CompletedProcess[bytes]"]


def load(path: Path, run: Runner) -> None:
    """Replace all rules by those of an nft file; one transaction, so there is no moment without rules.

    `include` lines are looked up beside the file. Raises LabError with file, line as nft names it, and remedy; the
    rules from before then stay.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}. Name an existing nft file.") from error
    # On the same line, so that nft counts the lines of the file.
    whole = b"flush ruleset; " + text
    nft = ["nft", "-I", str(path.resolve().parent)]
    for command in ([*nft, "-c", "-f", "-"], [*nft, "-f", "-"]):
        done = run(command, whole)
        if done.returncode != 0:
            raise LabError(f"{_complaint(path, done.stderr)}\nThe rules from before are still loaded. Mend the file.")


def program() -> str:
    """Path of nft. Raises LabError naming the package."""
    found = shutil.which("nft", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin")
    if found is None:
        raise LabError("nft is missing: install the package `nftables`.")
    return found


def _complaint(path: Path, stderr: bytes) -> str:
    text = stderr.decode("utf-8", "replace").strip()
    for name in ("/dev/stdin", "stdin"):
        text = text.replace(f"{name}:", f"{path}:")
    return (text or f"{path}: nft refuses it without a word").replace("flush ruleset; ", "", 1)
