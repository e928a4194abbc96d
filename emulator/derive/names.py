"""Names that follow from the catalog: what the lab root may sign, what a certificate must say, what is covered.

Pure: no key is made here and nothing is resolved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from emulator.catalog.model import Catalog


def below(name: str, parent: str) -> bool:
    """True when `name` is `parent` or lies below it, at any depth; case and a final dot do not matter."""
    name, parent = fold(name), fold(parent)
    return name == parent or name.endswith("." + parent)


def fold(name: str) -> str:
    """A domain name as it is compared: lower case, without the final dot (RFC 4343)."""
    return name.rstrip(".").lower()


def known_names(catalog: Catalog) -> tuple[str, ...]:
    """Every host name and every wildcard parent of the catalog, lower case, once each, in catalog order."""
    return tuple(dict.fromkeys((*catalog.host_names, *catalog.wildcards)))


def permitted_domains(catalog: Catalog) -> tuple[str, ...]:
    """DNS names for the root's name constraint: the fewest that cover all known names, sorted.

    A DNS constraint permits the name and everything below it (RFC 5280, 4.2.1.10), so a name below another is left
    out: the list says no more and no less than the catalog does.
    """
    names = known_names(catalog)
    return tuple(sorted(name for name in names if not any(below(name, other) for other in names if other != name)))


def certificate_names(catalog: Catalog) -> tuple[str, ...]:
    """Names for the certificate of clients that send no SNI: all hosts, and `*.` for every wildcard."""
    return tuple(dict.fromkeys((*catalog.host_names, *(f"*.{parent}" for parent in catalog.wildcards))))


def covered(name: str, domains: Iterable[str]) -> bool:
    """True when one of `domains` is `name` or a parent of it."""
    return any(below(name, domain) for domain in domains)


def is_host_name(name: str) -> bool:
    """True for a name that can stand in a certificate: 1 to 63 letters, digits, `-`, `_` per label, 253 in all."""
    labels = fold(name).split(".")
    return len(name) <= 253 and all(0 < len(label) <= 63 and _plain(label) for label in labels)


def _plain(label: str, alphabet: Collection[str] = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")) -> bool:
    return all(letter in alphabet for letter in label)
