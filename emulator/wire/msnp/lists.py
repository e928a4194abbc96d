"""The list payloads of ADL, RML and FQY: `<ml>` documents, read and written. Source: protocols/msnp.md 2.7, 2.8.

Not the lists themselves.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import msgspec

from emulator.wire import markup
from emulator.wire.errors import WireError

FORWARD, ALLOW, BLOCK, REVERSE, PENDING = 1, 2, 4, 8, 16
CLIENT_BITS = FORWARD | ALLOW | BLOCK
NETWORKS = frozenset({1, 2, 4, 8, 9, 10, 13, 14, 16, 32})


class ListError(Exception):
    """A payload that is refused; `number` is the protocol's error number."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class Item(msgspec.Struct, frozen=True):
    """One contact of a payload. `bits` 0 and `network` 0 mean: not given."""

    address: str
    bits: int
    network: int
    name: str = ""


def read(payload: bytes, *, initial_allowed: bool = True) -> tuple[tuple[Item, ...], bool]:
    """Contacts of an `<ml>` document, and whether it is the initial upload (`l="1"` on `<ml>`).

    Raises ListError: 240 empty, 241 broken or without names, 204 an impossible network, 241 bits of the server.
    """
    try:
        root = markup.parse(payload)
    except WireError as error:
        raise ListError(241, f"not a list: {error}") from error
    if root.tag != "ml":
        raise ListError(241, f"the root is {root.tag}, not ml")
    initial = initial_allowed and root.get("l") == "1"
    items = tuple(item for child in root for item in _children(child))
    if not items and not initial:
        raise ListError(240, "an empty list")
    return items, initial


def write(items: tuple[Item, ...]) -> bytes:
    """An `<ml>` document, one `<d>` per domain in order of appearance; no white space."""
    domains: dict[str, list[str]] = {}
    for item in items:
        local, _, domain = item.address.partition("@")
        attributes = f"n={quoteattr(local)}"
        attributes += f' t="{item.network}"' if item.network else ""
        attributes += f' l="{item.bits}"' if item.bits else ""
        attributes += f" f={quoteattr(item.name)}" if item.name else ""
        domains.setdefault(domain, []).append(f"<c {attributes}/>")
    body = "".join(f"<d n={quoteattr(domain)}>{''.join(people)}</d>" for domain, people in domains.items())
    return f"<ml>{body}</ml>".encode()


def _children(child: Element) -> list[Item]:
    if child.tag == "t":
        return [_item(contact, "") for contact in child]
    domain = child.get("n", "")
    if child.tag != "d" or not domain:
        raise ListError(241, "a domain without a name")
    if not len(child):
        raise ListError(240, "a domain without contacts")
    return [_item(contact, f"@{domain}") for contact in child]


def _item(contact: Element, suffix: str) -> Item:
    local, bits, network = contact.get("n", ""), contact.get("l", "0"), contact.get("t", "0")
    if contact.tag != "c" or not local or not bits.isdigit() or not network.isdigit():
        raise ListError(241, "a contact without a name, or with bits that are no number")
    if int(network) and int(network) not in NETWORKS:
        raise ListError(204, f"network {network} does not exist")
    if int(bits) & ~CLIENT_BITS:
        raise ListError(241, f"list bits {bits} belong to the server")
    return Item(local + suffix, int(bits), int(network), contact.get("f", ""))
