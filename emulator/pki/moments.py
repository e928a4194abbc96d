"""Seconds since the epoch as the dates that certificates carry. Not a clock."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86400.0  # seconds


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as an aware UTC date in whole seconds, which is all that X.509 can hold."""
    return datetime.fromtimestamp(int(seconds), UTC)
