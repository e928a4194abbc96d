"""Which bridge a transfer went by, who listened, how long it took; in words. Plain records, nothing else."""

from __future__ import annotations

import msgspec

SWITCHBOARD, TCP = "SBBridge", "TCPv1"
LEGACY = "MSNFTP"  # no bridge of an MSNSLP session: it is invited to in words of its own
DATAGRAMS = "datagrams (emulated)"  # of our own form; TRUDPv1 is refused


MEASURABLE = 0.0002  # seconds; what took less came in one piece, and says nothing of a rate


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes went. `listened`: this end did (direct connections only). `seconds`: first byte to last, 0 if unknown.

    `why`: what kept a direct connection from coming up, "" when none was tried.
    """

    bridge: str = SWITCHBOARD
    listened: bool = False
    seconds: float = 0.0
    why: str = ""

    @property
    def direct(self) -> bool:
        """True when it went between the peers themselves."""
        return self.bridge in (TCP, LEGACY)

    def rate(self, size: int) -> int:
        """Bytes per second; 0 where it was too quick to measure."""
        return int(size / self.seconds) if self.seconds >= MEASURABLE else 0

    def words(self, size: int, *, me: str = "I", peer: str = "you") -> str:
        """`TCPv1, I listened, 123456 bytes per second`. Too quick to measure: no rate."""
        who = f", {me if self.listened else peer} listened" if self.direct else ""
        why = f" ({self.why})" if self.why and not self.direct else ""
        rate = f", {self.rate(size)} bytes per second" if self.rate(size) else ""
        return f"{self.bridge}{who}{why}{rate}"
