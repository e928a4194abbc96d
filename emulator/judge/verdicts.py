"""The verdict strings: stable, in order of precedence, each with what it means in plain words."""

from __future__ import annotations

from typing import Literal

import msgspec

CLASSIFIER_VERSION = 5

Certainty = Literal["confirmed", "likely", "open"]

MEANING: dict[str, str] = {
    "error": "our own fault: the measurement failed",
    "not-tested": "not tested",
    "dns.nxdomain": "the name does not exist for this resolver",
    "dns.refused": "the resolver refuses the name",
    "dns.timeout": "the resolver does not answer",
    "dns.redirected": "the resolver answers with another address",
    "proxy.intercepted": "a transparent proxy answered in place of the far end",
    "proxy.auth-required": "the proxy demands credentials (407)",
    "proxy.denied": "the proxy forbids it (403)",
    "proxy.connect-denied": "the proxy refuses a tunnel to this port or host",
    "proxy.error": "the proxy failed",
    "blocked.drop.outbound": "dropped on the way out: silence, and the far end never saw it",
    "blocked.drop.return": "dropped on the way back: the far end saw it and answered",
    "blocked.drop.data": "the connection opens, but the payload never arrives",
    "blocked.rst": "reset by a device: a RST that the far end did not send",
    "blocked.icmp": "rejected by a device with an ICMP error",
    "dpi": "this payload dies, random payload of the same size lives",
    "tls.intercepted": "TLS is opened by somebody else: another certificate",
    "tls.blocked": "the TLS hello or name is stopped",
    "tls.downgraded": "only a lower TLS version passes",
    "wrong-server": "somebody else answered",
    "blockpage": "a block page came instead of the answer",
    "modified": "the bytes were changed on the way",
    "state-timeout": "an idle flow was killed",
    "throttled": "slower than the control flow",
    "lossy": "datagrams were lost",
    "pass": "passes: both ends saw the same bytes",
    "unknown": "the evidence does not decide",
}
VERDICTS: tuple[str, ...] = tuple(MEANING)


class Verdict(msgspec.Struct, frozen=True):
    """The class of what happened to one flow. `device` is an address when the evidence names one."""

    flow: str
    verdict: str
    certainty: Certainty
    detail: str = ""
    device: str = ""
    rule: str = ""  # name of the classifier row that decided

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"

    @property
    def decided(self) -> bool:
        return self.verdict not in ("unknown", "error", "not-tested")
