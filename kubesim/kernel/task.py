"""Tasks: coroutines that the kernel drives, and how they sleep, end and are cancelled.

Rule 1: a coroutine suspends only by yielding an *arm* function. The task calls it with itself; it arranges for
`task.wake(...)` to be called later and returns a *disarm* function, called with the task too, that undoes the
arrangement.
Rule 2: cancellation disarms first, then throws `Cancelled` at the point of suspension, once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from threading import local
from types import TracebackType, coroutine
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Self, TypeVar, cast

if TYPE_CHECKING:
    from kubesim.kernel.loop import Kernel, Timer

T = TypeVar("T")
P = ParamSpec("P")

Disarm = Callable[["Task[Any]"], object]
Arm = Callable[["Task[Any]"], Disarm]


class Cancelled(BaseException):
    """Thrown into a task that is being cancelled. Let it pass; use `finally` to clean up."""


def suspending(function: Callable[P, Generator[object, Any, T]]) -> Callable[P, Coroutine[object, Any, T]]:
    """Make a generator function one that is awaited: it suspends by yielding an arm function itself.

    For what thousands wait in at once: a coroutine that awaits `suspend` is two objects, and this is one.
    """
    return cast("Callable[P, Coroutine[object, Any, T]]", coroutine(function))


@suspending
def suspend(arm: Arm) -> Generator[Arm, Any, Any]:
    """Suspend the running task until `task.wake(value)` is called; the value is returned.

    `arm` must not wake the task before it returns: whoever need not wait does not suspend.
    """
    return (yield arm)


class _Running(local):
    """Which task takes a step at this moment: one for each thread, as each may drive a kernel."""

    task: Task[Any] | None = None


_running = _Running()


def current_task() -> Task[Any]:
    """The running task. Raises RuntimeError when none is: what calls this is part of a task."""
    if _running.task is None:
        raise RuntimeError("no task is running")
    return _running.task


async def time_left_ns() -> int | None:
    """How long the running task has until its deadline, 0 when that has passed; None when it has none."""
    task = current_task()
    return None if task.deadline_ns is None else max(task.deadline_ns - task.kernel.now_ns, 0)


def _nothing_armed(task: Task[Any]) -> None:
    """The disarm function of a task that waits for nothing."""


def _cancel_timer(task: Task[Any]) -> None:
    """That of a task that waits for nothing but its timer."""
    timer = task._timer  # noqa: SLF001 - same module, same idea
    if timer is not None:
        task.kernel.cancel(timer)


class Task(Generic[T]):
    """A coroutine on the kernel. `result()` is its value once `is_done`; `join()` waits for it.

    `deadline_ns` is when whoever waits for the task loses patience (None: never): it ends nothing by itself, it is
    there for work that arranges its time by it, as in a Go context.
    """

    __slots__ = (
        "_coroutine",
        "_disarm",
        "_error",
        "_held",
        "_is_throw_due",
        "_result",
        "_timer",
        "_watchers",
        "deadline_ns",
        "is_done",
        "kernel",
        "name",
    )

    def __init__(self, kernel: Kernel, coroutine: Coroutine[Any, Any, T], *, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.is_done = False
        self.deadline_ns: int | None = None
        self._coroutine = coroutine
        self._disarm: Disarm = _nothing_armed
        self._is_throw_due = False
        self._held: list[Callable[[], object]] | None = None
        self._error: BaseException | None = None
        self._result: T | None = None
        self._timer: Timer | None = None
        # A tuple, although it grows: most tasks have one watcher or none, and there are thousands of tasks.
        self._watchers: tuple[Callable[[Task[T]], object], ...] = ()

    def start(self, time_left_ns: int | None = None) -> None:
        """Schedule the first step at the present instant. `time_left_ns` from now is the deadline, if there is one."""
        if time_left_ns is not None:
            self.deadline_ns = self.kernel.now_ns + time_left_ns
        self.wake()

    def run_first_step(self, time_left_ns: int | None) -> None:
        """As `start`, but the step runs at once: for the pump, between two events. Raises as an event would."""
        if time_left_ns is not None:
            self.deadline_ns = self.kernel.now_ns + time_left_ns
        self._send(None)

    def wake(self, value: object = None) -> None:
        """Schedule the next step at the present instant; the suspended `await` gives `value`."""
        self._timer = self.kernel.call_soon(self._send, value)
        self._disarm = _cancel_timer

    def wake_after(self, delay_ns: int) -> Disarm:
        """As an arm function does: the next step comes after so long, and `await` gives None."""
        self._timer = self.kernel.call_later(delay_ns, self._send)
        return _cancel_timer

    def cancel(self, reason: Cancelled | None = None) -> None:
        """Throw `Cancelled` into the task at its point of suspension. Does nothing to a task that is done.

        A task that is cancelled again before the first throw arrived keeps the first; one that is cancelled
        again while it cleans up is interrupted there. A paused task goes on with it, unless there is a `reason`:
        that waits for `resume`.
        """
        if self.is_done or self._is_throw_due:
            return
        if reason is None:
            self._held = None
        self._disarm(self)
        self._disarm = _nothing_armed
        self._is_throw_due = True
        self.kernel.call_soon(self._throw, reason or Cancelled(self.name))

    def pause(self) -> None:
        """Let the task take no further step until `resume`; does nothing to a task that is paused.

        What it waits for goes on meanwhile. Only a cancellation without a reason gets through.
        """
        if self._held is None:
            self._held = []

    def resume(self) -> None:
        """Undo `pause`: a step that became due meanwhile is taken at this instant."""
        held, self._held = self._held, None
        for step in held or ():
            step()

    def watch(self, callback: Callable[[Task[T]], object]) -> None:
        """Call `callback(task)` when the task ends; at once if it has. Whoever watches owns its exception."""
        if self.is_done:
            callback(self)
        else:
            self._watchers = (*self._watchers, callback)

    def unwatch(self, callback: Callable[[Task[T]], object]) -> None:
        """Undo `watch`."""
        watchers = list(self._watchers)
        if callback in watchers:
            watchers.remove(callback)
            self._watchers = tuple(watchers)

    def result(self) -> T:
        """The coroutine's value; raises what it raised."""
        if not self.is_done:
            raise RuntimeError(f"task {self.name} has not ended")
        if self._error is not None:
            raise self._error
        return cast("T", self._result)

    @property
    def error(self) -> BaseException | None:
        """What the coroutine raised, if it ended by raising."""
        return self._error

    async def join(self) -> T:
        """Wait for the end; returns its value or raises what it raised."""
        if not self.is_done:

            def arm(waiter: Task[Any]) -> Disarm:
                def ended(_: Task[T]) -> None:
                    waiter.wake()

                self.watch(ended)
                return lambda _: self.unwatch(ended)

            await suspend(arm)
        return self.result()

    def _send(self, value: object = None) -> None:
        if self._held is not None:
            self._held.append(lambda: self.wake(value))
            self._disarm = Task._forget_held
            return
        self._advance(self._coroutine.send, value)

    def _forget_held(self) -> None:
        """The disarm function of a paused task that has been woken."""
        if self._held is not None:
            self._held.clear()

    def _throw(self, error: Cancelled) -> None:
        self._is_throw_due = False
        if self.is_done:
            return
        if self._held is not None:
            self._held.append(lambda: self.cancel(error))
            return
        # A task that cancelled itself suspended on something after that: it must not be woken by it as well.
        self._disarm(self)
        self._advance(self._coroutine.throw, error)

    def _advance(self, step: Callable[[Any], Arm], argument: object) -> None:
        self._disarm = _nothing_armed
        self._timer = None  # it fired, or was cancelled: who waits for something else need not keep it
        # A step can drive a whole kernel of its own: what was running then goes on after it.
        outer, _running.task = _running.task, self
        try:
            arm = step(argument)
        except StopIteration as stop:
            _running.task = outer
            result, error = stop.value, None
        except BaseException as raised:  # noqa: BLE001 - the task ends here; its watchers or the kernel get it
            _running.task = outer
            result, error = None, raised
        else:
            _running.task = outer
            self._disarm = arm(self)
            return
        self._finish(result, error)

    def _finish(self, result: T | None, error: BaseException | None) -> None:
        self.is_done = True
        self._disarm = _nothing_armed
        self._result = result
        self._error = error
        if isinstance(error, Cancelled):
            # Nobody asks where a task was when it was cancelled, and the frames would keep all they worked on alive.
            error.__traceback__ = None
        watchers, self._watchers = self._watchers, ()
        for watcher in watchers:
            watcher(self)
        if error is not None and not watchers and not isinstance(error, Cancelled):
            # Nobody else will ever see it, so it ends the run: this call came straight from the kernel's loop.
            raise error


@suspending
def sleep(delay_ns: int) -> Generator[Arm, Any, None]:
    """Suspend the running task for `delay_ns` nanoseconds of the kernel's time."""
    yield partial(_wake_after, delay_ns)


def _wake_after(delay_ns: int, task: Task[Any]) -> Disarm:
    return task.wake_after(delay_ns)


def checkpoint() -> Coroutine[object, Any, None]:
    """Let everything else that is due at this instant run first."""
    return sleep(0)


class TaskGroup:
    """Children that end together: `async with TaskGroup() as group: group.spawn(...)`.

    The block waits for all children. If one fails, the others and the block itself are cancelled and its
    exception is raised; several failures come as an ExceptionGroup. If the block raises or is cancelled, the
    children are cancelled.
    """

    def __init__(self) -> None:
        self._owner: Task[Any] | None = None
        self._is_in_body = False
        self._stop_body = Cancelled("a sibling failed")
        self._children: list[Task[Any]] = []
        self._errors: list[BaseException] = []
        self._waiter: Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._owner = current_task()
        self._is_in_body = True
        return self

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> Task[T]:
        """Start a child. Its exception ends the group."""
        if self._owner is None:
            raise RuntimeError("a TaskGroup is entered with `async with` before it spawns")
        task: Task[T] = Task(self._owner.kernel, coroutine, name=name)
        self._children.append(task)
        task.watch(self._ended)
        task.start()
        return task

    def cancel(self) -> None:
        """Cancel all children; the block then ends quietly."""
        for child in list(self._children):
            child.cancel()

    def _ended(self, task: Task[Any]) -> None:
        self._children.remove(task)
        if task.error is not None and not isinstance(task.error, Cancelled):
            self._errors.append(task.error)
            self.cancel()
            if self._is_in_body and self._owner is not None:
                self._owner.cancel(self._stop_body)
        if not self._children and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.wake()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self._is_in_body = False
        if isinstance(error, GeneratorExit):
            return False  # the kernel was dropped with all its tasks: nobody would run the children to their end
        if error is not None:
            self.cancel()
        while self._children:
            try:
                await suspend(self._arm)
            except Cancelled as cancelled:
                # The owner is cancelled while it waits: the children go first, then the owner.
                error = error or cancelled
                self.cancel()
        errors = list(self._errors)
        if error is not None and error is not self._stop_body:
            if isinstance(error, Cancelled) or not errors:
                raise error
            errors.insert(0, error)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("several tasks of a group failed", errors)
        return False

    def _arm(self, task: Task[Any]) -> Disarm:
        self._waiter = task

        def disarm(_: Task[Any]) -> None:
            self._waiter = None

        return disarm
