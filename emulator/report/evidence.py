"""The evidence of a pass as compact JSON for the page: both ends of every flow, and what decided. Not the full record.

Digests are cut to 16 of 64 hex digits and receipts are named by number; `run.json` has everything.
"""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.catalog import Catalog
from emulator.judge.observation import Observation
from emulator.judge.record import Judged, PassRecord
from emulator.report.words import meaning, way, whose
from emulator.wire.receipt import Digest, Endpoint, Receipt, Seen

DIGITS = 16  # of a SHA-256
SEEN_SHOWN = 12  # exchanges of one receipt
TEXT_LIMIT = 240  # characters of one value


def evidence(record: PassRecord, catalog: Catalog) -> str:
    """JSON with `flows`, `receipts` (by id) and `meanings` (by verdict). `record` must be redacted."""
    held = {
        "flows": [_flow(item, catalog) for item in record.judged],
        "receipts": {str(receipt.id): _receipt(receipt, record.started) for receipt in record.receipts},
        "meanings": {verdict: meaning(verdict) for verdict in {item.verdict.verdict for item in record.judged}},
    }
    return msgspec.json.encode(held).decode()


def _flow(item: Judged, catalog: Catalog) -> dict[str, Any]:
    flow, verdict = item.flow, item.verdict
    exchange = catalog.exchanges.get(flow.exchange)
    return _full(
        {
            "id": flow.id,
            "verdict": verdict.verdict,
            "certainty": verdict.certainty,
            "rule": verdict.rule,
            "detail": verdict.detail,
            "way": way(verdict.verdict, flow.direction),
            "inward": flow.direction == "inward",
            "device": whose(item),
            "speaks": exchange.title if exchange is not None else flow.exchange,
            "to": f"{flow.transport} {flow.host}:{flow.port}",
            "tls": flow.tls,
            "via": flow.via and f"{flow.via} with{'' if flow.credentials else 'out'} credentials",
            "agent": flow.agent,
            "extra": not flow.decides,
            "emulated": flow.emulated,
            "tag": item.tag and f"{item.protocol} {item.tag}",
            "joined": item.joined_by,
            "near": _near(item.observation),
            "far": list(item.receipts),
        }
    )


def _near(near: Observation) -> dict[str, Any]:
    shown = near.certificate
    return _full(
        {
            "stage": near.stage,
            "ending": near.ending,
            "took": _seconds(near.ended - near.started),
            "detail": near.detail,
            "local": _address(near.local),
            "remote": _address(near.remote),
            "steps": " · ".join(f"{step.name} {_seconds(step.at)}" for step in near.steps),
            "sent": _digest(near.sent),
            "received": _digest(near.received),
            "exchanged": [
                [_short(one.what), _digest(one.request), _digest(one.response)] for one in near.exchanged[:SEEN_SHOWN]
            ],
            "icmp": near.icmp and f"type {near.icmp.type} code {near.icmp.code} from {near.icmp.offender}",
            "certificate": shown
            and f"{shown.subject}, issued by {shown.issuer}, "
            f"{'trusted' if shown.trusted else 'not trusted'}, "
            f"{'names' if shown.matches else 'does not name'} the host, sha256 {shown.sha256[:DIGITS]}…",
            "tls": near.tls_version,
            "random": near.client_random[:DIGITS],
            "proxy": near.proxy_status,
            "http": near.http_status,
            "facts": _facts(near.facts),
            "head": _printable(near.head),
        }
    )


def _receipt(receipt: Receipt, started: float) -> dict[str, Any]:
    tls = receipt.tls
    more = len(receipt.seen) - SEEN_SHOWN
    return _full(
        {
            "what": f"{receipt.transport} {receipt.protocol}".strip(),
            "local": _address(receipt.local),
            "peer": _address(receipt.peer),
            "at": _seconds(receipt.at - started),
            "state": receipt.state,
            "received": _digest(receipt.received),
            "sent": _digest(receipt.sent),
            "tls": tls and f"asked for {tls.sni or 'no name'}, offered {tls.offered}, agreed {tls.agreed or 'nothing'}",
            "random": tls and tls.client_random[:DIGITS],
            "seen": [_seen(one, started) for one in receipt.seen[:SEEN_SHOWN]],
            "more": max(more, 0),
            "facts": _facts(receipt.facts),
            "end": receipt.end,
            "error": receipt.error,
        }
    )


def _seen(seen: Seen, started: float) -> dict[str, Any]:
    facts = dict(seen.facts)
    headers = facts.pop("headers", None) or []
    line = ""
    if seen.protocol == "http" and "method" in facts:
        line = f"{facts.pop('method')} {facts.pop('target', '')} → {facts.pop('status', '')}"
    return _full(
        {
            "tag": f"{seen.protocol} {seen.tag}".strip(),
            "at": _seconds(seen.at - started),
            "line": _short(line),
            "headers": "\n".join(f"{name}: {_short(str(value))}" for name, value in headers),
            "request": _digest(seen.request),
            "response": _digest(seen.response),
            "facts": _facts(facts),
        }
    )


def _full(held: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in held.items() if value}


def _address(endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return ""
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{host}:{endpoint.port}"


def _digest(digest: Digest | None) -> list[Any]:
    return [digest.size, digest.sha256[:DIGITS]] if digest is not None else []


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


def _facts(facts: dict[str, Any]) -> str:
    return _short(" · ".join(f"{name} {_plain(value)}" for name, value in facts.items()), 2 * TEXT_LIMIT)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _short(text: str, limit: int = TEXT_LIMIT) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


def _printable(head: str) -> str:
    """First bytes of an unexpected answer as text, line by line; what does not print becomes a dot."""
    text = bytes.fromhex(head).decode("latin-1")
    return "".join(sign if " " <= sign <= "~" or sign == "\n" else "" if sign == "\r" else "." for sign in text)
