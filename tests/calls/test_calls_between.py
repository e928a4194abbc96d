"""Calls between two registered clients: a whole call with media, and what the called end sees, as raw bytes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_twisted
from calling import FAR, NEAR, Registered, both, near_line, phone_on
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred

from emulator.client.call_dialog import Call
from emulator.client.network import Unexpected
from emulator.services.registrar import People
from emulator.wire import sdp


def turn() -> Deferred[None]:
    return task.deferLater(reactor, 0.02, lambda: None)


@pytest_twisted.ensureDeferred
async def test_a_whole_call_with_media_between_the_two() -> None:
    with phone_on(reactor) as phone:
        one, other = await both(phone)
        near, far = near_line(reactor), near_line(reactor, answering=True)
        taken = other.takes(far)
        call = await one.call(other.account, near)
        assert call.heard == ["100 Trying", "180 Ringing", "200 OK"]
        near.connect(sdp.decode(call.answer).audio, NEAR)
        await near.check()
        near.start()
        await task.deferLater(reactor, 0.3, lambda: None)
        await near.settle()
        await turn()
        assert near.measured()["received"] >= 12
        assert near.measured()["sent"] == far.measured()["received"]
        assert not phone.lines  # nothing of it is the emulator's
        over: list[str] = []
        call.on_over = over.append
        await taken[0].hang_up()  # the one who was called
        assert over == ["BYE"]
        for done in (near, far):
            done.close()
        for end in (one, other):
            end.telephone.close()


@pytest_twisted.ensureDeferred
async def test_refused_and_cancelled() -> None:
    with phone_on(reactor) as phone:
        one, other = await both(phone)
        line = near_line(reactor)
        other.telephone.on_call = lambda call: call.refuse("603 Decline")
        with pytest.raises(Unexpected) as refused:
            await one.call(other.account, line)
        assert refused.value.status == 603
        rung: list[Call] = []
        other.telephone.on_call = rung.append
        begun: list[Call] = []
        waiting = Deferred.fromCoroutine(one.call(other.account, line, begun.append))
        while not rung:
            await turn()
        await begun[0].cancel()
        with pytest.raises(Unexpected) as cancelled:
            await waiting
        assert cancelled.value.status == 487
        assert rung[0].state == "over"
        line.close()
        for end in (one, other):
            end.telephone.close()


@pytest_twisted.ensureDeferred
async def test_who_leaves_while_it_rings() -> None:
    with phone_on(reactor) as phone:
        one, other = await both(phone)
        line = near_line(reactor)
        rung: list[Call] = []
        other.telephone.on_call = rung.append
        waiting = Deferred.fromCoroutine(one.call(other.account, line))
        while not rung:
            await turn()
        other.telephone.close()
        with pytest.raises(Unexpected) as gone:
            await waiting
        assert gone.value.status == 480
        third = Registered(phone, 40003)
        await third.register()
        third.telephone.on_call = rung.append
        waiting = Deferred.fromCoroutine(one.call(third.account, line))
        waiting.addErrback(lambda failure: None)
        while len(rung) < 2:
            await turn()
        one.telephone.close()
        await turn()
        assert rung[1].state == "over"
        third.telephone.close()
        line.close()


@pytest_twisted.ensureDeferred
async def test_who_vanishes_in_the_midst_of_a_call_hangs_up_by_it() -> None:
    with phone_on(reactor) as phone:
        for called in (False, True):
            one, other = await both(phone)
            taken: list[Call] = []
            line = near_line(reactor)

            def ringing(call: Call, taken: list[Call] = taken, other: Registered = other) -> None:
                taken.append(call)
                call.accept(other.telephone.contact, call.offer)

            other.telephone.on_call = ringing
            call = await one.call(other.account, line)
            ends = [(one, call), (other, taken[0])]
            (gone, _), (left, talking) = reversed(ends) if called else ends
            over: list[str] = []
            talking.on_over = over.append
            heard: list[bytes] = []
            receive = left.stream._data

            def listen(data: bytes, heard: list[bytes] = heard, receive: Any = receive) -> None:
                heard.append(data)
                receive(data)

            left.stream.attach(listen, lambda error: None)
            gone.telephone.close()
            while not over:
                await turn()
            assert over == ["BYE"]
            bye = heard[-1]
            assert bye.startswith(b"BYE sip:%s:%d" % (NEAR.encode(), left.telephone.local.port))
            assert re.search(rb"CSeq: %d BYE\r\n" % (1 if called else 2), bye)
            assert {tag.decode() for tag in re.findall(rb"tag=([0-9a-f]+)", bye)} == {
                *re.findall("tag=([0-9a-f]+)", talking.local),
                *re.findall("tag=([0-9a-f]+)", talking.remote),
            }
            left.telephone.close()
            line.close()


class Strict(People):
    """Nobody may be rung."""

    def admits(self, callee: str, caller: str) -> bool:
        return False


@pytest_twisted.ensureDeferred
async def test_who_may_not_call() -> None:
    with phone_on(reactor) as phone:
        one, other = await both(phone)
        line = near_line(reactor)
        stranger = Registered(phone, 40004)  # never registered
        with pytest.raises(Unexpected) as unknown:
            await stranger.call(other.account, line)
        assert unknown.value.status == 403
        stranger.telephone.account = one.account
        with pytest.raises(Unexpected) as pretending:
            await stranger.call(other.account, line)
        assert pretending.value.status == 403
        phone.exchange._people = Strict()
        with pytest.raises(Unexpected) as blocked:
            await one.call(other.account, line)
        assert blocked.value.status == 480
        line.close()
        for end in (one, other, stranger):
            end.telephone.close()


@pytest_twisted.ensureDeferred
async def test_what_the_called_end_gets_by_rfc_3261() -> None:
    with phone_on(reactor) as phone:
        one, other = await both(phone)
        heard: list[bytes] = []
        other.stream.attach(heard.append, lambda error: None)
        line = near_line(reactor)
        waiting = Deferred.fromCoroutine(one.call(other.account, line))
        while not heard:
            await turn()
        head = heard[0].partition(b"\r\n\r\n")[0].decode()
        vias = re.findall(r"(?m)^v: (.*)\r?$", head)
        assert len(vias) == 2  # 16.6, step 8: ours on top
        assert vias[0].startswith(f"SIP/2.0/TLS {FAR}:443;branch=z9hG4bK")
        assert f";received={NEAR};rport=40001" in vias[1]
        assert re.search(r"(?m)^Max-Forwards: 69\r?$", head)  # step 3
        assert f"Record-Route: <sip:{FAR}:443;transport=tls;lr>" in head  # step 4
        assert len(re.findall(r"(?m)^l: ", head)) == 1
        copied = [row for row in head.split("\r\n") if row[:2] in ("v:", "f:", "t:", "i:") or row.startswith("CSeq")]
        answer = "\r\n".join(["SIP/2.0 486 Busy Here", *copied]).replace(">\r\ni:", ">;tag=raw\r\ni:")
        other.stream.send(answer.encode() + b"\r\nl: 0\r\n\r\n")
        with pytest.raises(Unexpected) as busy:
            await waiting
        assert busy.value.status == 486
        await turn()
        acknowledged = heard[-1].decode()
        assert acknowledged.startswith(f"ACK sip:{other.account} SIP/2.0")
        assert re.findall(r"(?m)^v: (.*)\r?$", acknowledged)[0] == vias[0]  # hop by hop: the branch of the INVITE
        line.close()
        for end in (one, other):
            end.telephone.close()
