"""The client challenge: CHL and QRY of the notification server, and the lock key of offline messages.

Not a proof of anything but the client's version: product ids and keys are public. Source: msnp.md 2.15, http.md 14.1.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

PRODUCTS = {
    "msmsgs@msnmsgr.com": "Q1P7W2E4J9R8U3S5",
    "PROD0038W!61ZTF9": "VT6PX?UQTM4WM%YR",
    "PROD0058#7IL2{QD": "QHDCY@7R1TB6W?5B",
    "PROD0061VRRZH@4F": "JXQ6J@TUOGYV@N0M",
    "PROD00504RLUG%WL": "I2EBK%PYNLZL5_J4",
    "PROD0076ENE8*@AW": "CEQJ8}OE0!WTSWII",
    "PROD0090YUAUV{2B": "YMM8C_H7KCQ2S_KL",
    "PROD0101{0RM?UBW": "CFHUR$52U_{VIX5T",
    "PROD01065C%ZFN6F": "O4BG@C7BWLYQX?5G",
    "PROD0112J1LW7%NB": "RH96F{PHI8PPX_TJ",
    "PROD0113H11T8$X_": "RG@XY*28Q5QHS%Q5",
    "PROD0114ES4Z%Q5W": "PK}_A_0N_K%O?A9S",
    "PROD0118R6%2WYOS": "YIXPX@5I2P0UT*LK",
    "PROD0119GSJUC$18": "ILTXC!4IXB5FB*PX",
    "PROD0120PW!CCV9@": "C1BX{V4W}Q3*10SM",
}
CLIENT = "PROD0114ES4Z%Q5W"  # Windows Live Messenger 8.1.0178

_MASK = 0x7FFFFFFF
_MAGIC = 0x0E79A9C1


def old_answer(challenge: str, key: str) -> str:
    """MSNP6 to MSNP10: 32 hexadecimal digits."""
    return hashlib.md5(f"{challenge}{key}".encode()).hexdigest()


def answer(challenge: str, product: str, key: str) -> str:
    """MSNP11 and later, also the lock key: 32 hexadecimal digits.

    A challenge whose length plus that of the id is a multiple of 8 is ambiguous among clients (some pad eight zeros);
    nothing is padded here then, and `digits` never makes one.
    """
    words = struct.unpack("<4I", hashlib.md5(f"{challenge}{key}".encode()).digest())
    k0, k1, k2, k3 = (word & _MASK for word in words)
    padded = f"{challenge}{product}".encode()
    padded += b"0" * (-len(padded) % 8)
    high = low = 0
    for even, odd in struct.iter_unpack("<2I", padded):
        t = (k0 * (_MAGIC * even % _MASK + high) + k1) % _MASK
        high = (k2 * ((odd + t) % _MASK) + k3) % _MASK
        low += high + t
    high, low = (high + k1) % _MASK, (low + k3) % _MASK
    mixed = (words[0] ^ high, words[1] ^ low, words[2] ^ high, words[3] ^ low)  # the words unmasked
    return struct.pack("<4I", *mixed).hex()


def lock_key(challenge: str, product: str) -> str:
    """Answer of a known product, or "" for an id that is not in the table."""
    key = PRODUCTS.get(product)
    return "" if key is None else answer(challenge, product, key)


def digits(secret: bytes, about: str) -> str:
    """A challenge of 20 decimal digits that depends on `secret` and `about` alone, so that no state is kept."""
    value = int.from_bytes(hmac.digest(secret, about.encode("utf-8", "replace"), "sha256"), "big")
    return f"{value % 10**20:020d}"
