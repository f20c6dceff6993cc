"""A lock between the kubelet's own tasks. Waiters get it in the order in which they came."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from kubesim.kernel import Promise


class Mutex:
    """`async with mutex:` lets `places` tasks in at a time."""

    def __init__(self, places: int = 1) -> None:
        self._free = places
        self._waiting: deque[Promise[None]] = deque()

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn: Promise[None] = Promise()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            # A task that is cancelled while it waits gives up its place, also one that it has just got.
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._waiting:
            self._waiting.popleft().resolve(None)
        else:
            self._free += 1
