"""Coroutines on the kernel: sleep, groups, cancellation, timeouts."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import (
    Cancelled,
    Channel,
    Event,
    Kernel,
    Promise,
    Task,
    TaskGroup,
    checkpoint,
    sleep,
    time_left_ns,
    timeout,
)
from kubesim.kernel.task import current_task


def run(main: Callable[[Kernel], Awaitable[Any]]) -> Any:
    """Drive one coroutine to its end on a fresh kernel that starts at 0."""
    kernel = Kernel(start_ns=0)

    async def body() -> Any:
        return await main(kernel)

    task = kernel.spawn(body(), name="main")
    task.watch(lambda _: None)
    kernel.run_until_idle()
    assert kernel.pending_count == 0
    return task.result()


def test_sleep_takes_virtual_time() -> None:
    async def main(kernel: Kernel) -> int:
        await sleep(5)
        await sleep(7)
        return kernel.now_ns

    assert run(main) == 12


def test_the_current_task_costs_no_event() -> None:
    kernel = Kernel(start_ns=0)

    async def main() -> str:
        return current_task().name

    task = kernel.spawn(main(), name="me")
    kernel.run_until_idle()

    assert (task.result(), kernel.events_fired) == ("me", 1)


def test_join_gives_the_value_or_the_exception() -> None:
    async def good() -> int:
        await sleep(3)
        return 42

    async def bad() -> int:
        await sleep(3)
        raise ValueError("bad")

    async def main(kernel: Kernel) -> int:
        value = await kernel.spawn(good(), name="good").join()
        with pytest.raises(ValueError, match="bad"):
            await kernel.spawn(bad(), name="bad").join()
        done = kernel.spawn(good(), name="done")
        await sleep(10)
        return value + await done.join()

    assert run(main) == 84


def test_an_exception_nobody_waits_for_ends_the_run() -> None:
    kernel = Kernel(start_ns=0)

    async def bad() -> None:
        await sleep(3)
        raise ValueError("unseen")

    kernel.spawn(bad(), name="bad")
    with pytest.raises(ValueError, match="unseen"):
        kernel.run_until_idle()


def test_a_cancelled_task_runs_its_finally_and_leaves_no_timer() -> None:
    kernel = Kernel(start_ns=0)
    log: list[str] = []

    async def sleeper() -> None:
        try:
            await sleep(1_000)
        finally:
            await sleep(2)
            log.append("cleaned")

    task = kernel.spawn(sleeper(), name="sleeper")
    kernel.run_until(5)
    task.cancel()
    task.cancel()
    kernel.run_until_idle()

    assert (log, kernel.now_ns, kernel.pending_count) == (["cleaned"], 7, 0)
    with pytest.raises(Cancelled):
        task.result()


def test_a_task_cancelled_before_its_first_step_never_runs() -> None:
    kernel = Kernel(start_ns=0)
    log: list[str] = []

    async def never() -> None:
        log.append("ran")

    kernel.spawn(never(), name="never").cancel()
    kernel.run_until_idle()

    assert log == []


def test_a_task_that_cancels_itself_is_woken_only_once() -> None:
    kernel = Kernel(start_ns=0)
    log: list[str] = []

    async def selfish() -> None:
        current_task().cancel()
        try:
            await sleep(10)
        finally:
            log.append("thrown")

    kernel.spawn(selfish(), name="selfish")
    kernel.run_until_idle()

    assert (log, kernel.now_ns) == (["thrown"], 0)


def test_timeout_raises_and_a_block_in_time_does_not() -> None:
    async def main(kernel: Kernel) -> int:
        async with timeout(10):
            await sleep(4)
        with pytest.raises(TimeoutError, match="not done within 5e-09s"):
            async with timeout(5):
                await sleep(100)
        return kernel.now_ns

    assert run(main) == 9


def test_an_outer_timeout_passes_through_an_inner_one() -> None:
    async def main(kernel: Kernel) -> int:
        with pytest.raises(TimeoutError):
            async with timeout(5), timeout(50):
                await sleep(100)
        return kernel.now_ns

    assert run(main) == 5


def test_within_a_timeout_the_task_knows_how_long_it_has() -> None:
    seen: list[int | None] = []

    async def main(kernel: Kernel) -> int:
        seen.append(await time_left_ns())
        async with timeout(50):
            seen.append(await time_left_ns())
            await sleep(20)
            seen.append(await time_left_ns())
            async with timeout(100):  # never later than the outer one
                seen.append(await time_left_ns())
            async with timeout(5):
                seen.append(await time_left_ns())
            seen.append(await time_left_ns())
        seen.append(await time_left_ns())
        return 0

    run(main)

    assert seen == [None, 50, 30, 30, 5, 30, None]


def test_a_task_may_be_started_with_a_deadline_that_ends_nothing() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int | None] = []

    async def work() -> None:
        seen.append(await time_left_ns())
        await sleep(30)
        seen.append(await time_left_ns())

    Task(kernel, work(), name="work").start(time_left_ns=20)
    kernel.run_until_idle()

    assert (seen, kernel.now_ns) == ([20, 0], 30)


def test_a_group_waits_for_its_children() -> None:
    async def main(kernel: Kernel) -> int:
        async with TaskGroup() as group:
            group.spawn(sleep(5), name="a")
            group.spawn(sleep(9), name="b")
        return kernel.now_ns

    assert run(main) == 9


@pytest.mark.parametrize("body_ns", [0, 100])
def test_a_failing_child_cancels_its_siblings_and_the_block(body_ns: int) -> None:
    log: list[str] = []

    async def fail() -> None:
        await sleep(3)
        raise ValueError("child")

    async def sibling() -> None:
        try:
            await sleep(50)
        finally:
            log.append("sibling ended")

    async def main(kernel: Kernel) -> int:
        with pytest.raises(ValueError, match="child"):
            async with TaskGroup() as group:
                group.spawn(fail(), name="fail")
                group.spawn(sibling(), name="sibling")
                await sleep(body_ns)
        return kernel.now_ns

    assert (run(main), log) == (3, ["sibling ended"])


def test_several_failures_come_as_a_group() -> None:
    async def fail(text: str) -> None:
        try:
            await sleep(3)
        finally:
            raise ValueError(text)

    async def main(kernel: Kernel) -> None:
        async with TaskGroup() as group:
            group.spawn(fail("one"), name="one")
            group.spawn(fail("two"), name="two")

    with pytest.raises(BaseExceptionGroup) as caught:
        run(main)
    assert sorted(str(error) for error in caught.value.exceptions) == ["one", "two"]


def test_a_failing_block_cancels_the_children() -> None:
    async def main(kernel: Kernel) -> int:
        with pytest.raises(KeyError):
            async with TaskGroup() as group:
                group.spawn(sleep(100), name="child")
                await checkpoint()
                raise KeyError("block")
        return kernel.now_ns

    assert run(main) == 0


def test_cancelling_the_owner_of_a_group_ends_the_children_first() -> None:
    kernel = Kernel(start_ns=0)
    log: list[str] = []

    async def child() -> None:
        try:
            await sleep(100)
        finally:
            log.append("child")

    async def owner() -> None:
        try:
            async with TaskGroup() as group:
                group.spawn(child(), name="child")
        finally:
            log.append("owner")

    task = kernel.spawn(owner(), name="owner")
    kernel.run_until(5)
    task.cancel()
    kernel.run_until_idle()

    assert (log, kernel.pending_count) == (["child", "owner"], 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 25)), max_size=20))
def test_cancellation_at_any_time_leaves_nothing_behind(plan: list[tuple[int, int]]) -> None:
    kernel = Kernel(start_ns=0)
    event, promise, channel = Event(), Promise[int](), Channel[int](capacity=1)
    ends: list[int] = []

    async def worker(number: int, kind: int) -> None:
        try:
            match kind:
                case 0:
                    await event.wait()
                case 1:
                    await promise.wait()
                case 2:
                    await channel.send(1)
                case 3:
                    async with timeout(15):
                        await sleep(30)
                case _:
                    await sleep(100)
        except TimeoutError:
            pass
        finally:
            ends.append(number)

    for number, (kind, cancel_ns) in enumerate(plan):
        task = kernel.spawn(worker(number, kind % 5), name=f"w{number}")
        kernel.call_at(cancel_ns, task.cancel)
    kernel.run_until_idle()

    assert sorted(ends) == [number for number, (_, at) in enumerate(plan) if number in ends]
    assert event.waiters_count == 0
    assert kernel.pending_count == 0
    # Whoever had begun to run has ended; a task cancelled at time 0 may never have begun.
    assert len(ends) >= sum(1 for _, cancel_ns in plan if cancel_ns > 0)


def test_a_group_in_a_kernel_that_is_dropped_does_not_wait_for_its_children() -> None:
    async def forever() -> None:
        await Event().wait()

    async def group() -> None:
        async with TaskGroup() as children:
            children.spawn(forever(), name="child")
            await Event().wait()

    coroutine = group()
    kernel = Kernel(seed=1)
    kernel.spawn(coroutine, name="group")
    kernel.run_until(kernel.now_ns)
    coroutine.close()
    assert coroutine.cr_frame is None
