"""One firewall that does everything at once, each to a port of its own: every verdict names what it did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emulator.judge.record import Judged, PassRecord

RULES = """
table inet lab {
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "outside" tcp sport 1503 drop
    iifname "outside" udp sport 7001 drop
    iifname "inside" udp dport 9 drop
    iifname "inside" tcp dport 5061 tcp flags & psh == psh drop
    iifname "inside" tcp dport 3389 tcp flags & psh == psh reject with tcp reset
    iifname "outside" tcp sport 6891 tcp flags & psh == psh drop
    iifname "inside" tcp dport 6892 reject with tcp reset
    iifname "inside" tcp dport 6893 reject with icmpx host-unreachable
    iifname "inside" tcp dport 6894 drop
    iifname "inside" tcp dport 1863 @ih,0,32 0x56455220 drop
  }
}
"""
GOLDEN = {
    "whiteboard-tcp-1503/t120": ("blocked.drop.return", "confirmed"),
    "network-detection-udp-7001/echo-udp": ("blocked.drop.return", "confirmed"),
    "network-detection-udp-9/discard": ("blocked.drop.outbound", "confirmed"),
    "live-call-tcp-5061/sip-call": ("tls.blocked", "confirmed"),
    "remote-assistance-tcp-3389/rdp": ("blocked.rst", "confirmed"),
    "file-transfer-legacy-tcp-6891-6900/msnftp@6891": ("blocked.drop.return", "confirmed"),
    "file-transfer-legacy-tcp-6891-6900/msnftp@6892": ("blocked.rst", "confirmed"),
    "file-transfer-legacy-tcp-6891-6900/msnftp@6893": ("blocked.icmp", "confirmed"),
    "file-transfer-legacy-tcp-6891-6900/msnftp@6894": ("blocked.drop.outbound", "confirmed"),
    "video-tcp-5000-65535/webcam@5061": ("blocked.drop.data", "confirmed"),
    "sign-in-tcp-1863/msnp": ("dpi", "confirmed"),
    "file-transfer-tcp-1863/switchboard-p2p": ("dpi", "confirmed"),
    "games-tcp-1025-65535/p2p-direct@1863": ("pass", "confirmed"),
    "sign-in-tcp-443/rst": ("pass", "confirmed"),
    "file-transfer-legacy-tcp-6891-6900/msnftp@6900": ("pass", "confirmed"),
}


@pytest.fixture(scope="module")
def judged(through: Callable[[str], PassRecord]) -> dict[str, Judged]:
    return {item.flow.id: item for item in through(RULES).judged}


@pytest.mark.parametrize("flow", GOLDEN)
def test_the_verdict_says_what_the_firewall_did(judged: dict[str, Judged], flow: str) -> None:
    verdict = judged[flow].verdict
    assert (verdict.verdict, verdict.certainty) == GOLDEN[flow], verdict


def test_the_device_that_rejects_is_named(judged: dict[str, Judged]) -> None:
    assert judged["file-transfer-legacy-tcp-6891-6900/msnftp@6893"].verdict.device == "192.0.2.1"
