"""Dialogue `config`: the document by GET and the one inside the SOAP answer are the same.

Not an application of the settings.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.probe.web import checks
from emulator.probe.web.context import Differs, Steps, WebContext
from emulator.probe.web.requests import condition, request
from emulator.wire import clientconfig, markup
from emulator.wire.errors import WireError
from emulator.wire.soap import CONTENT_TYPE


def dialogue(context: WebContext) -> Steps:
    """GET, then POST."""
    response = yield request(context, "GET", f"{clientconfig.PATH}?{clientconfig.QUERY}", condition(context))
    checks.status(response, 200, "MsgrConfig")
    document = checks.root(response, "MsgrConfig")
    sections = tuple(markup.local(section) for section in document)
    named = (markup.local(document), sections)
    checks.that(named == ("MsgrConfig", clientconfig.SECTIONS), f"a document {named}", response)
    headers = (
        ("SOAPAction", f'"{clientconfig.NAMESPACE}/GetClientConfig"'),
        ("Content-Type", CONTENT_TYPE),
        *condition(context),
    )
    response = yield request(context, "POST", clientconfig.PATH, headers, clientconfig.request())
    inner = markup.text(checks.reply(response, "GetClientConfigResponse"), "GetClientConfigResult")
    try:
        other = markup.parse(inner.encode())
    except WireError as error:
        raise Differs(f"the document inside the SOAP answer: {error}", status=response.status) from error
    checks.that(_same(document, other), "GET and SOAP give different documents", response)
    return {"sections": list(sections)}


def _same(one: Element, other: Element) -> bool:
    return (
        one.tag == other.tag
        and one.attrib == other.attrib
        and (one.text or "").strip() == (other.text or "").strip()
        and len(one) == len(other)
        and all(_same(a, b) for a, b in zip(one, other, strict=True))
    )
