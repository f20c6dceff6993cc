"""What answers of the runtime were read as, kept for those that come again.

A kubelet asks about every sandbox and container of a pod whenever one of them changes, and most have not.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Read = TypeVar("Read")

ANSWERS_MAX = 256
"""Those read last: sandboxes and containers of what happens on a node now, not of all that runs on it."""


class KnownAnswers(Generic[Read]):
    """What was read from serialised answers, by what they are about: the same bytes say the same."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[str, tuple[bytes, Read]] = {}

    def get(self, key: str, answer: bytes) -> Read | None:
        """What the last answer was read as; None when there was none, or another one."""
        known = self._answers.get(key)
        return known[1] if known is not None and known[0] == answer else None

    def put(self, key: str, answer: bytes, read: Read) -> None:
        """Keep what this answer was read as, in the place of the answer before."""
        self._answers.pop(key, None)
        self._answers[key] = (answer, read)
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
