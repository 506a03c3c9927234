"""What only one of several threads does, where nobody may wait for another."""

from collections import deque


class Turn:
    """Taken by the first who asks; the others find it taken, and go on. No lock, so that a fork leaves none locked.

    >>> turn = Turn()
    >>> turn.take(), turn.take()
    (True, False)
    """

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free = deque([True])

    def take(self) -> bool:
        """Whether it was free, and is the caller's now."""
        try:
            return self._free.pop()
        except IndexError:
            return False

    def give_back(self) -> None:
        """Let the next have it."""
        self._free.append(True)
