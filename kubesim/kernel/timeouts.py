"""Work that must be done in time.

Both forms set the task's deadline as well, which work can arrange its time by: see `time_left_ns`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from kubesim.kernel.task import Arm, Cancelled, Task, current_task, suspending

if TYPE_CHECKING:
    from kubesim.kernel.loop import Timer

T = TypeVar("T")


class timeout:  # noqa: N801 - reads as a statement: `async with timeout(2 * SECOND):`
    """`async with timeout(delay_ns):` raises TimeoutError when the block takes longer than `delay_ns`.

    Within the block the task's deadline is no later than that.
    """

    def __init__(self, delay_ns: int) -> None:
        self._delay_ns = delay_ns
        self._outer_deadline_ns: int | None = None
        self._reason = Cancelled("timeout")
        self._timer: Timer | None = None
        self._task: Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._task = current_task()
        kernel = self._task.kernel
        end_ns = kernel.now_ns + self._delay_ns
        self._timer = kernel.call_at(end_ns, self._task.cancel, self._reason)
        self._outer_deadline_ns = outer_ns = self._task.deadline_ns
        self._task.deadline_ns = end_ns if outer_ns is None else min(end_ns, outer_ns)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if self._task is not None and self._timer is not None:
            self._task.kernel.cancel(self._timer)
            self._task.deadline_ns = self._outer_deadline_ns
        if error is self._reason:
            raise TimeoutError(f"not done within {self._delay_ns / 1e9:g}s") from None
        return False


@suspending
def within(
    delay_ns: int, work: Coroutine[Any, Any, T], *, late: Callable[[], Exception] | None = None
) -> Generator[Arm, Any, T]:
    """The value of `work`; raises `late()` or TimeoutError, and cancels it, when that takes longer than `delay_ns`.

    As `async with timeout(delay_ns): return await work`, but nothing is scheduled for work that does not suspend.
    Of bounds within one another that end at one instant it is the inner one that passes.
    """
    task = current_task()
    kernel, outer_deadline_ns = task.kernel, task.deadline_ns
    end_ns = kernel.now_ns + delay_ns
    task.deadline_ns = end_ns if outer_deadline_ns is None else min(end_ns, outer_deadline_ns)
    reason: Cancelled | None = None
    timer: Timer | None = None
    step: Callable[[Any], Arm] = work.send
    argument: Any = None
    try:
        while True:
            arm = step(argument)
            if timer is None:
                reason = Cancelled("timeout")
                timer = kernel.call_at(end_ns, task.cancel, reason)
            try:
                step, argument = work.send, (yield arm)
            except GeneratorExit:
                work.close()  # nobody goes on with the task; maybe somebody closed the work already
                raise
            except BaseException as thrown:  # noqa: BLE001 - whatever is thrown into the task is for the work
                step, argument = work.throw, thrown
    except StopIteration as stop:
        value: T = stop.value
        return value
    except Cancelled as error:
        if error is reason:
            raise TimeoutError(f"not done within {delay_ns / 1e9:g}s") if late is None else late() from None
        raise
    finally:
        if timer is not None:
            kernel.cancel(timer)
        task.deadline_ns = outer_deadline_ns
        argument = None  # an error that was thrown holds this frame
