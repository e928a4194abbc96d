"""Clients of several generations against a real `serve`, with no codec of ours at their end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from scripted_client import Wire, sign_in, soap, tickets
from served import ADDRESS, Served, needs_root

pytestmark = needs_root

PASSWORD = "opal-Kite7"
ALICE, BOB, ECHO = "alice@example.com", "bob@example.com", "echo@example.com"
BOOK = "http://www.msn.com/webservices/AddressBook"
WHOLE = "<abId>00000000-0000-0000-0000-000000000000</abId>"
TEXT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.end_orderly()


def book_call(operation: str, ticket: str, body: str, service: str = "abservice") -> tuple[int, str]:
    text = ticket.replace("&", "&amp;")
    envelope = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>'
        f'<ABApplicationHeader xmlns="{BOOK}"><ApplicationId>CFE80F9D-180F-4399-82AB-413F33A1FA11</ApplicationId>'
        "<IsMigration>false</IsMigration><PartnerScenario>Initial</PartnerScenario></ABApplicationHeader>"
        f'<ABAuthHeader xmlns="{BOOK}"><ManagedGroupRequest>false</ManagedGroupRequest>'
        f"<TicketToken>{text}</TicketToken>"
        f"</ABAuthHeader></soap:Header><soap:Body>"
        f'<{operation} xmlns="{BOOK}">{body}</{operation}></soap:Body></soap:Envelope>'
    )
    return soap(ADDRESS, "contacts.msn.com", f"/abservice/{service}.asmx", f"{BOOK}/{operation}", envelope)


@pytest.mark.parametrize("dialect", ["MSNP15", "MSNP16", "MSNP18"])
def test_a_single_sign_on_client_gets_online_with_its_own_proof(served: Served, dialect: str) -> None:
    wire, _ = sign_in(ADDRESS, ALICE, PASSWORD, dialect)
    wire.close()


def test_a_wrong_password_gets_the_fault_that_clients_know(served: Served) -> None:
    with pytest.raises(AssertionError, match="wsse:FailedAuthentication"):
        tickets(ADDRESS, ALICE, "not-it")


def test_contacts_and_lists_come_from_the_cast(served: Served) -> None:
    _, by_site = sign_in(ADDRESS, ALICE, PASSWORD)
    status, text = book_call("ABFindAll", by_site["contacts.msn.com"], WHOLE)
    assert status == 200
    assert BOB in text
    assert "Climbing" in text
    filters = "<serviceFilter><Types><ServiceType>Messenger</ServiceType></Types></serviceFilter>"
    status, text = book_call("FindMembership", by_site["contacts.msn.com"], filters, "SharingService")
    assert status == 200
    assert re.search(r"<MemberRole>Allow</MemberRole>.*" + BOB, text)


def test_a_contact_that_was_added_is_there_the_next_time(served: Served) -> None:
    wire, by_site = sign_in(ADDRESS, BOB, PASSWORD)
    body = (
        "<abId>00000000-0000-0000-0000-000000000000</abId><groupInfo><GroupInfo><name>Added by a test</name>"
        "<groupType>C8529CE2-6EAD-434d-881F-341E17DB3FF8</groupType></GroupInfo></groupInfo>"
    )
    status, text = book_call("ABGroupAdd", by_site["contacts.msn.com"], f"{body}")
    assert status == 200, text
    wire.close()
    _, again = sign_in(ADDRESS, BOB, PASSWORD)
    status, text = book_call("ABFindAll", again["contacts.msn.com"], WHOLE)
    assert "Added by a test" in text


def test_a_forged_ticket_is_refused_as_clients_expect(served: Served) -> None:
    status, text = book_call("ABFindAll", "t=forged&p=", WHOLE)
    assert status == 500
    assert "PassportAuthFail" in text


def chat(one: Wire, account: str, callee: str) -> Wire:
    """A switchboard session to a callee that answers."""
    cookie = one.ask("XFR 20 SB", "XFR 20 SB").split(" ")[5]
    board = Wire(ADDRESS)
    board.ask(f"USR 1 {account} {cookie}", "USR 1 OK")
    board.ask(f"CAL 2 {callee}", "CAL 2 RINGING")
    return board


def test_chat_with_the_echo_contact(served: Served) -> None:
    alice, _ = sign_in(ADDRESS, ALICE, PASSWORD)
    board = chat(alice, ALICE, ECHO)
    board.wait(f"JOI {ECHO}")
    payload = TEXT + "Olá, Ω!".encode()
    board.ask(f"MSG 3 A {len(payload)}", "ACK 3", payload)
    for _ in range(4):  # somebody who types says so first
        board.wait(f"MSG {ECHO}")
        if b"Content-Type: text/plain" in board.payload:
            break
    assert board.payload == payload
    board.say("OUT")
    board.close()
    alice.close()


def test_two_people_chat_and_see_each_other(served: Served) -> None:
    alice, _ = sign_in(ADDRESS, ALICE, PASSWORD)
    bob, _ = sign_in(ADDRESS, BOB, PASSWORD)
    alice.wait(f"NLN NLN {BOB}")
    bob.say("CHG 9 BSY 2007498796 0")
    alice.wait(f"NLN BSY {BOB}")
    board = chat(alice, ALICE, BOB)
    ring = bob.wait("RNG ").split(" ")
    seat = Wire(ADDRESS)
    seat.ask(f"ANS 1 {BOB} {ring[4]} {ring[1]}", f"IRO 1 1 1 {ALICE}")
    seat.wait("ANS 1 OK")
    board.wait(f"JOI {BOB}")
    for sender, receiver, account in ((board, seat, ALICE), (seat, board, BOB)):
        payload = TEXT + account.encode()
        sender.ask(f"MSG 5 A {len(payload)}", "ACK 5", payload)
        receiver.wait(f"MSG {account}")
        assert receiver.payload == payload
    for wire in (board, seat, alice, bob):
        wire.close()
