"""Text and tab advertisements, and the query of their host with question marks between the values.

Not a campaign. Source: http.md 19.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from emulator.wire import markup
from emulator.wire.markup import el

PATH = "/ADSAdClient31.dll"
CLICK_PATH = "/Clicker/ADSClicker31.dll"
HIT = "http://g.msn.com/5meen_us/60"
PAGE = "http://messenger.msn.com/"


def text_ad(words: str) -> bytes:
    """A TEXTAD document."""
    return markup.document(el("TEXTAD", el("adtext", words), el("hiturl", HIT), el("tab"), el("ct"), el("flag", 0)))


def tab_ad() -> bytes:
    """The document of 2009 tabs."""
    values = {
        "image": "https://images.messenger.msn.com/emu/tab1.png",
        "name": "Emulator",
        "type": "page",
        "tooltip": "Emulator start page",
        "contenturl": PAGE + "emu/tab1",
        "hiturl": PAGE + "emu/tab1",
        "siteid": "0",
        "notificationid": "0",
    }
    return markup.document(el("ads", el("tabad", *(el(name, value) for name, value in values.items()))))


def read(root: Element) -> dict[str, str]:
    """The values of a TEXTAD document; empty when it is another one."""
    return {markup.local(one): markup.text(one) for one in root} if markup.local(root) == "TEXTAD" else {}
