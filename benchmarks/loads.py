"""What a Messenger service carries: sign-ins, idle sessions, switchboard messages, presence for many, a gateway's file.

Clients are those of `messenger`, made by hand. Peer: an asyncio server in Python; its numbers, measured once on two
shared cores, are written down here.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from benchmarks.messenger import Line, at_the_same_time, cast, enter, names, present, sign_ins, ticket
from benchmarks.rows import Row, say
from benchmarks.served import ADDRESS, Served

PEOPLE, CONTACTS = 200, 10  # who sign in, and how many each of them knows; nobody is signed in twice at a time
SIGN_INS, SECURE, AT_ONCE = 1_000, 400, 8  # over HTTP, over TLS, in flight
IDLE = 10_000
PAIRS, MESSAGES, SIZE = 8, 5_000, 80  # switchboard sessions, messages in each, bytes of a payload
FRIENDS, CHANGES = 500, 20
HUB = "person0@example.com"
FILE = 10_000_000  # bytes
CHUNK = 1202  # bytes of a file in one switchboard message
POST = 40  # messages in one request to the gateway


def rows() -> Iterator[Row]:
    """One row after the other, as they are measured; each load has a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with Served(place, cast(PEOPLE, _acquaintances)) as served:
            asyncio.run(sign_ins(ADDRESS, names(50), AT_ONCE))  # what is made once, is made
            for count, secure, way, goal, peer in (
                (SIGN_INS, False, "plain HTTP", "150 /s", _peer("13 /s")),
                (SECURE, True, "TLS, three handshakes each", "", ""),
            ):
                say(f"{count} sign-ins over {way}")
                before = served.busy
                rate = asyncio.run(sign_ins(ADDRESS, [*islice(cycle(names(PEOPLE)), count)], AT_ONCE, secure=secure))
                work = (served.busy - before) / count * 1000
                measured = f"{rate:.0f} /s, {work:.1f} ms of the server's time each"
                yield (f"complete MSNP15 sign-ins over {way} ({count})", measured, goal, peer)
        with Served(place, cast(IDLE)) as served:
            say(f"{IDLE} sessions that do nothing")
            cost = asyncio.run(idle_memory(served)) / 1000
            yield (f"memory of a signed-in session ({IDLE:,})", f"{cost:.1f} kB", "12 kB", _peer("38 kB"))
        with Served(place, cast(2 * PAIRS)):
            say(f"{PAIRS * MESSAGES} switchboard messages, then a file over the gateway")
            rate = asyncio.run(switchboard_rate())
            what = f"switchboard messages of {SIZE} bytes, {PAIRS} sessions at once"
            yield (what, f"{rate:,.0f} /s", "25,000 /s", _peer("12,000 /s"))
            seconds = asyncio.run(gateway_file())
            yield (f"{FILE // 10**6} MB in messages, both ends by gateway alone", f"{seconds:.1f} s", "20 s", "")
        with Served(place, cast(FRIENDS + 1, lambda number: (HUB,))):
            say(f"presence to {FRIENDS} friends, {CHANGES} times")
            seconds = asyncio.run(presence_spread())
            yield (f"presence to {FRIENDS} online friends", f"{seconds * 1000:.0f} ms", "100 ms", "")


def _peer(text: str) -> str:
    return f"asyncio server in Python: {text}"


def _acquaintances(number: int) -> list[str]:
    everybody = names(PEOPLE)
    return [everybody[(number + step) % PEOPLE] for step in range(1, CONTACTS + 1)]


async def idle_memory(served: Served, count: int = IDLE) -> float:
    """Bytes of the server's memory that a signed-in session costs."""
    proofs = dict(await at_the_same_time(AT_ONCE, names(count), _named))
    before = served.memory

    async def one(account: str) -> Line:
        line = await enter(ADDRESS, account, *proofs[account])
        await present(line)
        return line

    lines = await at_the_same_time(AT_ONCE, names(count), one)
    cost = (served.memory - before) / count
    for line in lines:
        line.close()
    return cost


async def _named(account: str) -> tuple[str, tuple[list[str], str]]:
    return account, await ticket(ADDRESS, account)


async def signed_in(account: str, people: str = "") -> Line:
    """Tickets, session, presence."""
    line = await enter(ADDRESS, account, *await ticket(ADDRESS, account))
    await present(line, people)
    return line


async def board(caller: Line, who: str, callee: Line, whom: str) -> tuple[Line, Line]:
    """A switchboard session of two."""
    cookie = (await caller.ask("XFR 8 SB", "XFR 8 SB"))[5]
    one = await Line.open(ADDRESS)
    await one.ask(f"USR 1 {who} {cookie}", "USR 1 OK")
    await one.ask(f"CAL 2 {whom}", "CAL 2 RINGING")
    ring = await callee.wait("RNG")
    other = await Line.open(ADDRESS)
    await other.ask(f"ANS 1 {whom} {ring[4]} {ring[1]}", "ANS 1 OK")
    await one.wait("JOI")
    return one, other


async def switchboard_rate() -> float:
    """Messages of 80 bytes delivered per second, in several sessions of two at once."""
    people = names(2 * PAIRS)
    lines = [await signed_in(one) for one in people]
    boards = []
    for at in range(0, 2 * PAIRS, 2):
        boards.append(await board(lines[at], people[at], lines[at + 1], people[at + 1]))
    payload = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n".ljust(SIZE, b"x")
    started = time.monotonic()
    await asyncio.gather(*(_pour(one, other, payload) for one, other in boards))
    rate = PAIRS * MESSAGES / (time.monotonic() - started)
    for line in (*lines, *(end for pair in boards for end in pair)):
        line.close()
    return rate


async def _pour(one: Line, other: Line, payload: bytes) -> None:
    one.writer.write(f"MSG 3 N {len(payload)}\r\n".encode() + payload)
    head = await other.reader.readuntil(b"\r\n")  # as every one of them will arrive
    await other.reader.readexactly(len(payload))
    size = len(head) + len(payload)

    async def send() -> None:
        for start in range(0, MESSAGES, 50):
            batch = b"".join(
                f"MSG {number} N {len(payload)}\r\n".encode() + payload for number in range(start, start + 50)
            )
            one.writer.write(batch)
            await one.writer.drain()

    async def receive() -> None:
        left = MESSAGES * size
        while left > 0:
            data = await other.reader.read(1 << 16)
            if not data:
                raise RuntimeError("the switchboard closed")
            left -= len(data)

    await asyncio.gather(send(), receive())


async def presence_spread() -> float:
    """Seconds until all online friends have seen a change of status; the median of many changes."""
    hub = await signed_in(HUB)
    friends = await at_the_same_time(AT_ONCE, names(FRIENDS + 1)[1:], signed_in)
    times = []
    for number in range(CHANGES):
        status = ("BSY", "NLN")[number % 2]
        started = time.monotonic()
        hub.writer.write(f"CHG {10 + number} {status} 2007498796 0\r\n".encode())
        await asyncio.gather(*(friend.wait(f"NLN {status} {HUB}") for friend in friends))
        times.append(time.monotonic() - started)
    for line in (hub, *friends):
        line.close()
    return statistics.median(times)


async def gateway_file() -> float:
    """Seconds for a file of 10 MB in switchboard messages when both ends reach the switchboard by the gateway alone."""
    people = names(2)
    lines = [await signed_in(one) for one in people]
    cookie = (await lines[0].ask("XFR 8 SB", "XFR 8 SB"))[5]
    one, other = Gateway(), Gateway()
    await one.ask(f"USR 1 {people[0]} {cookie}\r\nCAL 2 {people[1]}\r\n".encode(), b"CAL 2 RINGING")
    ring = await lines[1].wait("RNG")
    await other.ask(f"ANS 1 {people[1]} {ring[4]} {ring[1]}\r\n".encode(), b"ANS 1 OK")
    data = os.urandom(FILE)
    head = f"MIME-Version: 1.0\r\nContent-Type: application/x-msnmsgrp2p\r\nP2P-Dest: {people[1]}\r\n\r\n".encode()
    pieces = [data[at : at + CHUNK] for at in range(0, FILE, CHUNK)]
    started = time.monotonic()
    digest = asyncio.create_task(_collect(other, len(head)))
    for at in range(0, len(pieces), POST):
        batch = bytearray()
        for number, piece in enumerate(pieces[at : at + POST], at + 3):
            payload = head + bytes(48) + piece + bytes(4)  # header and footer are the peers' business
            batch += f"MSG {number} D {len(payload)}\r\n".encode() + payload
        await one.post(bytes(batch))
    whole = await digest
    seconds = time.monotonic() - started
    if whole != hashlib.sha1(data).digest():
        raise RuntimeError("the file arrived changed")
    for line in lines:
        line.close()
    one.close()
    other.close()
    return seconds


async def _collect(gateway: Gateway, head: int) -> bytes:
    digest, got, buffer = hashlib.sha1(), 0, b""
    while got < FILE:
        buffer += await gateway.post(b"", poll=True)
        while (end := buffer.find(b"\r\n")) >= 0:
            words = buffer[:end].split()
            size = int(words[-1]) if words[0] == b"MSG" else 0
            if len(buffer) < end + 2 + size:
                break
            piece = buffer[end + 2 + head + 48 : end + 2 + size - 4] if size else b""
            digest.update(piece)
            got += len(piece)
            buffer = buffer[end + 2 + size :]
    return digest.digest()


class Gateway:
    """A switchboard session over HTTP, by hand: one connection, one request at a time, polls that are held."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._query = f"Action=open&Server=SB&IP={ADDRESS}"

    async def ask(self, data: bytes, wanted: bytes) -> None:
        """Send, and poll until the answer is there."""
        got = await self.post(data)
        while wanted not in got:
            got += await self.post(b"", poll=True)

    async def post(self, data: bytes, *, poll: bool = False) -> bytes:
        """One request; the MSNP bytes of its answer."""
        if self._line is None:
            self._line = await Line.open(ADDRESS, 80)
        query = f"Action=poll&Lifespan=5&{self._query}" if poll else self._query
        head = f"POST /gateway/gateway.dll?{query} HTTP/1.1\r\nHost: gateway.messenger.hotmail.com\r\n"
        self._line.writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = (await self._line.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
        self._query = fields["X-MSN-Messenger"].split("; ")[0]
        return await self._line.reader.readexactly(int(fields["Content-Length"]))

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
