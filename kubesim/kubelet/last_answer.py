"""What the last answer of the runtime was read as, for who asks the same again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Read = TypeVar("Read")


class LastAnswer(Generic[Read]):
    """Reads serialised answers. The same bytes say the same, and are read once as long as no other ones come."""

    __slots__ = ("_answer", "_found", "_read")

    def __init__(self, read: Callable[[bytes], Read]) -> None:
        self._read = read
        self._answer: bytes | None = None
        self._found: Read | None = None

    def of(self, answer: bytes) -> Read:
        """What the answer says."""
        if answer != self._answer or self._found is None:
            self._found = self._read(answer)
            self._answer = answer
        return self._found
