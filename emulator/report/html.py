"""The record as one self-contained HTML page: no external resource, a strict CSP, readable without scripts.

Not the whole record: digests are shortened, and passwords, tickets and SOAP bodies are not in it.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from emulator.catalog import Catalog
from emulator.judge.record import RunRecord
from emulator.report import words
from emulator.report.page import page
from emulator.report.redaction import redacted
from emulator.report.whole import write_whole


def write(record: RunRecord, catalog: Catalog, path: Path) -> None:
    """Write the page, all or nothing. Raises OSError."""
    text = render(record, catalog)
    write_whole(path, lambda draft: draft.write_text(text, "utf-8"))


def render(record: RunRecord, catalog: Catalog) -> str:
    """The page as text. Everything from the record is escaped by the templates."""
    environment = Environment(
        loader=PackageLoader("emulator.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json_data"] = json_data
    environment.filters["ticked"] = ticked
    environment.filters["meaning"] = words.meaning
    environment.globals["words"] = words
    style, script = _asset("style.css") + _matrix_width(len(record.passes)), _asset("page.js")
    return environment.get_template("page.html").render(
        page=page(redacted(record), catalog),
        catalog=catalog,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def json_data(text: str) -> Markup:
    """JSON for a data block: nothing in it can end the element or begin a comment (HTML, 13.2.5.4 script data)."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def ticked(text: str) -> Markup:
    """Plain text whose `ticked` pieces become code; everything is escaped."""
    pieces = text.split("`")
    coded = (f"<code>{escape(piece)}</code>" if at % 2 else str(escape(piece)) for at, piece in enumerate(pieces))
    return Markup("".join(coded)) if len(pieces) % 2 else escape(text)


def _asset(name: str) -> str:
    text = resources.files("emulator.report").joinpath("templates", name).read_text("utf-8")
    return "\n" + text


def _matrix_width(passes: int) -> str:
    """As wide as its columns need, never wider than they can use; the number of columns is the record's."""
    return f".matrix table {{ min-width: {134 + 88 * passes}px; max-width: {134 + 220 * passes}px; }}\n"


def _hash(text: str) -> str:
    """A source expression of a content security policy (CSP 3, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
