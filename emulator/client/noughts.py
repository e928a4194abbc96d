"""Noughts and crosses, the game of the emulator's directory: the squares, whose they are, and a good next move.

Not how moves travel (`games`).
"""

from __future__ import annotations

from emulator.client.network import Unexpected

LINES = ("123", "456", "789", "147", "258", "369", "159", "357")
BEST = "513792468"  # the middle, then corners


class Grid:
    """One round. Moves are squares, `1` to `9` by rows; whoever invited begins."""

    def __init__(self) -> None:
        self.moves: list[str] = []

    def place(self, square: str) -> None:
        """Make the next move. Raises Unexpected: no square, taken, or the round is over."""
        if self.over or len(square) != 1 or square not in BEST or square in self.moves:
            raise Unexpected(f"no move: {square[:40]!r} after {''.join(self.moves) or 'nothing'}")
        self.moves.append(square)

    @property
    def won(self) -> bool:
        """Whether the last move made a line."""
        return _wins(self.moves[-1::-2])

    @property
    def over(self) -> bool:
        """A line, or no square left."""
        return self.won or len(self.moves) == len(BEST)

    def choice(self) -> str:
        """A move for whoever is next: one that wins, else one that keeps the other from winning, else the best free."""
        free = [square for square in BEST if square not in self.moves]
        mine, theirs = self.moves[-2::-2], self.moves[-1::-2]
        for squares in (mine, theirs):
            for square in free:
                if _wins([*squares, square]):
                    return square
        return free[0]


def _wins(squares: list[str]) -> bool:
    return any(all(square in squares for square in line) for line in LINES)
