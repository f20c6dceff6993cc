"""How tasks wait for one another, and for the world outside the kernel.

All of them wake waiters in the order in which they began to wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Generator
from typing import Any, Generic, TypeVar, cast

from kubesim.errors import KubesimError
from kubesim.kernel.task import Arm, Disarm, Task, suspend, suspending

T = TypeVar("T")


class ChannelClosed(KubesimError):
    """The channel is closed: nothing can be sent, and all that was sent has been received."""


class _Waiters:
    """Suspended tasks in the order of their arrival."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        # A list, although the first leaves first: it is nearly always empty or short, and there are several for every
        # emulated process, where an empty deque takes ten times the memory.
        self._tasks: list[Task[Any]] = []

    def __len__(self) -> int:
        return len(self._tasks)

    async def wait(self) -> Any:
        return await suspend(self.arm)

    def wake_one(self, value: object = None) -> None:
        self._tasks.pop(0).wake(value)

    def wake_all(self, value: object = None) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.wake(value)

    def arm(self, task: Task[Any]) -> Disarm:
        self._tasks.append(task)
        return self._tasks.remove


class Event:
    """A flag that tasks can wait for. `set` wakes all waiters; `clear` makes later waiters wait again."""

    __slots__ = ("_waiters", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._waiters: _Waiters | None = None  # there are thousands of events that nobody ever waits for

    @property
    def waiters_count(self) -> int:
        """How many tasks wait."""
        return 0 if self._waiters is None else len(self._waiters)

    def set(self) -> None:
        """Raise the flag and wake everyone."""
        self.is_set = True
        if self._waiters is not None:
            self._waiters.wake_all()

    def clear(self) -> None:
        """Lower the flag."""
        self.is_set = False

    @suspending
    def wait(self) -> Generator[Arm, Any, None]:
        """Return once the flag is up; at once if it is."""
        if not self.is_set:
            if self._waiters is None:
                self._waiters = _Waiters()
            yield self._waiters.arm


class Promise(Generic[T]):
    """A value that arrives later, once: the door for answers from outside the kernel."""

    def __init__(self) -> None:
        self.is_settled = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiters = _Waiters()

    def resolve(self, value: T) -> None:
        """Give the value. A promise that is settled stays as it is."""
        if not self.is_settled:
            self.is_settled = True
            self._value = value
            self._waiters.wake_all()

    def fail(self, error: BaseException) -> None:
        """Give an exception instead of a value."""
        if not self.is_settled:
            self.is_settled = True
            self._error = error
            self._waiters.wake_all()

    async def wait(self) -> T:
        """The value; raises the exception given to `fail`."""
        if not self.is_settled:
            await self._waiters.wait()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class Channel(Generic[T]):
    """A queue between tasks. Iterating receives until the channel is closed and empty.

    `capacity` bounds what may lie in it; `send` waits for room. None means no bound.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.is_closed = False
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._receivers = _Waiters()
        self._senders = _Waiters()

    def __len__(self) -> int:
        return len(self._items)

    def send_nowait(self, item: T) -> bool:
        """Put an item; False when the channel is full. Raises ChannelClosed."""
        if self.is_closed:
            raise ChannelClosed("send on a closed channel")
        if self._capacity is not None and len(self._items) >= self._capacity:
            return False
        self._items.append(item)
        if len(self._receivers):
            self._receivers.wake_one()
        return True

    async def send(self, item: T) -> None:
        """Put an item, waiting for room. Raises ChannelClosed."""
        while not self.send_nowait(item):
            await self._senders.wait()

    async def receive(self) -> T:
        """Take the oldest item, waiting for one. Raises ChannelClosed."""
        while not self._items:
            if self.is_closed:
                raise ChannelClosed("receive on a closed channel")
            await self._receivers.wait()
        item = self._items.popleft()
        if len(self._senders):
            self._senders.wake_one()
        if self._items and len(self._receivers):
            # The wake-up of a receiver that was cancelled meanwhile must not be lost for the next one.
            self._receivers.wake_one()
        return item

    def close(self) -> None:
        """No more items. What is in the channel can still be received."""
        self.is_closed = True
        self._receivers.wake_all()
        self._senders.wake_all()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            try:
                item = await self.receive()
            except ChannelClosed:
                return
            yield item
