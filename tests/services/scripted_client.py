"""A Messenger client of 2007 for the tests alone: plain sockets, http.client, its own crypto; none of our codecs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
import socket
import struct
from html import unescape

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

LIMIT = 10.0  # seconds for any answer
SITES = ("messengerclear.live.com", "contacts.msn.com", "messengersecure.live.com", "messenger.msn.com")


def soap(address: str, host: str, path: str, action: str, body: str) -> tuple[int, str]:
    """One SOAP call in clear; status and text."""
    connection = http.client.HTTPConnection(address, 80, timeout=LIMIT)
    headers = {"Host": host, "Content-Type": "text/xml; charset=utf-8"}
    if action:
        headers["SOAPAction"] = f'"{action}"'
    connection.request("POST", path, body.encode(), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def tickets(address: str, account: str, password: str) -> tuple[dict[str, str], str]:
    """RST.srf: tickets by site, and the proof secret of messengerclear. Raises AssertionError with the fault."""
    wanted = "".join(
        f'<wst:RequestSecurityToken Id="RST{at}"><wst:RequestType>http://schemas.xmlsoap.org/ws/2004/04/security/trust/'
        f"Issue</wst:RequestType><wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{site}</wsa:Address>"
        f'</wsa:EndpointReference></wsp:AppliesTo><wsse:PolicyReference URI="MBI"/></wst:RequestSecurityToken>'
        for at, site in enumerate(("http://Passport.NET/tb", *SITES))
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:wsse="http://schemas.xmlsoap.org/ws/2003/06/secext" '
        'xmlns:wsp="http://schemas.xmlsoap.org/ws/2002/12/policy" '
        'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/03/addressing" '
        'xmlns:wst="http://schemas.xmlsoap.org/ws/2004/04/trust"><Header><wsse:Security>'
        f'<wsse:UsernameToken Id="user"><wsse:Username>{account}</wsse:Username>'
        f"<wsse:Password>{password}</wsse:Password>"
        "</wsse:UsernameToken></wsse:Security></Header><Body><ps:RequestMultipleSecurityTokens "
        f'xmlns:ps="http://schemas.microsoft.com/Passport/SoapServices/PPCRL" Id="RSTS">{wanted}'
        "</ps:RequestMultipleSecurityTokens></Body></Envelope>"
    )
    _, text = soap(address, "login.live.com", "/RST.srf", "", body)
    found = re.findall(r'<wsse:BinarySecurityToken Id="Compact(\d)">([^<]*)<', text)
    assert found, text
    by_site = {SITES[int(number) - 1]: unescape(ticket) for number, ticket in found}
    secrets = re.findall(r"<wst:BinarySecret>([^<]*)<", text)
    return by_site, secrets[1]


def proof(secret: str, nonce: str) -> str:
    """The answer to the nonce, written down from the public description alone."""
    key = base64.b64decode(secret)

    def derive(label: bytes) -> bytes:
        one = hmac.new(key, label, hashlib.sha1).digest()
        two = hmac.new(key, one + label, hashlib.sha1).digest()
        three = hmac.new(key, one, hashlib.sha1).digest()
        return two + hmac.new(key, three + label, hashlib.sha1).digest()[:4]

    mark = hmac.new(derive(b"WS-SecureConversationSESSION KEY HASH"), nonce.encode(), hashlib.sha1).digest()
    iv = b"12345678"
    cipher = Cipher(TripleDES(derive(b"WS-SecureConversationSESSION KEY ENCRYPTION")), modes.CBC(iv)).encryptor()
    secret_text = cipher.update(nonce.encode() + b"\x08" * 8) + cipher.finalize()
    head = struct.pack("<7I", 28, 1, 0x6603, 0x8004, 8, 20, 72)
    return base64.b64encode(head + iv + mark + secret_text).decode()


class Wire:
    """Lines and payloads on one TCP connection."""

    def __init__(self, address: str) -> None:
        self._socket = socket.create_connection((address, 1863), LIMIT)
        self._file = self._socket.makefile("rb")
        self.payload = b""

    def say(self, line: str, payload: bytes = b"") -> None:
        """Send one command."""
        self._socket.sendall(line.encode() + b"\r\n" + payload)

    def wait(self, wanted: str) -> str:
        """The first line that begins so; payloads of the lines before it are read over, its own is kept."""
        for _ in range(200):
            line = self._file.readline().decode().rstrip("\r\n")
            assert line, f"closed instead of {wanted}"
            words = line.split(" ")
            carries = words[0] in ("MSG", "GCF", "UBX", "UBN", "NOT", "ADL", "RML") and words[-1].isdigit()
            self.payload = self._file.read(int(words[-1])) if carries else b""
            if line.startswith(wanted):
                return line
        raise AssertionError(f"no {wanted}")

    def ask(self, line: str, wanted: str, payload: bytes = b"") -> str:
        """Send, and wait for an answer."""
        self.say(line, payload)
        return self.wait(wanted)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


def sign_in(address: str, account: str, password: str, dialect: str = "MSNP15") -> tuple[Wire, dict[str, str]]:
    """A whole sign-in of an SSO client, up to the first presence."""
    by_site, secret = tickets(address, account, password)
    wire = Wire(address)
    wire.ask(f"VER 1 {dialect} CVR0", f"VER 1 {dialect}")
    wire.ask(f"CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {account}", "CVR 2")
    nonce = wire.ask(f"USR 3 SSO I {account}", "USR 3 SSO S").split(" ")[-1]
    guid = " {11111111-2222-3333-4444-555555555555}" if int(dialect[4:]) >= 16 else ""
    wire.ask(f"USR 4 SSO S {by_site[SITES[0]]} {proof(secret, nonce)}{guid}", f"USR 4 OK {account}")
    wire.wait("MSG Hotmail Hotmail")
    assert b"text/x-msmsgsprofile" in wire.payload
    wire.ask("ADL 5 15", "ADL 5 OK", b'<ml l="1"></ml>')
    wire.ask("CHG 6 NLN 2007498796 0", "CHG 6 NLN")
    return wire, by_site
