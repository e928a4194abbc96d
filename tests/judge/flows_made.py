"""Builders for the judge's tests: a flow, what its near end saw, what the far end wrote down. Not a test."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from emulator.judge.evidence import Evidence, Index
from emulator.judge.flow import Flow
from emulator.judge.observation import Exchanged, Observation
from emulator.wire.receipt import Digest, Endpoint, Receipt, Seen

HERE = Endpoint("192.0.2.10", 40000)
THERE = Endpoint("203.0.113.60", 1863)
TAG = "ab" * 16
QUESTION, ANSWER = b"question", b"answer, longer"


def digest(data: bytes) -> Digest:
    return Digest(len(data), sha256(data).hexdigest())


def flow(**changes: Any) -> Flow:
    given: dict[str, Any] = {
        "id": "msnp",
        "uid": "00" * 16,
        "row": "msnp",
        "row_kind": "endpoint",
        "exchange": "msnp",
        "transport": "tcp",
        "host": "messenger.hotmail.com",
        "port": 1863,
    }
    return Flow(**(given | changes))


def near(stage: str = "done", ending: str = "completed", **changes: Any) -> Observation:
    given: dict[str, Any] = {
        "flow": "msnp",
        "stage": stage,
        "ending": ending,
        "started": 0.0,
        "ended": 1.0,
        "local": HERE,
        "remote": THERE,
    }
    if stage in ("exchange", "done"):
        given |= {"sent": digest(QUESTION), "received": digest(ANSWER if ending == "completed" else b"")}
    return Observation(**(given | changes))


def receipt(**changes: Any) -> Receipt:
    """By default: the far end got the question with its tag, and answered."""
    given: dict[str, Any] = {
        "id": 1,
        "serial": 1,
        "transport": "tcp",
        "local": THERE,
        "peer": HERE,
        "at": 0.5,
        "state": "ended",
        "protocol": "msnp",
        "received": digest(QUESTION),
        "sent": digest(ANSWER),
        "seen": (Seen("msnp", TAG, 0.5),),
        "end": "fin",
    }
    return Receipt(**(given | changes))


def accepted(**changes: Any) -> Receipt:
    """The connection was accepted, and no byte came."""
    given: dict[str, Any] = {"received": digest(b""), "sent": digest(b""), "seen": (), "protocol": "", "state": "open"}
    return receipt(**(given | {"end": ""} | changes))


def half_open(**changes: Any) -> Receipt:
    """A SYN whose handshake never finished."""
    return accepted(**({"state": "half-open"} | changes))


def evidence(
    observation: Observation,
    *receipts: Receipt,
    of: Flow | None = None,
    protocol: str = "msnp",
    tag: str = TAG,
    control: str = "up",
    watched: bool = True,
) -> Evidence:
    """As the runner makes it: receipts are joined by the index."""
    return Index(receipts).evidence(of or flow(), observation, protocol, tag, control, watched=watched)  # type: ignore[arg-type]


def udp(**changes: Any) -> Flow:
    return flow(**({"transport": "udp", "exchange": "echo-udp", "port": 7001} | changes))


def udp_receipt(**changes: Any) -> Receipt:
    given: dict[str, Any] = {
        "transport": "udp",
        "local": Endpoint("203.0.113.60", 7001),
        "state": "open",
        "protocol": "echo",
        "seen": (Seen("echo", TAG, 0.5, {}, digest(QUESTION), digest(ANSWER)),),
        "end": "",
    }
    return receipt(**(given | changes))


def pair(request: bytes = QUESTION, response: bytes = ANSWER) -> Exchanged:
    return Exchanged(digest(request), digest(response), "GET /")
