"""Connectivity checks of a call: their bytes, who may ask, what is answered. No timer and no socket.

Source: dossier media.md 4.1 (ICE draft 6 over RFC 3489, USERNAME of both names, key of the one who is asked).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import msgspec

from emulator.wire import sdp, stun
from emulator.wire.errors import WireError
from emulator.wire.receipt import Endpoint
from emulator.wire.stun import Message

NAME, PASSWORD = 30, 16  # bytes, as in composed captures


class Secrets(msgspec.Struct, frozen=True):
    """One end's name and password for one call, base64 as in SDP."""

    user: str
    password: str

    def candidate(self, component: int, address: str, port: int, priority: str = sdp.HOST) -> sdp.Candidate:
        """One's own candidate."""
        return sdp.Candidate(self.user, component, self.password, priority, address, port)


def new_secrets(entropy: Callable[[int], bytes]) -> Secrets:
    """Random ones."""
    return Secrets(b64encode(entropy(NAME)).decode(), b64encode(entropy(PASSWORD)).decode())


def username(asked: bytes, asking: bytes, component: int) -> bytes:
    """USERNAME of a check: name of the one asked, component, name of the one who asks, component, padded to 4."""
    name = b"%b:%d:%b:%d" % (asked, component, asking, component)
    return name + bytes(-len(name) % 4)


def question(id: bytes, to: sdp.Candidate, mine: Secrets) -> bytes:
    """A check for a candidate of the peer."""
    own = mine.candidate(to.component, "", 0).name
    return stun.encode(Message(stun.BINDING, id, ((stun.USERNAME, username(to.name, own, to.component)),)), to.key)


def answer(data: bytes, source: Endpoint, mine: Secrets, theirs: bytes | None, component: int) -> tuple[bytes, bool]:
    """The answer to a check, and whether it was authentic (`theirs`: the peer's name, None while it is unknown).

    A wrong USERNAME is refused with 430, a wrong integrity with 431, as RFC 3489 8.1 has it. A plain binding without
    USERNAME gets no answer (b""). Raises WireError for what is no binding request.
    """
    asked = stun.decode(data)
    if asked.kind != stun.BINDING:
        raise WireError(f"STUN {asked.kind:#06x} among media")
    name = asked.get(stun.USERNAME)
    if name is None:
        return b"", False
    own = mine.candidate(component, "", 0)
    begins = b"%b:%d:" % (own.name, component)
    if not name.startswith(begins) or (theirs is not None and name != username(own.name, theirs, component)):
        return _refusal(asked.id, 430, "Stale Credentials"), False
    if not stun.authentic(asked, own.key):
        return _refusal(asked.id, 431, "Integrity Check Failure"), False
    mapped = stun.address_value(source)
    attributes = (
        (stun.MAPPED_ADDRESS, mapped),
        (stun.XOR_MAPPED_ADDRESS, stun.xored(mapped, asked.id)),
        (stun.USERNAME, name),
    )
    return stun.encode(Message(stun.BINDING_OK, asked.id, attributes), own.key), True


def granted(data: bytes, to: sdp.Candidate) -> Endpoint | None:
    """Where the peer saw our check come from, when this is an authentic answer to one; None when it is not.

    The XORed address is believed: gateways change the plain one in the payload.
    """
    try:
        said = stun.decode(data)
        if said.kind != stun.BINDING_OK or not stun.authentic(said, to.key):
            return None
        return stun.address(stun.xored(said.need(stun.XOR_MAPPED_ADDRESS), said.id))
    except WireError:
        return None


def _refusal(id: bytes, code: int, reason: str) -> bytes:
    return stun.encode(Message(stun.BINDING_ERROR, id, ((stun.ERROR_CODE, stun.error_value(code, reason)),)))
