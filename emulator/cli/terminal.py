"""What all commands share with the person: console, clear errors with an exit code, time and randomness to hand in."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from emulator.problems import BadInput, CannotRun

BAD_INPUT = 2
CANNOT_RUN = 3
INTERRUPTED = 130

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
    except OSError as problem:
        complain(f"{problem.filename or 'this machine'}: {problem.strerror or problem}", CANNOT_RUN)


def complain(message: str, code: int) -> None:
    """Say what is wrong and leave with `code`."""
    stderr.print(f"[bold red]messenger-lab:[/] {message}", highlight=False, soft_wrap=True)
    sys.exit(code)


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def entropy(count: int) -> bytes:
    """Random bytes."""
    return os.urandom(count)
