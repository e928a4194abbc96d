"""Questions over UDP with the retransmission times of a real client: a machine that is told the time. No socket.

Not a datagram talk (`datagram.py`), whose questions are repeated as whoever owns the socket likes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

import msgspec

from emulator.wire.receipt import Endpoint

T = TypeVar("T")

QUESTIONS = 32  # of one dialogue; the machine gives up on one that never ends


class Outgoing(msgspec.Struct, frozen=True):
    """One datagram to send. `beside`: from a second socket of the same host, whose answers nobody reads."""

    data: bytes
    to: Endpoint
    beside: bool = False


class Question(msgspec.Struct, frozen=True):
    """Send all of `sends`, in this order, at once and after every wait, until a datagram matches.

    `waits` are seconds, one behind each try; behind the last the question is unanswered. `match` is asked with the
    datagram and where it came from.
    """

    sends: tuple[Outgoing, ...]
    match: Callable[[bytes, Endpoint], bool]
    waits: tuple[float, ...]


class Answer(msgspec.Struct, frozen=True):
    """What matched, where it came from, and at which try (from 1)."""

    data: bytes
    source: Endpoint
    tries: int


Dialogue = Generator[Question | Outgoing, Answer | None, T]


class Timed(Generic[T]):
    """Drives one dialogue. Every call gives the datagrams to send now; `wake` says when to call `due` next.

    Times are seconds of any monotonic clock. `result` is set once `done`; after that nothing is sent any more.
    """

    def __init__(self, dialogue: Dialogue[T]) -> None:
        self._dialogue = dialogue
        self._question: Question | None = None
        self._tries = 0
        self.wake: float | None = None
        self.done = False
        self.cut_short = False
        self.result: T | None = None

    def start(self, now: float) -> tuple[Outgoing, ...]:
        """The first datagrams."""
        return self._go_on(None, now)

    def due(self, now: float) -> tuple[Outgoing, ...]:
        """Time has passed: repeat the question, or go on without its answer."""
        if self._question is None or self.wake is None or now < self.wake:
            return ()
        if self._tries < len(self._question.waits):
            return self._try(now)
        return self._go_on(None, now)

    def received(self, data: bytes, source: Endpoint, now: float) -> tuple[Outgoing, ...]:
        """A datagram came; what does not answer the open question is passed over."""
        if self._question is None or not self._question.match(data, source):
            return ()
        return self._go_on(Answer(data, source, self._tries), now)

    def give_up(self) -> None:
        """End now: the open question and all that would follow stay unanswered, nothing more is sent."""
        for _ in range(QUESTIONS):
            if self.done:
                return
            self.cut_short = True
            self._go_on(None, 0.0)

    def _go_on(self, answer: Answer | None, now: float) -> tuple[Outgoing, ...]:
        out: list[Outgoing] = []
        self._question, self.wake, self._tries = None, None, 0
        try:
            for _ in range(QUESTIONS):
                effect = self._dialogue.send(answer)
                if isinstance(effect, Question):
                    self._question = effect
                    return (*out, *self._try(now))
                out.append(effect)
                answer = None
        except StopIteration as stop:
            self.done, self.result = True, stop.value
        return tuple(out)

    def _try(self, now: float) -> tuple[Outgoing, ...]:
        assert self._question is not None
        self.wake = now + self._question.waits[self._tries]
        self._tries += 1
        return self._question.sends
