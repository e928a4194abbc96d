"""Reads the requirement's own text, independently of the catalog: the port table, the URL table and the note."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TEXT = Path(__file__).parents[1] / "vectors" / "seed-wlm-8.1-ports-and-urls.pt.txt"

# `80` or `30000 - 65535`, with either dash
PORTS = re.compile(r"(\d+)(?:\s*[-–]\s*(\d+))?")


class Feature(NamedTuple):
    name: str
    legacy: bool
    clauses: frozenset[tuple[str, int, int]]


class Url(NamedTuple):
    url: str
    purpose: str


def text() -> str:
    return TEXT.read_text("utf-8").replace("\r\n", "\n")


def features() -> list[Feature]:
    """The rows of the first table: an indented name, then lines that begin with TCP, UDP or TCP/UDP."""
    table = text().partition("Porta usada")[2].partition("* Essas portas")[0]
    found = []
    for block in re.split(r"\n\s*\n", table.strip("\n")):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        name, *ports = lines
        clauses = set()
        for line in ports:
            kinds, _, numbers = line.partition(" ")
            for low, high in PORTS.findall(numbers):
                for kind in kinds.lower().split("/"):
                    clauses.add((kind, int(low), int(high or low)))
        found.append(Feature(name.rstrip("* "), name.endswith("*"), frozenset(clauses)))
    return found


def urls() -> list[Url]:
    """The rows of the second table: `url (url)`, and what it is for."""
    table = text().partition("Função do URL")[2].partition("Observação")[0]
    found = []
    for block in re.split(r"\n\s*\n", table.strip("\n")):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if len(lines) == 2:
            url, _, again = lines[0].partition(" ")
            assert again == f"({url})"
            found.append(Url(url, lines[1]))
    return found


def note() -> str:
    return next(line.strip() for line in text().splitlines() if line.startswith("Observação"))


def agent() -> str:
    """The User-Agent string in the note."""
    found = re.search(r"Agente de Usuário: (.+?\))\.", note())
    assert found is not None
    return found[1]
