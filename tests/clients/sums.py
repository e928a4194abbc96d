"""Challenge answers and the single sign-on proof, written down from the public description alone.

None of the project's code: these are what its own are checked against. Source: msnp.md 2.15, 5.6.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

PRODUCTS = {  # id and key, by the client that had them
    "msn5": ("msmsgs@msnmsgr.com", "Q1P7W2E4J9R8U3S5"),
    "msn6": ("PROD0038W!61ZTF9", "VT6PX?UQTM4WM%YR"),
    "msn7": ("PROD0090YUAUV{2B", "YMM8C_H7KCQ2S_KL"),
    "msn75": ("PROD0101{0RM?UBW", "CFHUR$52U_{VIX5T"),
    "wlm81": ("PROD0114ES4Z%Q5W", "PK}_A_0N_K%O?A9S"),
    "wlm85": ("PROD0119GSJUC$18", "ILTXC!4IXB5FB*PX"),
    "wlm2009": ("PROD0120PW!CCV9@", "C1BX{V4W}Q3*10SM"),
}
LARGEST, MULTIPLIER = 0x7FFFFFFF, 0x0E79A9C1


def old_answer(challenge: str, key: str) -> str:
    """Up to MSNP10."""
    return hashlib.md5((challenge + key).encode()).hexdigest()


def new_answer(challenge: str, product: str, key: str) -> str:
    """From MSNP11 on, and the lock key of offline messages."""
    digest = struct.unpack("<4I", hashlib.md5((challenge + key).encode()).digest())
    keys = [one & LARGEST for one in digest]
    text = challenge + product
    assert len(text) % 8, "clients disagree about the padding of such a challenge (clients.md 11)"
    text += "0" * (8 - len(text) % 8)
    words = struct.unpack(f"<{len(text) // 4}I", text.encode())
    high = low = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        mixed = (MULTIPLIER * even) % LARGEST + high
        mixed = (keys[0] * mixed + keys[1]) % LARGEST
        high = (odd + mixed) % LARGEST
        high = (keys[2] * high + keys[3]) % LARGEST
        low += high + mixed
    high, low = (high + keys[1]) % LARGEST, (low + keys[3]) % LARGEST
    masks = (high, low, high, low)
    return struct.pack("<4I", *(one ^ mask for one, mask in zip(digest, masks, strict=True))).hex()


def proof(secret: str, nonce: str, iv: bytes = b"12345678") -> str:
    """The answer to the nonce of `USR SSO S`."""
    key = base64.b64decode(secret)

    def derive(label: bytes) -> bytes:
        one = hmac.new(key, label, hashlib.sha1).digest()
        two = hmac.new(key, one + label, hashlib.sha1).digest()
        three = hmac.new(key, one, hashlib.sha1).digest()
        return two + hmac.new(key, three + label, hashlib.sha1).digest()[:4]

    mark = hmac.new(derive(b"WS-SecureConversationSESSION KEY HASH"), nonce.encode(), hashlib.sha1).digest()
    cipher = Cipher(TripleDES(derive(b"WS-SecureConversationSESSION KEY ENCRYPTION")), modes.CBC(iv)).encryptor()
    secret_text = cipher.update(nonce.encode() + b"\x08" * 8) + cipher.finalize()
    head = struct.pack("<7I", 28, 1, 0x6603, 0x8004, 8, 20, 72)
    return base64.b64encode(head + iv + mark + secret_text).decode()
