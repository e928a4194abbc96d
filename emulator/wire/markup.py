"""XML as the Messenger services wrote and read it: literal prefixes out, names without prefixes in.

Not a schema and not a general XML library: no entities, no DTD, bounded depth and count. Source: http.md 1.3, 26.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

from emulator.wire.errors import WireError

DEPTH = 64  # elements inside each other
COUNT = 20_000  # elements of one document

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = re.compile("[^\t\n\r\u0020-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # and & < >


class Xml(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def el(name: str, *content: str | int, at: Mapping[str, str] | None = None) -> Xml:
    """One element; `name` is written as it stands, prefix included. Booleans become `true` and `false`."""
    inside = "".join([piece if type(piece) is Xml else _text(piece) for piece in content])  # a hot path: no generator
    attributes = "".join(f" {key}={quoteattr(_legal(value))}" for key, value in at.items()) if at else ""
    return Xml(f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>")


def joined(*pieces: str | int) -> Xml:
    """Siblings without white space between them (some clients step from node to node)."""
    return Xml("".join(_text(piece) for piece in pieces))


def document(root: Xml) -> bytes:
    """A whole document with its declaration, UTF-8."""
    return (DECLARATION + root).encode()


def parse(data: bytes) -> Element:
    """Root of a document in UTF-8 or UTF-16. Raises WireError: not XML, a DTD or entity, too deep or too many."""
    root: Element | None = None
    depth = count = 0
    try:
        for event, element in iterparse(BytesIO(data), events=("start", "end"), forbid_dtd=True):
            if event == "end":
                depth -= 1
                continue
            root = element if root is None else root
            depth, count = depth + 1, count + 1
            if depth > DEPTH or count > COUNT:
                raise WireError(f"XML with more than {DEPTH} levels or {COUNT} elements")
    except (ParseError, ValueError, LookupError) as error:  # defusedxml refuses with a ValueError
        raise WireError(f"not acceptable XML: {type(error).__name__}: {error}") from error
    if root is None:
        raise WireError("not acceptable XML: no root element")
    return root


def local(element: Element) -> str:
    """Name without namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Element) -> str:
    """Namespace of an element, or ""."""
    return str(element.tag)[1:].partition("}")[0] if str(element.tag).startswith("{") else ""


def every(element: Element | None, path: str) -> list[Element]:
    """All descendants along `a/b/c`, compared by local name."""
    found = [] if element is None else [element]
    for step in path.split("/"):
        found = [child for parent in found for child in parent if local(child) == step]
    return found


def find(element: Element | None, path: str) -> Element | None:
    """First descendant along `a/b/c`, or None."""
    return next(iter(every(element, path)), None)


def text(element: Element | None, path: str = "", default: str = "") -> str:
    """Text without surrounding white space (papyon and others wrap it), or `default` when the element is missing."""
    found = find(element, path) if path else element
    return default if found is None else (found.text or "").strip()


def attribute(element: Element | None, name: str) -> str:
    """Value of an attribute without a prefix, or ""."""
    return "" if element is None else element.get(name, "")


def _text(piece: str | int) -> str:
    if isinstance(piece, Xml):
        return piece
    if isinstance(piece, bool):
        return "true" if piece else "false"
    text = str(piece)
    return escape(_legal(text)) if _SPECIAL.search(text) else text


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
