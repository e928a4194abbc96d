"""Whose connection between peers it is, told by the first words on it: the tag that both ends join their evidence by.

Not the talk itself. A direct connection has the opener's nonce, a webcam's its recipient and session, MSNFTP the
AuthCookie, which the receiver says, T.120 a selector, RDP a cookie.
"""

from __future__ import annotations

from emulator.wire import msnftp, p2p, p2p_direct, rdp, t120, webcam

NONCE_AT = 8 + 4 + 32  # bytes of the opener before the nonce of its handshake
NONCE_SIZE = 16
LOOK = 2 * msnftp.LINE_LIMIT  # bytes of each end that are looked at
TPKT = b"\x03\x00"
DIRECT, LEGACY, WEBCAM = "p2p-direct", "msnftp", "webcam"


class Opening:
    """Hears both ends. `protocol` and `tag` are empty until they are known."""

    def __init__(self) -> None:
        self._heard = {True: b"", False: b""}
        self.protocol = ""
        self.tag = b""

    def said(self, data: p2p.Bytes, *, opener: bool) -> bool:
        """One end said something. True when that made the tag known."""
        if self.tag or len(self._heard[opener]) >= LOOK:
            return False
        heard = self._heard[opener] = self._heard[opener] + bytes(data[:LOOK])
        if opener and heard.startswith(p2p_direct.OPENING):
            self.protocol = DIRECT
            if len(heard) >= NONCE_AT + NONCE_SIZE:
                self.tag = heard[NONCE_AT : NONCE_AT + NONCE_SIZE]
        elif opener and (found := webcam.tag_in(heard)):
            self.protocol, self.tag = WEBCAM, found
        elif opener and heard.startswith(TPKT):
            for protocol, tag_in in (("rdp", rdp.tag_in), ("t120", t120.tag_in)):
                if found := tag_in(heard):
                    self.protocol, self.tag = protocol, found
        elif heard.startswith(b"VER "):
            self.protocol = LEGACY
            number = msnftp.auth_cookie(heard.partition(b"\r\n")[2])
            self.tag = b"" if number is None else msnftp.tag_of(number)
        return bool(self.tag)
