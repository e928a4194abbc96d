"""What all commands share with the person: console, clear errors with an exit code, time and randomness to hand in."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from emulator.problems import BadInput, CannotRun

BAD_INPUT = 2
CANNOT_RUN = 3
INTERRUPTED = 130
FULL = "make room, or name other places with XDG_RUNTIME_DIR, TMPDIR and the command's options"
AGAIN = 60.0  # seconds until the same complaint is made again

console = Console()
stderr = Console(stderr=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn known problems into one clear message and the documented exit code."""
    try:
        yield
    except BadInput as problem:
        complain(str(problem), BAD_INPUT)
    except CannotRun as problem:
        complain(str(problem), CANNOT_RUN)
    except KeyboardInterrupt:
        complain("interrupted", INTERRUPTED)
    except OSError as problem:
        remedy = f": {FULL}" if problem.errno == errno.ENOSPC else ""
        complain(f"{problem.filename or 'this machine'}: {problem.strerror or problem}{remedy}", CANNOT_RUN)


@contextmanager
def named_by_person(path: object) -> Iterator[None]:
    """Around the use of a file that the person named: what is wrong with it is bad input, no fault of this machine."""
    try:
        yield
    except OSError as problem:
        raise BadInput(f"{path}: {problem.strerror or problem}: name another file, or mend this one") from problem


def check_writable(path: Path | None) -> None:
    """Raises BadInput when a report cannot be written there: better before a run than behind it."""
    if path is None:
        return
    if path.is_dir():
        raise BadInput(f"{path}: is a directory: name a file in it")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: there is no directory {path.parent}: make it, or name another file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput(f"{path}: may not be written: name another file")


def checked_seed(text: str | None) -> str | None:
    """A seed as given on the command line, in lower case. Raises BadInput when it is not hexadecimal."""
    if not text:
        return None
    try:
        return bytes.fromhex(text).hex()
    except ValueError as error:
        raise BadInput(f"--seed {text!r}: give it in hexadecimal, two digits per byte, as it was printed") from error


def complain(message: str, code: int) -> NoReturn:
    """Say what is wrong and leave with `code`."""
    stderr.print(f"[bold red]messenger-lab:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(code)


class Complaints:
    """Says what is wrong while a command goes on, the same words at most once a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def __call__(self, words: str) -> None:
        moment = self._clock()
        if moment - self._said.get(words, -AGAIN) >= AGAIN:
            self._said = {words: moment}
            stderr.print(f"[bold red]messenger-lab:[/] {escape(words)}", highlight=False, soft_wrap=True)


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def entropy(count: int) -> bytes:
    """Random bytes."""
    return os.urandom(count)
