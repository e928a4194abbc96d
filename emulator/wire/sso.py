"""The ticket response of MSNP15 and later: how a client answers the nonce with the proof secret of its ticket.

Not the ticket itself (that is RST's). Source: protocols/msnp.md 5.6, certainty A; vector 7.2.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from emulator.wire.errors import WireError

SECRET = 24  # bytes
NONCE = 64  # characters, as received
IV = 8
HEADER = struct.pack("<7I", 28, 1, 0x6603, 0x8004, IV, 20, NONCE + 8)
SIZE = len(HEADER) + IV + 20 + NONCE + 8  # 128 bytes


def response(secret: str, nonce: str, iv: bytes) -> str:
    """The base64 blob (172 characters). `secret` is the BinarySecret as received, `iv` 8 random bytes.

    Raises WireError for a secret that is no base64 of 24 bytes or a nonce that is not 64 characters.
    """
    if len(nonce) != NONCE:
        raise WireError(f"a nonce of {len(nonce)} characters, must be {NONCE}")
    key = _secret(secret)
    mark = hmac.digest(_derive(key, b"WS-SecureConversationSESSION KEY HASH"), nonce.encode(), "sha1")
    encryption = _derive(key, b"WS-SecureConversationSESSION KEY ENCRYPTION")
    return base64.b64encode(HEADER + iv + mark + _encrypt(encryption, iv, nonce)).decode()


def verify(blob: str, secret: str, nonce: str) -> bool:
    """True when the blob answers this nonce with this secret: header, lengths, hash and cipher are all exact."""
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return False
    if len(raw) != SIZE or not raw.startswith(HEADER):
        return False
    iv = raw[len(HEADER) : len(HEADER) + IV]
    return hmac.compare_digest(raw, base64.b64decode(response(secret, nonce, iv)))


def _secret(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError(f"a proof secret that is no base64: {error}") from error
    if len(key) != SECRET:
        raise WireError(f"a proof secret of {len(key)} bytes, must be {SECRET}")
    return key


def _derive(key: bytes, label: bytes) -> bytes:
    first = hmac.digest(key, label, "sha1")
    second = hmac.digest(key, first + label, "sha1")
    third = hmac.digest(key, first, "sha1")
    fourth = hmac.digest(key, third + label, "sha1")
    return second + fourth[:4]


def _encrypt(key: bytes, iv: bytes, nonce: str) -> bytes:
    encryptor = Cipher(TripleDES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(nonce.encode() + b"\x08" * 8) + encryptor.finalize()
