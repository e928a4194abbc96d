"""The one error of the wire: what was received breaks its protocol. Not for I/O failures."""

from __future__ import annotations


class WireError(Exception):
    """Malformed, oversize or unexpected input; the text says what and where. The connection is then closed."""
