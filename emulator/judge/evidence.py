"""Joins the two ends: which receipts belong to which flow, by tag, by ClientHello, by addresses. Not a judgement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

import msgspec

from emulator.judge.flow import Flow
from emulator.judge.observation import Observation
from emulator.wire.receipt import Receipt, Seen

ControlState = Literal["up", "absent", "lost"]


class Evidence(msgspec.Struct, frozen=True):
    """All that is known of one flow: both ends, how they were joined, and whether the far end could be asked.

    `watched`: the far end can see half-open connections. `siblings`: UDP receipts that share the flow's socket.
    """

    flow: Flow
    near: Observation
    receipts: tuple[Receipt, ...] = ()
    joined_by: Literal["", "tag", "hello", "address"] = ""
    seen: tuple[Seen, ...] = ()
    control: ControlState = "up"
    watched: bool = True


class Index:
    """Receipts of a run, findable by what flows know of themselves."""

    def __init__(self, receipts: Iterable[Receipt]) -> None:
        self._latest: dict[int, Receipt] = {}
        for receipt in receipts:
            self._latest[receipt.id] = receipt
        self._by_tag: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
        self._by_hello: dict[str, list[Receipt]] = defaultdict(list)
        self._by_address: dict[tuple[str, str, int, int], list[Receipt]] = defaultdict(list)
        self._by_host: dict[tuple[str, int], list[Receipt]] = defaultdict(list)  # UDP: peer's address, own port
        self._by_ports: dict[tuple[int, int], list[Receipt]] = defaultdict(list)  # UDP: peer's port, own port
        for receipt in self._latest.values():
            if receipt.transport == "udp":
                self._by_ports[receipt.peer.port, receipt.local.port].append(receipt)
                self._by_host[receipt.peer.address, receipt.local.port].append(receipt)
            for tag in {(seen.protocol, seen.tag) for seen in receipt.seen if seen.tag}:
                self._by_tag[tag].append(receipt)
            if receipt.tls is not None and receipt.tls.client_random:
                self._by_hello[receipt.tls.client_random].append(receipt)
            key = (receipt.transport, receipt.peer.address, receipt.peer.port, receipt.local.port)
            self._by_address[key].append(receipt)

    def evidence(
        self, flow: Flow, near: Observation, protocol: str, tag: str, control: ControlState, *, watched: bool
    ) -> Evidence:
        """Everything known of one flow. `protocol` and `tag` are what was announced for it ("" tag: none)."""
        receipts, how = self._find(flow, near, protocol, tag)
        # one UDP receipt is one socket's, so all in it belongs here; a proxy's TCP connection may carry many flows
        seen = tuple(
            item
            for receipt in receipts
            for item in receipt.seen
            if flow.transport == "udp" or item.tag == tag or not tag
        )
        return Evidence(flow, near, tuple(receipts), how, seen, control, watched)

    def _find(
        self, flow: Flow, near: Observation, protocol: str, tag: str
    ) -> tuple[list[Receipt], Literal["", "tag", "hello", "address"]]:
        found = self._by_tag.get((protocol, tag), []) if tag else []
        if found:
            return self._own_connection(found, near), "tag"
        if near.client_random:
            found = self._by_hello.get(near.client_random, [])
            if found:
                return found, "hello"
        if near.local is not None and not flow.via:
            found = self._by_address.get((flow.transport, near.local.address, near.local.port, flow.port), [])
            if not found and not tag and flow.transport == "udp":
                # sole use of a port: a NAT that takes another port for every destination hides the sibling's
                found = self._by_host.get((near.local.address, flow.port), [])
                if not found:  # one that takes another address too (a pool) leaves the sibling's port, at best
                    alike = self._by_ports.get((near.local.port, flow.port), [])
                    found = alike if len(alike) == 1 else []
            if found:
                return found, "address"
        return [], ""

    @staticmethod
    def _own_connection(found: list[Receipt], near: Observation) -> list[Receipt]:
        """Without address translation the connection itself is known: prefer it over others with the same tag."""
        if near.local is None:
            return found
        exact = [receipt for receipt in found if receipt.peer == near.local]
        return exact or found
