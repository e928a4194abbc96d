"""Digest authentication of SIP requests: challenge, answer, proof, for both ends. No accounts and no store of nonces.

MD5 with `qop=auth`, and without qop for clients of RFC 2069. Source: RFC 2617 3.2, RFC 3261 22.4; media.md 7.
"""

from __future__ import annotations

import hmac
import re
from hashlib import md5

import msgspec

from emulator.wire.errors import WireError

REALM = "live.com"
SCHEME = "digest"
FIELD_LIMIT = 32  # fields of one header
_FIELD = re.compile(r'\s*([A-Za-z-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_QUOTED = frozenset(("username", "realm", "nonce", "uri", "response", "cnonce", "opaque"))


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says in Authorization. `count` is `nc` as a number, 0 where the client knows no qop."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    cnonce: str = ""
    count: int = 0


def challenge(nonce: str, *, stale: bool = False) -> str:
    """Value of WWW-Authenticate. `stale`: the proof was right, but its nonce is none of ours any more."""
    more = ", stale=true" if stale else ""
    return f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5{more}'


def fields(value: str) -> dict[str, str]:
    """Fields of a challenge or of a proof, names in lower case; {} for another scheme. WireError for a broken one."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != SCHEME:
        return {}
    found: dict[str, str] = {}
    at = 0
    while rest[at:].strip():
        one = _FIELD.match(rest, at)
        if one is None or len(found) == FIELD_LIMIT:
            raise WireError(f"a Digest header that breaks off at {rest[at : at + 40]!r}")
        found[one[1].lower()] = re.sub(r"\\(.)", r"\1", one[2]) if one[3] is None else one[3]
        at = one.end()
    return found


def read(value: str) -> Proof | None:
    """The proof in an Authorization header; None for another scheme. WireError for one that cannot be checked."""
    said = fields(value)
    if not said:
        return None
    algorithm, qop, count = said.get("algorithm", "MD5"), said.get("qop", ""), said.get("nc", "")
    if algorithm.upper() != "MD5" or qop.lower() not in ("", "auth"):
        raise WireError(f"Digest with algorithm {algorithm[:20]!r} and qop {qop[:20]!r}")
    if qop and not (re.fullmatch(r"[0-9a-fA-F]{8}", count) and int(count, 16) and said.get("cnonce")):
        raise WireError("Digest with qop, but without nc and cnonce")
    try:
        needed = {name: said[name] for name in ("username", "realm", "nonce", "uri", "response")}
    except KeyError as missing:
        raise WireError(f"Digest without {missing.args[0]}") from missing
    return Proof(**needed, cnonce=said.get("cnonce", ""), count=int(count, 16) if qop else 0)


def right(proof: Proof, method: str, password: str) -> bool:
    """True when whoever made the proof knew the password."""
    expected = _response(proof, method, password)
    return proof.realm == REALM and hmac.compare_digest(expected.encode(), proof.response.lower().encode())


def authorization(challenged: str, username: str, password: str, method: str, uri: str, cnonce: str) -> str:
    """The Authorization that answers a challenge, the first with its nonce. WireError when it is none that we know."""
    said = fields(challenged)
    if not said.get("nonce") or said.get("algorithm", "MD5").upper() != "MD5":
        raise WireError(f"not a challenge: {challenged[:60]!r}")
    with_qop = "auth" in [one.strip().lower() for one in said.get("qop", "").split(",")]
    proof = Proof(
        username=username,
        realm=said.get("realm", ""),
        nonce=said["nonce"],
        uri=uri,
        response="",
        cnonce=cnonce if with_qop else "",
        count=1 if with_qop else 0,
    )
    rows = [(name, getattr(proof, name)) for name in ("username", "realm", "nonce", "uri")]
    rows.append(("response", _response(proof, method, password)))
    rows.append(("algorithm", "MD5"))
    if with_qop:
        rows += [("qop", "auth"), ("nc", f"{proof.count:08x}"), ("cnonce", proof.cnonce)]
    if "opaque" in said:
        rows.append(("opaque", said["opaque"]))
    return "Digest " + ", ".join(f"{name}={_word(name, value)}" for name, value in rows)


def _response(proof: Proof, method: str, password: str) -> str:
    whole = _md5(f"{proof.username}:{proof.realm}:{password}")
    asked = _md5(f"{method}:{proof.uri}")
    if not proof.count:
        return _md5(f"{whole}:{proof.nonce}:{asked}")
    return _md5(f"{whole}:{proof.nonce}:{proof.count:08x}:{proof.cnonce}:auth:{asked}")


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()


def _word(name: str, value: str) -> str:
    if name not in _QUOTED:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
