"""Offline messages from one client to another: lock key, storing, the notice, reading, deleting, and the refusals."""

from __future__ import annotations

import re

import envelopes as say
import pytest
import web
from people import go_online, sign_in, sign_in_ticketed, sign_off, tickets
from read_mail import LOCKS, MESSAGES, METADATA, mail_data
from running import Running, needs_root
from sums import PRODUCTS, new_answer
from trees import literal

pytestmark = needs_root
STORE, READ = "/OimWS/oim.asmx", "/rsi/rsi.asmx"


def store(there: Running, call: str, action: str = say.STORE_2006) -> web.Answer:
    return web.soap(there.address, "ows.messenger.msn.com", STORE, action, call)


def read(there: Running, operation: str, ticket: str, body: str = "") -> web.Answer:
    call = say.reading_call(operation, ticket, body)
    return web.soap(there.address, "rsi.hotmail.com", READ, f"{say.RSI}/{operation}", call, quoted=False)


def write(
    there: Running,
    sender: str,
    to: str,
    ticket: str,
    text: str,
    number: int = 1,
    *,
    family: str = "papyon",
    **more: str,
) -> web.Answer:
    """Store as a family does: first without a key, then with the answer to the challenge that it found."""
    product, key = PRODUCTS["wlm85" if family in ("libpurple", "msnpsharp") else "wlm81"]
    content = say.offline_mime(text, number, fold=family == "msnpsharp")
    asked = store(there, say.offline_call(sender, to, ticket, product, "", content, number, **more))
    assert asked.status == 500
    lock = new_answer(LOCKS[family](asked.body), product, key)
    return store(there, say.offline_call(sender, to, ticket, product, lock, content, number, **more))


@pytest.mark.parametrize("family", LOCKS)
def test_a_message_waits_and_is_read(there: Running, pair: tuple[str, str], family: str) -> None:
    """Written by each family that can, read by each that can; told at sign-in, gone after deletion."""
    one, other = pair
    mine, theirs = tickets(there.address, one)[0], tickets(there.address, other)[0]
    text = "Привет, Алиса! See you at 7. " + "é" * 60
    pad = "\n    " if family == "papyon" else ""
    done = write(there, one, other, mine[say.SECURE], text, family=family, pad=pad)
    assert done.status == 200, done.text
    assert re.search(r"<StoreResponse xmlns=\"[^\"]*2004/09/oim/\"", done.text), "in the namespace of the request"
    assert 'Upper="1"' in done.text
    wire, _ = sign_in(there.address, other)
    wire.ask("CHG 5 NLN 0 0", "CHG 5 NLN")
    wire.wait("MSG Hotmail Hotmail")
    assert b"text/x-msmsgsinitialmdatanotification" in wire.payload
    notice = re.search(rb"\r\nMail-Data: (<MD>.*</MD>)\r\n", wire.payload)
    assert notice
    (told,) = mail_data(literal(notice.group(1)).children[0])
    for reader in METADATA.values():
        (entry,) = reader(read(there, "GetMetadata", theirs[say.MESSENGER]).body)
        assert entry == told
        assert (entry.sender, entry.nickname) == (one, "Anna Ω")
    for reader_of in MESSAGES.values():
        asked = f"<messageId>{told.identifier}</messageId><alsoMarkAsRead>false</alsoMarkAsRead>"
        assert reader_of(read(there, "GetMessage", theirs[say.MESSENGER], asked).body) == text
    gone = f"<messageIds><messageId>{told.identifier}</messageId></messageIds>"
    assert read(there, "DeleteMessages", theirs[say.MESSENGER], gone).status == 200
    assert METADATA["amsn"](read(there, "GetMetadata", theirs[say.MESSENGER]).body) == []
    second = read(there, "DeleteMessages", theirs[say.MESSENGER], gone)
    assert second.status == 500
    assert "Schema validation error" in second.text
    sign_off(wire)


def test_somebody_online_is_told_at_once(there: Running, pair: tuple[str, str]) -> None:
    """text/x-msmsgsoimnotification, also to a client of MSNP12 whose tickets are for messenger.msn.com."""
    one, other = pair
    wire, _ = sign_in_ticketed(there.address, other, "MSNP12", program="7.5.0324")
    wire.ask("SYN 5 0 0", "SYN 5")
    go_online(wire, capabilities="1073791028 0", product="msn75")
    mine = tickets(there.address, one)[0]
    assert write(there, one, other, mine[say.SECURE], "now").status == 200
    for _ in range(5):
        wire.wait("MSG Hotmail Hotmail")
        if b"text/x-msmsgsoimnotification" in wire.payload:
            break
    assert f"<E>{one}</E>".encode() in wire.payload
    sign_off(wire)


def test_old_clients_store_with_the_old_action_and_ticket(there: Running, pair: tuple[str, str]) -> None:
    """MSNP13: SOAPAction of 2004, a ticket for messenger.msn.com; lock keys are kept and used again."""
    one, other = pair
    ticket = tickets(there.address, one)[0][say.MESSENGER]
    product, key = PRODUCTS["wlm81"]
    first = store(there, say.offline_call(one, other, ticket, product, "", say.offline_mime("a", 1), 1), say.STORE_2004)
    lock = new_answer(LOCKS["amsn"](first.body), product, key)
    for number in (1, 2, 5):  # gaps happen: emesene counts its retries
        call = say.offline_call(one, other, ticket, product, lock, say.offline_mime("a", number), number)
        assert store(there, call, say.STORE_2004).status == 200


def code(answer: web.Answer) -> str:
    assert answer.status == 500
    return literal(answer.body).need("soap:Envelope/soap:Body/soap:Fault/faultcode")


def test_refusals_of_offline_messages(there: Running, pair: tuple[str, str]) -> None:
    one, other = pair
    ticket = tickets(there.address, one)[0][say.SECURE]
    assert code(write(there, one, "nobody@people.test", ticket, "x")) == "q0:SystemUnavailable"
    product, key = PRODUCTS["wlm81"]
    asked = store(there, say.offline_call(one, other, ticket, product, "0" * 32, say.offline_mime("x", 1), 1))
    assert code(asked) == "q0:AuthenticationFailed"
    lock = new_answer(LOCKS["papyon"](asked.body), product, key)
    broken = say.offline_mime("x", 1).replace(f"X-OIM-Run-Id: {say.RUN}\r\n", "")
    answer = store(there, say.offline_call(one, other, ticket, product, lock, broken, 1))
    assert code(answer) == "q0:InvalidContent"
    assert re.search('<Machine name="[^"]+" ver="[^"]+"/>', answer.text)
    forged = store(there, say.offline_call(one, other, "t=forged&p=", product, lock, say.offline_mime("x", 1), 1))
    assert code(forged) == "q0:AuthenticationFailed"
    assert "RequiredAuthPolicy" in forged.text
    assert "LockKeyChallenge" not in forged.text
    unread = read(there, "GetMetadata", "t=forged&p=")
    assert code(unread) == "q0:AuthenticationFailed"
    assert "RequiredAuthPolicy" in unread.text
    for number in range(2, 40):
        call = say.offline_call(one, other, ticket, product, lock, say.offline_mime("x", number), number)
        answer = store(there, call)
        if answer.status == 500:
            break
    assert code(answer) == "q0:SenderThrottleLimitExceeded"
