"""Questions that the classifier asks of the far end's receipts. Each is one fact, read off; no verdict."""

from __future__ import annotations

import msgspec

from emulator.judge.evidence import Evidence
from emulator.wire.receipt import Digest, Receipt

PROXY_HEADERS = ("via", "x-forwarded-for", "forwarded", "x-bluecoat-via", "x-cache")


class Compared(msgspec.Struct, frozen=True):
    """Digests of both ends side by side. `known`: there was something to compare."""

    known: bool
    same_request: bool
    same_response: bool
    words: str = ""

    @property
    def same(self) -> bool:
        return self.known and self.same_request and self.same_response


def half_open(evidence: Evidence) -> bool:
    """A SYN arrived whose handshake did not finish."""
    return any(receipt.state == "half-open" for receipt in evidence.receipts)


def accepted(evidence: Evidence) -> bool:
    """The far end accepted the connection."""
    return any(receipt.transport == "tcp" and receipt.state != "half-open" for receipt in evidence.receipts)


def arrived(evidence: Evidence) -> bool:
    """Something of the payload arrived: the tag, the ClientHello, or bytes on this very connection."""
    if evidence.joined_by in ("tag", "hello"):
        return True
    return any(
        receipt.received is not None and (receipt.received.size > 0 or _empty_datagram(receipt))
        for receipt in evidence.receipts
        if receipt.state != "half-open"
    )


def _empty_datagram(receipt: Receipt) -> bool:
    return receipt.transport == "udp" and bool(receipt.seen)


def answered(evidence: Evidence) -> bool:
    """The far end sent something back."""
    return any(receipt.sent is not None and receipt.sent.size > 0 for receipt in evidence.receipts)


def far_closed(evidence: Evidence) -> bool:
    """The far end itself ended the connection."""
    return any(receipt.end == "closed" for receipt in evidence.receipts)


def far_error(evidence: Evidence) -> str:
    """Why the far end gave up, in its own words, or ""."""
    return next((receipt.error for receipt in evidence.receipts if receipt.error), "")


def lost_on_the_way_out(evidence: Evidence) -> bool:
    """The connection worked, and then something that this end sent did not arrive: the far end is short of it."""
    if evidence.near.exchanged:
        own = [item for receipt in evidence.receipts for item in receipt.seen if item.request is not None]
        return len(own) <= len(evidence.near.exchanged)
    sent = evidence.near.sent
    if sent is None:
        return False
    received = [receipt.received for receipt in evidence.receipts if receipt.received is not None]
    return bool(received) and all(one.size < sent.size for one in received)


def right_port(evidence: Evidence) -> bool:
    """It arrived on the port it was sent to."""
    return any(receipt.local.port == evidence.flow.port for receipt in evidence.receipts)


def proxy_headers(evidence: Evidence) -> str:
    """Headers that only a proxy adds, as `Name: value`, or ""."""
    for seen in evidence.seen:
        for name, value in seen.facts.get("headers", ()):
            if name.lower() in PROXY_HEADERS:
                return f"{name}: {value}"
    return ""


def digests(evidence: Evidence) -> Compared:
    """Compare what was digested at both ends: exchange by exchange, or the whole stream."""
    pairs = evidence.near.exchanged
    if pairs:
        return _by_exchange(evidence)
    near = evidence.near
    if near.sent is None or near.received is None or evidence.flow.transport == "udp":
        return Compared(bool(evidence.seen), True, True)
    streams = [
        receipt for receipt in evidence.receipts if receipt.received is not None and receipt.state != "half-open"
    ]
    if not streams:
        return Compared(False, False, False)
    best = max(streams, key=lambda receipt: (receipt.received == near.sent) + (receipt.sent == near.received))
    same_request, same_response = best.received == near.sent, best.sent == near.received
    return Compared(True, same_request, same_response, _words(near.sent, best.received, near.received, best.sent))


def _by_exchange(evidence: Evidence) -> Compared:
    """Every question must be known to the far end with the same answer; questions without a tag are not joined.

    The near end's fact `anonymous` counts the first questions that carry none (a gateway session before its sign-in).
    """
    seen = [(item.request, item.response) for item in evidence.seen if item.request is not None]
    if not seen:
        return Compared(False, False, False)
    for pair in evidence.near.exchanged[evidence.near.facts.get("anonymous", 0) :][-len(seen) :]:
        if (pair.request, pair.response) in seen:
            continue
        request_known = any(request == pair.request for request, _ in seen)
        words = f"{pair.what}: {'the answer' if request_known else 'the question'} was changed on the way"
        return Compared(True, request_known, False, words)
    return Compared(True, True, True)


def _words(out: Digest, got: Digest | None, back: Digest, sent: Digest | None) -> str:
    if got is not None and out != got:
        return f"{out.size} bytes were sent, {got.size} arrived, digests differ"
    if sent is not None and back != sent:
        return f"{sent.size} bytes were answered, {back.size} came back, digests differ"
    return ""
