"""What must be undone however the tests end: an interrupted worker of pytest-xdist leaves fixtures where they are.

Not a test.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_any_case(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` once: at the end of the block, or of this process where that is never reached."""
    atexit.register(undo)
    try:
        yield
    finally:
        atexit.unregister(undo)
        undo()
