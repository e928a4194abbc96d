"""Every name that an answer gives, and every name that programs have compiled in, leads to the emulator (clients.md 8).

Asked by dnslib over UDP, of the emulator's own name server.
"""

from __future__ import annotations

import re
import socket

import envelopes as say
import pytest
import web
from dnslib import QTYPE, RCODE, DNSRecord
from people import tickets
from running import PASSWORD, REALM, Running, anna, needs_root

pytestmark = needs_root
CONFIG = "/Config/MsgrConfig.asmx?op=GetClientConfig&Country=US&CLCID=0809&PLCID=0409&GeoID=242&ver=8.1.0178"
COMPILED_IN = [
    *("messenger.hotmail.com", "gateway.messenger.hotmail.com", "geo.gateway.messenger.live.com"),
    *("login.live.com", "msnia.login.live.com", "nexus.passport.com", "loginnet.passport.com"),
    *("contacts.msn.com", "omega.contacts.msn.com", "byrdr.omega.contacts.msn.com", "local-bay.contacts.msn.com"),
    *("proxy-bay.contacts.msn.com", "proxy-sn.contacts.msn.com"),
    *("storage.msn.com", "tkrdr.storage.msn.com", "byfiles.storage.msn.com", "blufiles.storage.msn.com"),
    *("ows.messenger.msn.com", "rsi.hotmail.com", "config.messenger.msn.com", "cc.services.spaces.live.com"),
    *("appdirectory.messenger.msn.com", "rad.msn.com", "echo.edge.messenger.live.com"),
    *("vp.sip.messenger.msn.com", "relay.voice.messenger.msn.com"),
]


def resolve(there: Running, name: str) -> set[str]:
    """Addresses of a name; empty for NXDOMAIN."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        question = DNSRecord.question(name, "A")
        asking.sendto(question.pack(), (there.address, 53))
        answer = DNSRecord.parse(asking.recv(4096))
    assert answer.header.id == question.header.id
    if answer.header.rcode != RCODE.NOERROR:
        return set()
    return {str(one.rdata) for one in answer.rr if QTYPE[one.rtype] == "A"}


@pytest.mark.parametrize("name", COMPILED_IN)
def test_names_that_programs_know(there: Running, name: str) -> None:
    assert resolve(there, name) == {there.address}


def test_a_name_that_nobody_knows_is_not_there(there: Running) -> None:
    assert resolve(there, "nobody.example") == set()


def named(text: str) -> set[str]:
    """Hosts of the URLs in a text that clients fetch; namespaces are no URLs."""
    hosts = re.findall(r"https?://([A-Za-z0-9.-]+)", re.sub(r'xmlns(:\w+)?="[^"]*"|Algorithm="[^"]*"', "", text))
    return {one.lower() for one in hosts}


def test_names_in_the_configuration(there: Running) -> None:
    """Fetched as 8.1 does; the SOAP form holds the same document (http.md 13)."""
    host = "config.messenger.msn.com"
    document = web.once(there.address, web.request("GET", CONFIG, host)).text
    assert "<MsgrConfig>" in document
    hosts = named(document)
    assert "contacts.msn.com" in hosts
    for name in sorted(hosts):
        assert resolve(there, name) == {there.address}, name


def test_every_page_of_the_configuration_is_there(there: Running) -> None:
    """Each URL, with its placeholders filled in, answers below 400 (http.md 13.1)."""
    host = "config.messenger.msn.com"
    document = web.once(there.address, web.request("GET", CONFIG, host)).text
    urls = {one.replace("&amp;", "&") for one in re.findall(r">(https?://[^<]+)<", document)}
    assert len(urls) > 8
    for url in sorted(urls):
        scheme, _, rest = re.sub(r"\$[A-Z]+\$|%ls|%1", "1", url).partition("://")
        name, slash, path = rest.partition("/")
        if path.lower().endswith(".asmx"):
            continue  # SOAP: POST alone
        answer = web.once(there.address, web.request("GET", slash + path or "/", name), secure=scheme == "https")
        assert answer.status < 400, url


def test_names_in_answers(there: Running) -> None:
    """Redirects, preferred hosts, the nexus and the tile's URL."""
    found, _ = tickets(there.address, anna(0))
    nexus = web.once(there.address, web.request("GET", "/rdr/pprdr.asp", "nexus.passport.com"), secure=True)
    login = re.search("DALogin=([^/]+)/", nexus.header("PassportURLs"))
    assert login
    redirected = web.soap(there.address, "login.live.com", "/RST.srf", "", say.ticket_request(REALM, PASSWORD)).text
    call = say.book_call("FindMembership", found[say.CONTACTS], say.membership_body())
    path = "/abservice/SharingService.asmx"
    lists = web.soap(there.address, "omega.contacts.msn.com", path, f"{say.BOOK}/FindMembership", call).text
    hosts = {login.group(1)}
    hosts |= named(re.findall("<psf:redirectUrl>(.*?)<", redirected)[0])
    hosts |= set(re.findall("<PreferredHostName>([^<]+)<", lists))
    assert len(hosts) == 3
    for name in sorted(hosts):
        assert resolve(there, name) == {there.address}, name
