"""One test for every numbered line of protocols/clients.md: ways in which a plausible answer breaks a real program."""

from __future__ import annotations

import re
import ssl
import subprocess
from shutil import which

import envelopes as say
import pytest
import web
from lines import connect
from people import (
    TEXT,
    answer,
    call,
    go_online,
    passport_ticket,
    sign_in,
    sign_off,
    take_call,
    tickets,
)
from read_books import BOOKS
from read_tickets import purple
from running import PASSWORD, Running, anna, needs_root

pytestmark = needs_root
ANNA = anna(0)


def test_line_1_tokens_are_numbered_by_their_place_in_the_request(there: Running) -> None:
    """In both orders of sites; bitlbee and libpurple index by that number."""
    for sites in (say.SITES, say.SITES[::-1]):
        body = say.ticket_request(ANNA, PASSWORD, sites)
        text = web.soap(there.address, "login.live.com", "/RST.srf", "", body).text
        for number, (site, _) in enumerate(sites, 1):
            (piece,) = re.findall(f'<wsa:Address>{re.escape(site)}</wsa:Address>.*?Id="([^"]+)"', text)
            assert piece == f"Compact{number}"
        assert 'Id="BinaryDAToken0"' in text


def test_line_2_no_white_space_between_the_responses(there: Running) -> None:
    answer = web.soap(there.address, "login.live.com", "/RST.srf", "", say.ticket_request(ANNA, PASSWORD))
    assert len(purple(answer.body)[0]) == 6
    spoiled = answer.body.replace(b"</wst:RequestSecurityTokenResponse><", b"</wst:RequestSecurityTokenResponse>\n<")
    with pytest.raises(AssertionError, match=r"clients\.md 2"):
        purple(spoiled)


@pytest.mark.parametrize(
    ("host", "path", "body"),
    [
        ("login.live.com", "//RST.srf", say.ticket_request(ANNA, PASSWORD)),
        ("contacts.msn.com", "//abservice/abservice.asmx", "ABFindAll"),
        ("contacts.msn.com", "//abservice/SharingService.asmx", "FindMembership"),
        ("ows.messenger.msn.com", "//OimWS/oim.asmx", "Store"),
        ("rsi.hotmail.com", "//rsi/rsi.asmx", "GetMetadata"),
    ],
)
def test_line_3_duplicate_slashes(there: Running, host: str, path: str, body: str) -> None:
    found, _ = tickets(there.address, ANNA)
    made = {
        "ABFindAll": lambda: say.book_call("ABFindAll", found[say.CONTACTS], say.book_body()),
        "FindMembership": lambda: say.book_call("FindMembership", found[say.CONTACTS], say.membership_body()),
        "Store": lambda: say.offline_call(ANNA, ANNA, found[say.SECURE], "", "", "", 1),
        "GetMetadata": lambda: say.reading_call("GetMetadata", found[say.MESSENGER]),
    }
    answer = web.soap(there.address, host, path, "", made[body]() if body in made else body)
    assert answer.status == (500 if body == "Store" else 200), answer.text
    if body == "Store":
        assert "LockKeyChallenge" in answer.text


@pytest.mark.parametrize("words", ["", "2147778596:0", "2147778596", "0 0"])
def test_line_4_every_form_of_chg_makes_visible(there: Running, pair: tuple[str, str], words: str) -> None:
    one, other = pair
    watcher, _ = sign_in(there.address, other)
    go_online(watcher)
    wire, _ = sign_in(there.address, one)
    go_online(wire, capabilities=words)
    watcher.wait(f"NLN NLN {one} ")
    assert wire.ask("XFR 9 SB", "").startswith("XFR 9 SB"), "913 would mean: hidden"
    sign_off(watcher, wire)


def test_line_5_numbers_of_ringing_sessions_fit_into_31_bits(there: Running, pair: tuple[str, str]) -> None:
    one, other = pair
    first, _ = sign_in(there.address, one)
    second, _ = sign_in(there.address, other)
    go_online(first)
    go_online(second)
    for _ in range(5):
        board = call(there.address, first, one, other)
        seat = take_call(second, other, one)  # reads the number, answers with it
        seat.close()
        board.close()
    sign_off(first, second)


@pytest.mark.parametrize("dialect", ["MSNP8", "MSNP12", "MSNP15", "MSNP18"])
def test_line_6_three_commands_in_one_segment(there: Running, dialect: str) -> None:
    """aMSN does not wait for answers."""
    scheme = "SSO" if dialect in ("MSNP15", "MSNP18") else "TWN"
    wire = connect(there.address)
    wire.send(
        f"VER 1 {dialect} CVR0\r\nCVR 2 0x0409 winnt 5.1 i386 MSNMSGR 8.1.0178 msmsgs {ANNA}\r\n"
        f"USR 3 {scheme} I {ANNA}\r\n".encode()
    )
    verbs = [line.split(" ")[0] for line, _ in wire.collect(f"USR 3 {scheme} S") if not line.startswith("GCF")]
    assert verbs == ["VER", "CVR", "USR"]
    wire.close()


@pytest.mark.parametrize(
    "host",
    ["contacts.msn.com", "omega.contacts.msn.com", "byrdr.omega.contacts.msn.com", "local-bay.contacts.msn.com"],
)
@pytest.mark.parametrize("secure", [True, False])
def test_line_8_contacts_in_clear_and_by_other_names(there: Running, host: str, secure: bool) -> None:
    """papyon asks on port 80 with the port in `Host`; the host that an answer names must answer as well."""
    found, _ = tickets(there.address, ANNA)
    body = say.book_call("ABFindAll", found[say.CONTACTS], say.book_body())
    spelled = host if secure else f"{host}:80"
    for _ in range(2):
        answer = web.soap(there.address, spelled, "/abservice/abservice.asmx", "", body, secure=secure)
        assert answer.status == 200, answer.head
        assert BOOKS["papyon"](answer.body).people
        spelled = re.findall("<PreferredHostName>([^<]+)</PreferredHostName>", answer.text)[0]


@pytest.mark.parametrize(
    "host",
    [
        *("login.live.com", "msnia.login.live.com", "nexus.passport.com", "loginnet.passport.com"),
        *("contacts.msn.com", "byrdr.omega.contacts.msn.com", "storage.msn.com", "tkrdr.storage.msn.com"),
        *("ows.messenger.msn.com", "rsi.hotmail.com", "config.messenger.msn.com", "byfiles.storage.msn.com"),
        *("gateway.messenger.hotmail.com", "geo.gateway.messenger.live.com", "cc.services.spaces.live.com"),
    ],
)
def test_line_9_certificates_verify_for_every_name(there: Running, host: str) -> None:
    """By OpenSSL against the lab's root, as clients that look at certificates do."""
    context = ssl.create_default_context(cafile=str(there.root))
    link = web.Link(there.address, secure=True, name=host, context=context)
    assert isinstance(link.stream, ssl.SSLSocket)
    names = {name for kind, name in (link.stream.getpeercert() or {}).get("subjectAltName", ())}
    link.close()
    assert host in names or any(name.startswith("*.") and host.endswith(name[1:]) for name in names)


def test_line_10_bad_tickets_are_500_with_a_code(there: Running) -> None:
    for host, path, body in (
        ("contacts.msn.com", "/abservice/abservice.asmx", say.book_call("ABFindAll", "t=x&p=", say.book_body())),
        (
            "storage.msn.com",
            "/storageservice/SchematizedStore.asmx",
            say.storage_call("GetProfile", "t=x&p=", say.profile_body("1")),
        ),
    ):
        answer = web.soap(there.address, host, path, "", body)
        assert answer.status == 500
        assert ">PassportAuthFail</errorcode>" in answer.text


@pytest.mark.parametrize("family", ["msn7", "msn75", "wlm81", "wlm85", "wlm2009"])
def test_line_11_challenges_are_of_twenty_digits(there: Running, pair: tuple[str, str], family: str) -> None:
    """`sums.new_answer` asserts that the padding is not in doubt; every product of the time is known."""
    wire, _ = sign_in(there.address, pair[0])
    wire.say("CHG 5 NLN 0 0")
    challenge = wire.wait("CHL 0").split(" ")[2]
    assert re.fullmatch("[0-9]{20}", challenge)
    wire.say("CHG 6 BSY 0 0")
    answer(wire, challenge, family)
    sign_off(wire)


def test_line_12_peer_to_peer_bytes_pass_untouched(there: Running, pair: tuple[str, str]) -> None:
    """Every byte value, as flag D, both ways, and no ACK of the switchboard's for flags N and U."""
    one, other = pair
    first, _ = sign_in(there.address, one)
    second, _ = sign_in(there.address, other)
    go_online(first)
    go_online(second)
    board = call(there.address, first, one, other)
    seat = take_call(second, other, one)
    board.wait(f"JOI {other}")
    head = f"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\nP2P-Dest: {other}\r\n\r\n".encode()
    payload = head + bytes(range(256)) * 5 + b"\r\n\0MSG 1 D 0\r\n"
    for sender, receiver, name in ((board, seat, one), (seat, board, other)):
        sender.say(f"MSG 5 D {len(payload)}", payload)
        sender.wait("ACK 5")
        receiver.wait(f"MSG {name} ")
        assert receiver.payload == payload
    text = TEXT + b"quiet"
    board.say(f"MSG 6 N {len(text)}", text)
    board.say(f"MSG 7 U {len(text)}", text)
    board.say(f"MSG 8 A {len(text)}", text)
    assert [line for line, _ in board.collect("ACK")] == ["ACK 8"]
    sign_off(first, second)
    board.close()
    seat.close()


@pytest.mark.parametrize("name", ["login.live.com", None])
def test_tls_of_2007(there: Running, name: str | None) -> None:
    """TLS 1.0 with AES128-SHA, with and without a server name: what Windows Vista offered."""
    context = web.old_tls(ciphers="AES128-SHA:@SECLEVEL=0", version=ssl.TLSVersion.TLSv1)
    try:
        link = web.Link(there.address, secure=True, name=name, context=context)
    except ssl.SSLError as error:
        if "no protocols available" in str(error).lower() or "no ciphers available" in str(error).lower():
            pytest.skip(f"this OpenSSL speaks no TLS 1.0: {error}")
        raise
    assert isinstance(link.stream, ssl.SSLSocket)
    assert link.stream.version() == "TLSv1"
    body = say.ticket_request(ANNA, PASSWORD).encode()
    answer = link.exchange(web.request("POST", "/RST.srf", "login.live.com", body))
    link.close()
    assert purple(answer.body)[1]


def test_openssl_of_the_system_agrees(there: Running) -> None:
    """The openssl program verifies the chain and the name."""
    program = which("openssl")
    if program is None:
        pytest.skip("no openssl program")
    argv = [program, "s_client", "-connect", f"{there.address}:443", "-servername", "login.live.com", "-brief"]
    argv += ["-CAfile", str(there.root), "-verify_return_error", "-verify_hostname", "login.live.com"]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=20, check=False)
    assert b"Verification: OK" in done.stderr + done.stdout, done.stderr


def test_passport_of_msn_5_inside_tls_1_0(there: Running) -> None:
    """The ticket's text goes into USR as it stands between the quotes: no blank may be in it."""
    ticket = passport_ticket(there.address, ANNA, PASSWORD, "lc=1033,id=507,tw=40,kpp=1,kv=5")
    assert re.fullmatch(r"t=[^ &]+&p=[^ ]*", ticket)
