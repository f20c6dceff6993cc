"""`within` is `timeout` around one coroutine, but for the timer of work that does not suspend."""

import gc
from collections.abc import Callable, Coroutine
from inspect import CORO_CLOSED, getcoroutinestate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import Cancelled, Kernel, sleep, time_left_ns, timeout, within

Work = Coroutine[Any, Any, str]
Bound = Callable[[int, Work], Work]


async def by_statement(delay_ns: int, work: Work) -> str:
    async with timeout(delay_ns):
        return await work


async def by_function(delay_ns: int, work: Work) -> str:
    return await within(delay_ns, work)


def story(bound: Bound, naps: list[int], delays: list[int], cancelled_at: int) -> list[str]:
    """What work that naps sees within nested bounds, and what comes of it."""
    kernel = Kernel(start_ns=0)
    log: list[str] = []

    async def work() -> str:
        try:
            for nap in naps:
                log.append(f"{kernel.now_ns} left {await time_left_ns()}")
                await sleep(nap)
        finally:
            log.append(f"{kernel.now_ns} work ends")
        return "done"

    async def bounded(level: int) -> str:
        if level == len(delays):
            return await work()
        try:
            return await bound(delays[level] + level + 1, bounded(level + 1))
        except TimeoutError as error:
            log.append(f"{kernel.now_ns} level {level}: {error}")
            return "late"
        finally:
            log.append(f"{kernel.now_ns} level {level} left {await time_left_ns()}")

    task = kernel.spawn(bounded(0), name="bounded")
    kernel.call_at(cancelled_at, task.cancel)
    kernel.run_until_idle()
    log.append(repr(task.error) if task.error is not None else task.result())
    return log


# Naps, bounds and the cancellation have times of their own: what is due at one instant is another question.
@given(
    naps=st.lists(st.integers(0, 20).map(lambda number: 8 * number), max_size=4),
    delays=st.lists(st.integers(0, 60).map(lambda number: 8 * number), max_size=3),
    cancelled_at=st.integers(0, 60).map(lambda number: 8 * number + 4),
)
def test_they_say_the_same(naps: list[int], delays: list[int], cancelled_at: int) -> None:
    assert story(by_function, naps, delays, cancelled_at) == story(by_statement, naps, delays, cancelled_at)


def test_work_that_does_not_suspend_costs_no_timer() -> None:
    kernel = Kernel(start_ns=0)

    async def at_once() -> str:
        return f"left {await time_left_ns()}"

    async def main() -> str:
        said = await within(50, at_once())
        assert kernel.sequence == 1  # the start of this task
        return said

    task = kernel.spawn(main(), name="main")
    kernel.run_until_idle()
    assert task.result() == "left 50"


def test_what_work_raises_passes() -> None:
    kernel = Kernel(start_ns=0)

    async def work() -> str:
        await sleep(1)
        raise LookupError("of its own")

    async def main() -> None:
        await within(50, work())

    kernel.spawn(main(), name="main")
    with pytest.raises(LookupError, match="of its own"):
        kernel.run_until_idle()
    assert kernel.pending_count == 0


def test_a_cancellation_is_not_taken_for_a_timeout() -> None:
    kernel = Kernel(start_ns=0)

    async def main() -> None:
        await within(50, sleep(100))

    task = kernel.spawn(main(), name="main")
    kernel.call_at(10, task.cancel)
    kernel.run_until_idle()
    assert isinstance(task.error, Cancelled)
    assert kernel.now_ns == 10


def test_a_cancellation_leaves_nothing_in_cycles() -> None:
    kernel = Kernel(start_ns=0)

    def life() -> None:
        task = kernel.spawn(within(50, sleep(100)), name="main")
        kernel.call_at(kernel.now_ns + 10, task.cancel)
        kernel.run_until_idle()

    life()
    gc.collect()
    life()
    assert gc.collect() == 0


def test_work_that_was_closed_already_does_not_hinder_the_end() -> None:
    kernel = Kernel(start_ns=0)

    async def nap() -> None:
        await sleep(100)

    async def main() -> None:
        await within(50, work)

    work, waiting = nap(), main()
    kernel.spawn(waiting, name="main")
    kernel.run_until(10)
    work.close()  # as Python may when nobody holds any of them
    waiting.close()
    assert getcoroutinestate(waiting) == CORO_CLOSED
