"""XML as third-party clients hold it: literal prefixes, text nodes left in, slices of text. Each breaks in its own way.

Not a parser of ours. Source: http.md 1.3 and the tables of what each client reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.dom import minidom
from xml.parsers import expat


class Node:
    """An element with its name as it was written, prefix included (bitlbee, aMSN, Miranda)."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node] = []
        self.text = ""

    def at(self, path: str) -> Node | None:
        """First descendant along `a/b/c`."""
        return next(iter(self.all(path)), None)

    def all(self, path: str) -> list[Node]:
        """All descendants along `a/b/c`, names compared as written."""
        found = [self]
        for step in path.split("/"):
            found = [child for one in found for child in one.children if child.name == step]
        return found

    def need(self, path: str) -> str:
        """Text of a descendant that must be there."""
        found = self.at(path)
        assert found is not None, f"no {path} in {self.name}"
        return found.text

    def every(self, name: str) -> Iterator[Node]:
        """All descendants of that name, wherever they stand."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.every(name)


def literal(data: bytes) -> Node:
    """A document node above the root, namespaces not resolved."""
    parser = expat.ParserCreate()
    stack = [Node("", {})]

    def start(name: str, attributes: dict[str, str]) -> None:
        node = Node(name, attributes)
        stack[-1].children.append(node)
        stack.append(node)

    def text(data: str) -> None:
        stack[-1].text += data

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: stack.pop() and None
    parser.CharacterDataHandler = text
    parser.Parse(data, True)
    return stack[0]


def purple_child(node: minidom.Element, path: str) -> minidom.Element:
    """`xmlnode_get_child`: local names, first match."""
    for step in path.split("/"):
        node = next(one for one in node.childNodes if one.nodeType == one.ELEMENT_NODE and one.localName == step)
    return node


def purple_siblings(node: minidom.Element) -> Iterator[minidom.Element]:
    """libpurple steps through `node->next` here: a text node among them is taken for an element, and it crashes."""
    current: minidom.Node | None = node
    while current is not None:
        assert isinstance(current, minidom.Element), f"a text node {current!r} between the tokens (clients.md 2)"
        yield current
        current = current.nextSibling


def purple_data(node: minidom.Element) -> str:
    """`xmlnode_get_data`: all text directly inside."""
    return "".join(one.data for one in node.childNodes if one.nodeType in (one.TEXT_NODE, one.CDATA_SECTION_NODE))


def document(data: bytes) -> minidom.Element:
    """Root element of libpurple's tree."""
    root = minidom.parseString(data).documentElement
    assert root is not None
    return root


def between(text: str, before: str, after: str) -> str:
    """emesene's way: what stands between two literal strings, of which the first must be there."""
    assert before in text, f"no {before}"
    return text.split(before, 1)[1].split(after, 1)[0]
