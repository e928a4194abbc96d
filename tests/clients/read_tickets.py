"""How six client families take tickets out of the answer of RST.srf: one reader each, from http.md 2.2.

Not ours: the probe's reading stands in the project. A reader returns tickets by site, and the sign-in secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import unescape
from xml.etree import ElementTree

from envelopes import CLEAR, SITES, TB
from lxml import etree
from trees import between, document, literal, purple_child, purple_data, purple_siblings

Tickets = tuple[dict[str, str], str]
NUMBERED = {at: site for at, (site, _) in enumerate(SITES, 1)}


def papyon(data: bytes) -> Tickets:
    """ElementTree with full names; the Address must be one that was asked for, all texts must be there."""
    names = {
        "s": "http://schemas.xmlsoap.org/soap/envelope/",
        "wst": "http://schemas.xmlsoap.org/ws/2004/04/trust",
        "wsp": "http://schemas.xmlsoap.org/ws/2002/12/policy",
        "wsa": "http://schemas.xmlsoap.org/ws/2004/03/addressing",
        "wsse": "http://schemas.xmlsoap.org/ws/2003/06/secext",
        "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
        "xmlenc": "http://www.w3.org/2001/04/xmlenc#",
    }
    root = ElementTree.fromstring(data)
    asked = {TB, *(site for site, _ in SITES)}
    found, secret = {}, ""
    path = "./s:Body/wst:RequestSecurityTokenResponseCollection/wst:RequestSecurityTokenResponse"
    for one in root.findall(path, names):
        assert one.findtext("./wst:TokenType", namespaces=names)
        address = one.findtext("./wsp:AppliesTo/wsa:EndpointReference/wsa:Address", namespaces=names)
        assert address in asked
        for moment in ("Created", "Expires"):
            text = one.findtext(f"./wst:LifeTime/wsu:{moment}", namespaces=names)
            assert text
            datetime.strptime(text.split("T")[1].rstrip("Z"), "%H:%M:%S")
        token = one.findtext("./wst:RequestedSecurityToken/wsse:BinarySecurityToken", namespaces=names)
        if token is None:
            cipher = "./wst:RequestedSecurityToken/xmlenc:EncryptedData/xmlenc:CipherData/xmlenc:CipherValue"
            token = one.findtext(cipher, namespaces=names)
        assert token
        found[address] = token
        if address == CLEAR:
            secret = one.findtext("./wst:RequestedProofToken/wst:BinarySecret", namespaces=names) or ""
        if address != TB:
            left, right = token.split("&")  # exactly one ampersand, else a ValueError
            assert left.startswith("t=")
            assert right.startswith("p=")
    return found, secret


def bitlbee(data: bytes) -> Tickets:
    """Every wsse:BinarySecurityToken by the last digit of its Id, 1 to 4; Address is never read."""
    found, secret = {}, ""
    for requested in literal(data).every("wst:RequestedSecurityToken"):
        for token in requested.all("wsse:BinarySecurityToken"):
            slot = int(token.attributes["Id"][-1])
            if 1 <= slot <= 4:
                found[NUMBERED[slot]] = token.text
    for response in literal(data).every("wst:RequestSecurityTokenResponse"):
        token = response.at("wst:RequestedSecurityToken/wsse:BinarySecurityToken")
        if token is not None and token.attributes["Id"][-1] == "1":
            secret = response.need("wst:RequestedProofToken/wst:BinarySecret")
    return found, secret


def purple(data: bytes) -> Tickets:
    """The number behind seven letters of the Id; text nodes between the responses are its death."""
    first = purple_child(document(data), "Body/RequestSecurityTokenResponseCollection/RequestSecurityTokenResponse")
    found, secret = {}, ""
    for one in purple_siblings(first):
        holder = purple_child(one, "RequestedSecurityToken")
        inside = purple_child(one, "RequestedSecurityToken").firstChild
        assert inside is not None
        if inside.localName == "EncryptedData":
            assert purple_data(purple_child(holder, "EncryptedData/CipherData/CipherValue"))
            assert purple_data(purple_child(one, "RequestedProofToken/BinarySecret"))
            continue
        token = purple_child(holder, "BinarySecurityToken")
        number = int(token.getAttribute("Id")[7:])
        fields = dict(piece.split("=", 1) for piece in purple_data(token).split("&"))
        assert {"t", "p"} <= set(fields)
        assert purple_data(purple_child(one, "LifeTime/Expires"))
        found[NUMBERED[number]] = f"t={fields['t']}&p={fields['p']}"
        if number == 1:
            secret = purple_data(purple_child(one, "RequestedProofToken/BinarySecret"))
    return found, secret


def emesene(data: bytes) -> Tickets:
    """Text between literal tags, by the wsa:Address before it."""
    found, secret = {}, ""
    for piece in data.decode().split("<wst:RequestSecurityTokenResponse>")[1:]:
        site = between(piece, "<wsa:Address>", "</wsa:Address>")
        assert between(piece, "<wsu:Created>", "</wsu:Created>")
        assert between(piece, "<wsu:Expires>", "</wsu:Expires>")
        if "<wsse:BinarySecurityToken" in piece:
            token = between(piece, "<wsse:BinarySecurityToken", "</wsse:BinarySecurityToken>").split(">", 1)[1]
            found[site] = unescape(token)
        if site == CLEAR:
            secret = between(piece, "<wst:BinarySecret>", "</wst:BinarySecret>")
    return found, secret


def amsn(data: bytes) -> Tickets:
    """Literal paths from the envelope down."""
    path = "S:Envelope/S:Body/wst:RequestSecurityTokenResponseCollection/wst:RequestSecurityTokenResponse"
    found, secret = {}, ""
    for one in literal(data).all(path):
        site = one.need("wsp:AppliesTo/wsa:EndpointReference/wsa:Address")
        token = one.at("wst:RequestedSecurityToken/wsse:BinarySecurityToken")
        if token is not None:
            found[site] = token.text
        if site == CLEAR:
            secret = one.need("wst:RequestedProofToken/wst:BinarySecret")
    return found, secret


def msnpsharp(data: bytes) -> Tickets:
    """A typed reading by full names: dates, references and header must be what the schema says."""
    names = {
        "S": "http://schemas.xmlsoap.org/soap/envelope/",
        "psf": "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault",
        "wst": "http://schemas.xmlsoap.org/ws/2004/04/trust",
        "wsp": "http://schemas.xmlsoap.org/ws/2002/12/policy",
        "wsa": "http://schemas.xmlsoap.org/ws/2004/03/addressing",
        "wsse": "http://schemas.xmlsoap.org/ws/2003/06/secext",
        "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    }
    root = etree.fromstring(data)
    int(root.findtext("S:Header/psf:pp/psf:PUID", namespaces=names), 16)
    assert root.findtext("S:Header/psf:pp/psf:reqstatus", namespaces=names) == "0x0"
    found, secret = {}, ""
    for one in root.iterfind("S:Body/*/wst:RequestSecurityTokenResponse", names):
        assert one.findtext("wst:TokenType", namespaces=names).startswith("urn:passport")
        created, expires = (
            datetime.fromisoformat(one.findtext(f"wst:LifeTime/wsu:{name}", namespaces=names))
            for name in ("Created", "Expires")
        )
        assert created < expires
        site = one.findtext("wsp:AppliesTo/wsa:EndpointReference/wsa:Address", namespaces=names)
        token = one.find("wst:RequestedSecurityToken/wsse:BinarySecurityToken", names)
        reference = one.find("wst:RequestedTokenReference/wsse:Reference", names).get("URI")
        content = one.find("wst:RequestedSecurityToken/*", names)
        assert reference == "#" + content.get("Id")
        if token is not None:
            found[site] = token.text
        if site == CLEAR:
            secret = one.findtext("wst:RequestedProofToken/wst:BinarySecret", namespaces=names)
    return found, secret


READERS: dict[str, Callable[[bytes], Tickets]] = {
    "papyon": papyon,
    "bitlbee": bitlbee,
    "libpurple": purple,
    "emesene": emesene,
    "amsn": amsn,
    "msnpsharp": msnpsharp,
}


def fault_code(family: str, data: bytes) -> str:
    """The fault code of a refused sign-in, from where that family looks for it (http.md 2.3)."""
    if family == "papyon":
        return (
            ElementTree.fromstring(data).findtext("./{http://schemas.xmlsoap.org/soap/envelope/}Fault/faultcode") or ""
        )
    if family == "libpurple":
        return purple_data(purple_child(document(data), "Fault/faultcode"))
    if family == "emesene":
        return between(data.decode(), "<faultcode>", "</faultcode>")
    return literal(data).need("S:Envelope/S:Fault/faultcode")  # bitlbee, aMSN, msnp-sharp
