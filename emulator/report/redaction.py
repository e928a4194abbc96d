"""Takes passwords, tickets and cookies out of a record before anybody stores or shows it. Verdicts stay as they are.

What is left of a ticket parameter is the probe's own random tag. Applying it twice changes nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from emulator.judge.observation import Exchanged, Observation
from emulator.judge.record import Expectation, Judged, PassRecord, RunRecord
from emulator.judge.verdicts import Verdict
from emulator.wire.receipt import Receipt, Seen

HIDDEN = "(hidden)"

SECRET_HEADERS = frozenset(
    (
        "authorization",
        "proxy-authorization",
        "authentication-info",
        "proxy-authentication-info",
        "cookie",
        "set-cookie",
        "x-passport-token",
    )
)
TAG_LEAD = 4  # characters that a ticket may carry before the tag (`ML`)
TAG_LEAST = 8  # digits of a tag cut short that still count as the tag

_SCHEME = re.compile(r"(Basic|Digest|NTLM|Negotiate|Bearer|Passport1\.4|WLID1\.0)\b", re.IGNORECASE)
_NAMES = re.compile(
    "(?i)^(?:t|p|ticket|token|pass(?:word|wd)?|pwd|secret|auth(?:orization|[_-]?token)?|.*[_-](?:ticket|token|password|secret))$"
)
_SECRET_FACTS = re.compile("(?i)^(?:password|passwd|secret|ticket|tickets|token|cookie|credentials)$")
_PARAMETER = re.compile(r"(?:^|(?<=[?&;'\"]))([A-Za-z_-]+)=([^&;?\s\"'<>]*)")
_USERINFO = re.compile(r"(?<=://)[^/\s@?#]+@")
_FROM_PP = re.compile(r"(from-PP=)(?:'[^']*'?|\"[^\"]*\"?)", re.IGNORECASE)
_HEADER_LINE = re.compile(rb"(?im)^([A-Za-z-]+):[ \t]*([^\r\n]*)")
_CKI = re.compile(rb"(?<=\bCKI )\S+")
_ENVELOPE = re.compile(rb"<\?xml|<[A-Za-z-]*:?Envelope", re.IGNORECASE)
_STUN_HEADER = 20  # bytes
_SHARED_SECRET = (b"\x01\x02", b"\x01\x12")  # RFC 3489 11.1: the answers that hold, or come before, a password


def redacted(record: RunRecord) -> RunRecord:
    """The same run without secrets."""
    return msgspec.structs.replace(record, passes=tuple(_pass(one) for one in record.passes))


def header(name: str, value: str) -> str:
    """A header's value as it may be shown: of credentials only the scheme."""
    if name.lower() not in SECRET_HEADERS:
        return _text(value, "")
    scheme = _SCHEME.match(value.strip())
    return f"{scheme.group(1)} {HIDDEN}" if scheme else HIDDEN


def target(text: str, tag: str) -> str:
    """A request target, or any text that may quote one: ticket parameters go, unless they are the probe's tag."""
    return _text(text, tag)


def _pass(record: PassRecord) -> PassRecord:
    tags = {item.flow.id: item.tag for item in record.judged}
    return msgspec.structs.replace(
        record,
        proxy=_text(record.proxy, ""),
        problem=_text(record.problem, ""),
        notes=tuple(_text(note, "") for note in record.notes),
        judged=tuple(_judged(item) for item in record.judged),
        receipts=tuple(_receipt(receipt) for receipt in record.receipts),
        expectations=tuple(_expectation(item, tags) for item in record.expectations),
    )


def _expectation(item: Expectation, tags: Mapping[str, str]) -> Expectation:
    return msgspec.structs.replace(item, wanted=_text(item.wanted, ""), got=_text(item.got, ""))


def _judged(item: Judged) -> Judged:
    near: Observation = msgspec.structs.replace(
        item.observation,
        exchanged=tuple(_exchanged(one, item.tag) for one in item.observation.exchanged),
        detail=_text(item.observation.detail, item.tag),
        facts=_facts(item.observation.facts, item.tag),
        head=_head(item.observation),
    )
    verdict: Verdict = msgspec.structs.replace(item.verdict, detail=_text(item.verdict.detail, item.tag))
    flow = msgspec.structs.replace(item.flow, via=_text(item.flow.via, ""))
    return msgspec.structs.replace(item, flow=flow, observation=near, verdict=verdict)


def _exchanged(one: Exchanged, tag: str) -> Exchanged:
    return msgspec.structs.replace(one, what=_text(one.what, tag))


def _receipt(receipt: Receipt) -> Receipt:
    return msgspec.structs.replace(
        receipt,
        seen=tuple(_seen(one) for one in receipt.seen),
        facts=_facts(receipt.facts, ""),
        error=_text(receipt.error, ""),
    )


def _seen(seen: Seen) -> Seen:
    return msgspec.structs.replace(seen, facts=_facts(seen.facts, seen.tag))


def _facts(facts: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {name: _fact(name, value, tag) for name, value in facts.items()}


def _fact(name: str, value: Any, tag: str) -> Any:
    if isinstance(value, str):
        if name.lower() in SECRET_HEADERS:
            return header(name, value)
        return HIDDEN if _SECRET_FACTS.match(name) and not _own(value, tag) else _text(value, tag)
    if isinstance(value, Mapping):
        return {key: _fact(str(key), inner, tag) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if name.lower().endswith("headers"):
            return [[pair[0], header(pair[0], str(pair[1]))] if _is_pair(pair) else pair for pair in value]
        return [_fact(name, inner, tag) for inner in value]
    return value


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)


def _text(text: str, tag: str) -> str:
    text = _USERINFO.sub("", text)
    text = _FROM_PP.sub(rf"\g<1>{HIDDEN}", text)
    return _PARAMETER.sub(lambda found: _parameter(found, tag), text)


def _parameter(found: re.Match[str], tag: str) -> str:
    name, value = found.group(1), found.group(2)
    if not value or not _NAMES.match(name) or _own(value, tag):
        return found.group()
    return f"{name}={HIDDEN}"


def _own(value: str, tag: str) -> bool:
    """True when the value is the tag, whole or cut short, behind at most TAG_LEAD characters."""
    if not tag:
        return False
    lowered, wanted = value.lower(), tag.lower()
    return any(
        len(lowered) - lead >= 8 and wanted.startswith(lowered[lead:])
        for lead in range(min(TAG_LEAD, len(lowered)) + 1)
    )


def _head(near: Observation) -> str:
    """First bytes of an answer: kept only where they were not as they should be, and then without secrets."""
    if near.ending == "completed" or not near.head:
        return ""
    head = bytes.fromhex(near.head)
    if head[:2] in _SHARED_SECRET:
        return head[:_STUN_HEADER].hex()
    envelope = _ENVELOPE.search(head)
    if envelope is not None:
        head = head[: envelope.start()]
    head = _HEADER_LINE.sub(_header_line, head)
    return _CKI.sub(HIDDEN.encode(), head).hex()


def _header_line(found: re.Match[bytes]) -> bytes:
    value = found.group(2).decode("latin-1")
    shown = header(found.group(1).decode("ascii"), value)
    return found.group() if shown == value else found.group(1) + b": " + shown.encode("latin-1")
