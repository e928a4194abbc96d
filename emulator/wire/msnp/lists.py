"""The list payloads of ADL, RML and FQY: `<ml>` documents, read and written. Source: protocols/msnp.md 2.7, 2.8.

Not the lists themselves.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import msgspec
from msgspec.structs import replace

from emulator.wire import markup
from emulator.wire.errors import WireError
from emulator.wire.msnp.lines import number

FORWARD, ALLOW, BLOCK, REVERSE, PENDING = 1, 2, 4, 8, 16
TELEPHONE = 4  # network of `<t>`, which carries no `t` of its own
CLIENT_BITS = FORWARD | ALLOW | BLOCK
UPLOAD_LIMIT = 7500  # bytes of one ADL, RML or FQY payload; clients split at it (msnp.md 1.7)
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


class Offence(msgspec.Struct, frozen=True):
    """A contact of a payload that is refused, with the number that says why."""

    item: Item
    number: int
    reason: str


class Upload(msgspec.Struct, frozen=True):
    """An `<ml>` document as read: who is fine, who is not, and whether it is the initial upload."""

    items: tuple[Item, ...]
    offences: tuple[Offence, ...]
    initial: bool


def read(payload: bytes, *, initial_allowed: bool = True) -> tuple[tuple[Item, ...], bool]:
    """Contacts of an `<ml>` document, and whether it is the initial upload (`l="1"` on `<ml>`).

    Raises ListError: 240 empty, 241 broken or without names, 204 an impossible network, 241 bits of the server,
    219 Allow and Block at once.
    """
    upload = read_upload(payload, initial_allowed=initial_allowed)
    if upload.offences:
        raise ListError(upload.offences[0].number, upload.offences[0].reason)
    return upload.items, upload.initial


def read_upload(payload: bytes, *, initial_allowed: bool = True) -> Upload:
    """The same, with contacts that are refused set apart. Raises ListError for the document: 240 empty, 241 broken,
    without names or over UPLOAD_LIMIT bytes."""
    if len(payload) > UPLOAD_LIMIT:
        raise ListError(241, f"a list of {len(payload)} bytes, limit {UPLOAD_LIMIT}")
    try:
        root = markup.parse(payload)
    except WireError as error:
        raise ListError(241, f"not a list: {error}") from error
    if root.tag != "ml":
        raise ListError(241, f"the root is {root.tag}, not ml")
    initial = initial_allowed and root.get("l") == "1"
    found = tuple(_judged(item) for child in root for item in _children(child))
    if not found and not initial:
        raise ListError(240, "an empty list")
    offences = tuple(one for one in found if isinstance(one, Offence))
    return Upload(tuple(one for one in found if isinstance(one, Item)), offences, initial)


def write(items: tuple[Item, ...]) -> bytes:
    """An `<ml>` document, one `<d>` per domain in order of appearance; no white space."""
    domains: dict[str, list[str]] = {}
    for item in items:
        local, _, domain = item.address.partition("@")
        attributes = f"n={quoteattr(local)}"
        attributes += f' t="{item.network}"' if item.network and domain else ""
        attributes += f' l="{item.bits}"' if item.bits else ""
        attributes += f" f={quoteattr(item.name)}" if item.name else ""
        domains.setdefault(domain, []).append(f"<c {attributes}/>")
    phones = domains.pop("", [])  # telephone contacts have no domain
    body = "".join(f"<d n={quoteattr(domain)}>{''.join(people)}</d>" for domain, people in domains.items())
    body += f"<t>{''.join(phones)}</t>" if phones else ""
    return f"<ml>{body}</ml>".encode()


def _children(child: Element) -> list[Item]:
    if child.tag == "t":
        return [replace(_item(contact, ""), network=TELEPHONE) for contact in child]
    domain = child.get("n", "")
    if child.tag != "d" or not domain:
        raise ListError(241, "a domain without a name")
    if not len(child):
        raise ListError(240, "a domain without contacts")
    return [_item(contact, f"@{domain}") for contact in child]


def _item(contact: Element, suffix: str) -> Item:
    local, bits, network = contact.get("n", ""), number(contact.get("l", "0")), number(contact.get("t", "0"))
    if contact.tag != "c" or not local or bits is None or network is None:
        raise ListError(241, "a contact without a name, or with bits that are no number")
    return Item(local + suffix, bits, network, contact.get("f", ""))


def _judged(item: Item) -> Item | Offence:
    if item.network and item.network not in NETWORKS:
        return Offence(item, 204, f"network {item.network} does not exist")
    if item.bits & ~CLIENT_BITS:
        return Offence(item, 241, f"list bits {item.bits} belong to the server")
    if item.bits & ALLOW and item.bits & BLOCK:
        return Offence(item, 219, "Allow and Block at once")
    return item
