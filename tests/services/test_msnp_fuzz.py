"""Anything at all into a signed-in session of every dialect: it answers, closes or ignores, and nobody else notices."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msnp_place import Line, Service

from emulator.wire.msnp.dialects import DIALECTS

VERBS = tuple(
    """VER INF CVR USR CHG UUX QRY ADL RML FQY BLP PRP UUN UUM SDC SND PGD PAG LKP XFR URL GCF IMS FND PUT DEL SDG OUT
    PNG SYN GTC ADD ADC REM ADG RMG REG REA SBP LST CAL MSG ANS VAS NOT QQQ""".split()  # noqa: SIM905
)
COMMON = tuple(
    """0 1 7 -1 99999999999 ² ٣ NLN HDN SB NS AL BL FL RL I S A SSO TWN MD5 SHA MFN PHH N=bob@example.com F=x C=1
    bob@example.com alice@example.com 1:bob@example.com bob@example.com;{x} tel:+31123 contact@hotmail.com 5:5
    msmsgs@msnmsgr.com {44bfd5a4-7450-4bda-ba3a-c51b3031126d} %00 %ff%fe PROD0114ES4Z%Q5W MSNP8""".split()  # noqa: SIM905
)
WORDS = st.one_of(
    st.sampled_from(COMMON), st.text(st.characters(codec="utf-8", exclude_characters="\r\n "), max_size=12)
)
PAYLOADS = st.binary(max_size=60)
LISTS = (
    b'<ml l="1"></ml>',
    b'<ml><d n="example.com"><c n="bob" l="3" t="1"/></d></ml>',
    b'<ml><d n="example.com"><c n="bob" l="4"/></d><t><c n="tel:+1" l="1"/></t></ml>',
    '<ml><d n="²"><c n="٣" l="²" t="٣"/></d></ml>'.encode(),
    b'<ml l="1"><d n="example.com"><c n="bob" l="6" t="256"/><c n="" l="1"/></d></ml>',
)
SHOWN = (
    b"",
    b"<Data><PSM>x</PSM></Data>",
    b'<EndpointData id="{x}"><Capabilities>x:9</Capabilities></EndpointData>',
    "<EndpointData><Capabilities>²:٣</Capabilities></EndpointData>".encode(),
    "<PrivateEndpointData><ClientType>²</ClientType></PrivateEndpointData>".encode(),
    b"<PrivateEndpointData><EpName>\xff</EpName></PrivateEndpointData>",
)
WORDS_TO_OTHERS = (b"gtfo", b"goawyplzthxbye", b"hello", b"\x00\xff")
SENT = {
    **dict.fromkeys(("ADL 9", "RML 9", "FQY 9"), LISTS),
    "UUX 9": SHOWN,
    **dict.fromkeys(
        (
            "UUN 9 bob@example.com 4",
            "UUN 9 alice@example.com 4",
            "UUM 9 bob@example.com 1 1",
            "UUM 9 bob@example.com 1",
        ),
        WORDS_TO_OTHERS,
    ),
    **dict.fromkeys(
        ("QRY 9 PROD0114ES4Z%Q5W", "MSG 9 N", "MSG 9 D", "PGD 9 tel:+31123456 1", "PUT 9"), WORDS_TO_OTHERS
    ),
}
KNOWN = tuple(
    f"{head} {len(payload)}\r\n".encode() + payload for head, payloads in SENT.items() for payload in payloads
)  # well-formed commands, so that random ones do not end every session before it has done anything


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return draw(st.sampled_from(KNOWN))
    words = [draw(st.sampled_from(VERBS)), *draw(st.lists(WORDS, max_size=6))]
    if draw(st.booleans()):
        return " ".join(words).encode() + b"\r\n"
    payload = draw(PAYLOADS)
    return " ".join((*words, str(len(payload)))).encode() + b"\r\n" + payload


def at_home() -> Service:
    service = Service()
    for one in ("alice@example.com", "bob@example.com"):
        service.world.accounts.create(one, "opal-Kite7")
    service.world.books.add_contact("bob@example.com", "alice@example.com", allow=True)
    return service


def quiet(line: Line) -> None:
    """It still answers."""
    line.read()
    assert line.send(b"PNG\r\n").startswith(b"QNG")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_known_command_in_every_dialect(dialect):
    service = at_home()
    bystander = service.person("bob@example.com")
    for command in (*KNOWN, *(b"%s 9\r\n" % verb.encode() for verb in VERBS)):
        line = service.person("alice@example.com", dialect)
        line.send(command)
        line.hang_up()
        quiet(bystander)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(dialect=st.sampled_from(sorted(DIALECTS)), sent=st.lists(commands(), max_size=8), rest=st.binary(max_size=30))
def test_any_commands_in_any_session(dialect, sent, rest):
    service = at_home()
    bystander = service.person("bob@example.com", "MSNP15")
    line = service.person("alice@example.com", dialect)
    for one in sent:
        if line.far.finished or line.hung_up:
            break
        line.send(one)
    line.send(rest)
    quiet(bystander)
    service.clock.advance(1000)
    line.hang_up()
    assert line.far.finished
    assert not service.world.online("alice@example.com")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(commands(), max_size=6))
def test_any_commands_in_a_switchboard_session(sent):
    service = Service()
    service.world.accounts.create("alice@example.com", "opal-Kite7")
    alice = service.person("alice@example.com")
    alice.read()
    board = service.line()
    board.send(b"USR 1 alice@example.com " + alice.send(b"XFR 9 SB\r\n").split()[5] + b"\r\n")
    board.send(b"CAL 2 contact@hotmail.com\r\n")
    for one in sent:
        board.send(one)
    board.hang_up()
    assert board.far.finished
    assert not service.world.switchboards.sessions_of("alice@example.com")
    quiet(alice)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=80))
def test_any_opening(data):
    service = Service()
    bystander = service.person("bob@example.com")
    line = service.line()
    line.send(data)
    line.hang_up()
    assert line.far.finished
    quiet(bystander)
