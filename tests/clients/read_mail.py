"""How client families read the lock key, the list of offline messages and a message: from http.md 14 and 15.

What would crash the program is an assertion here.
"""

from __future__ import annotations

import email
import re
from datetime import datetime
from email.header import decode_header, make_header
from typing import NamedTuple
from xml.etree import ElementTree

from envelopes import OIM, RSI
from lxml import etree
from trees import Node, between, document, literal, purple_child, purple_data


def papyon_lock(data: bytes) -> str:
    """Suffix of faultcode, then the challenge in the namespace of 2004; RequiredAuthPolicy would win over it."""
    fault = ElementTree.fromstring(data).find(".//{http://schemas.xmlsoap.org/soap/envelope/}Fault")
    assert fault is not None
    assert (fault.findtext("./faultcode") or "").endswith("AuthenticationFailed")
    assert fault.find(f"./detail/{{{OIM}}}RequiredAuthPolicy") is None
    return fault.findtext(f"./detail/{{{OIM}}}LockKeyChallenge") or ""


def purple_lock(data: bytes) -> str:
    fault = purple_child(document(data), "Body/Fault")
    assert purple_data(purple_child(fault, "faultcode")) == "q0:AuthenticationFailed"
    return purple_data(purple_child(fault, "detail/LockKeyChallenge"))


def emesene_lock(data: bytes) -> str:
    """The literal start tag, attribute included."""
    return between(data.decode(), f'<LockKeyChallenge xmlns="{OIM}">', "</LockKeyChallenge>")


def amsn_lock(data: bytes) -> str:
    return literal(data).need("soap:Envelope/soap:Body/soap:Fault/detail/LockKeyChallenge")


def msnpsharp_lock(data: bytes) -> str:
    """All text of the detail is the challenge, so nothing else may stand there."""
    return "".join(etree.fromstring(data).find(".//detail").itertext())


LOCKS = {
    "papyon": papyon_lock,
    "libpurple": purple_lock,
    "emesene": emesene_lock,
    "amsn": amsn_lock,
    "msnpsharp": msnpsharp_lock,
}


class Waiting(NamedTuple):
    """One entry of the list of offline messages."""

    identifier: str
    sender: str
    nickname: str


def mail_data(root: Node) -> list[Waiting]:
    """`M` elements of an `MD`, as every family reads them in a notification and in GetMetadata."""
    found = []
    for one in root.all("M"):
        assert one.need("T") == "11"
        datetime.fromisoformat(one.need("RT"))
        int(one.need("SZ"))
        found.append(Waiting(one.need("I"), one.need("E"), str(make_header(decode_header(one.need("N"))))))
    return found


def purple_metadata(data: bytes) -> list[Waiting]:
    """`Body/GetMetadataResponse/MD`, without a namespace declaration of its own."""
    node = purple_child(document(data), "Body/GetMetadataResponse/MD")
    assert "xmlns" not in node.attributes
    return mail_data(literal(node.toxml().encode()).children[0])


def msnpsharp_metadata(data: bytes) -> list[Waiting]:
    """The first child of that name."""
    response = etree.fromstring(data).find(f".//{{{RSI}}}GetMetadataResponse")
    first = next(one for one in response if etree.QName(one).localname == "MD")
    return mail_data(literal(etree.tostring(first)).children[0])


def amsn_metadata(data: bytes) -> list[Waiting]:
    found = literal(data).at("soap:Envelope/soap:Body/GetMetadataResponse/MD")
    assert found is not None
    return mail_data(found)


METADATA = {"libpurple": purple_metadata, "msnpsharp": msnpsharp_metadata, "amsn": amsn_metadata}


def _body(text: str) -> str:
    """What stands behind the first empty line, decoded."""
    message = email.message_from_string(text)
    raw = message.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode(message.get_content_charset() or "")


def papyon_message(data: bytes) -> str:
    """The run id loses its first and last character; the sequence number is a number."""
    text = ElementTree.fromstring(data).findtext(f".//{{{RSI}}}GetMessageResult") or ""
    message = email.message_from_string(text)
    assert re.fullmatch(r"[0-9A-Fa-f-]{36}", message["X-OIM-Run-Id"].strip()[1:-1])
    assert int(message["X-OIM-Sequence-Num"]) > 0
    return _body(text)


def purple_message(data: bytes) -> str:
    """Splits at the empty line; Date has no weekday."""
    text = purple_data(purple_child(document(data), "Body/GetMessageResponse/GetMessageResult"))
    assert "\n\n" in text
    assert "\r" not in text
    moment = email.message_from_string(text)["Date"]
    datetime.strptime(moment, "%d %b %Y %H:%M:%S %z")
    return _body(text)


def msnpsharp_message(data: bytes) -> str:
    """IndexOf of the empty line; the arrival as FILETIME in hexadecimal halves."""
    text = etree.fromstring(data).findtext(f".//{{{RSI}}}GetMessageResult")
    head = text[: text.index("\n\n")]
    halves = re.search(r"FILETIME=\[([0-9A-F]{8}):([0-9A-F]{8})\]", head)
    assert halves
    arrived = ((int(halves.group(2), 16) << 32) | int(halves.group(1), 16)) / 10_000_000 - 11_644_473_600
    assert arrived > 1_000_000_000
    return _body(text)


MESSAGES = {"papyon": papyon_message, "libpurple": purple_message, "msnpsharp": msnpsharp_message}
