"""Serialised answers about objects that change rarely, kept for who asks again.

What ended does not change, and a kubelet asks for the status of each dead container whenever something happens to its
pod, and every five minutes for its images. It asks for the sandbox each time too, of which nothing changes while the
containers in it come and go.

Rule: an answer holds as long as all that it was made from is the same.
"""

from __future__ import annotations

from collections.abc import Callable

ANSWERS_MAX = 64
"""Those built last; a node with more pods in trouble than that has other things to do."""


class KeptAnswers:
    """Answers by the id of their object, each with what it was made from."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[str, tuple[tuple[object, ...], bytes]] = {}

    def answer(self, object_id: str, made_from: tuple[object, ...], build: Callable[[], bytes]) -> bytes:
        """The answer about an object, built if what it is made from is not what it was before."""
        known = self._answers.get(object_id)
        if known is not None and known[0] == made_from:
            return known[1]
        answer = build()
        self._answers.pop(object_id, None)
        self._answers[object_id] = (made_from, answer)
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        return answer
