"""Two kinds of problems that a person can do something about; commands turn them into a message and an exit code.

Not for programming errors: those keep their traceback.
"""

from __future__ import annotations


class BadInput(Exception):
    """Something that was given cannot be used (exit code 2). The text names the file, the field and the remedy."""


class CannotRun(Exception):
    """This machine cannot do it, or not now (exit code 3). The text says what is in the way and the remedy."""
