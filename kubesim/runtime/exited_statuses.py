"""Answers about containers that have ended, kept for who asks again.

What ended does not change, and a kubelet asks for the status of each dead container whenever something happens to its
pod, and every five minutes for its images.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.runtime.objects import Container, ContainerMoment

ANSWERS_MAX = 64
"""Those asked for last; a node with more dead containers than that has other things to do."""

ImageNames = tuple[list[str], list[str]]


class ExitedStatuses:
    """Serialised answers of ContainerStatus by id, each with what it was made from."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[str, tuple[ContainerMoment, ImageNames, bytes]] = {}

    def answer(self, container: Container, names: ImageNames, build: Callable[[], bytes]) -> bytes:
        """The answer about a container that has ended, whose image has these names now; built if it is a new one."""
        moment = container.now
        before = self._answers.pop(container.id, None)
        if before is None or before[0] is not moment or before[1] != names:
            before = (moment, names, build())
        self._answers[container.id] = before
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        return before[2]
