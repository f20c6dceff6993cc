"""Tasks that are paused: nothing runs, and what came due meanwhile happens at resume."""

import pytest

from kubesim.kernel import Cancelled, Event, Kernel, Task, sleep, timeout


def test_a_timer_that_comes_due_while_paused_takes_effect_at_resume() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int] = []

    async def main() -> None:
        for _ in range(2):
            await sleep(10)
            seen.append(kernel.now_ns)

    task = kernel.spawn(main(), name="main")
    kernel.run_until(5)
    task.pause()
    kernel.run_until(50)
    assert seen == []
    task.resume()
    kernel.run_until(100)

    assert seen == [50, 60]


def test_a_pause_that_ends_before_anything_is_due_changes_nothing() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int] = []

    async def main() -> None:
        await sleep(10)
        seen.append(kernel.now_ns)

    task = kernel.spawn(main(), name="main")
    kernel.run_until(2)
    task.pause()
    task.pause()  # the second one does nothing
    kernel.run_until(7)
    task.resume()
    kernel.run_until(20)

    assert (seen, task.is_done) == ([10], True)


def test_paused_before_its_first_step() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int] = []

    async def main() -> None:
        seen.append(kernel.now_ns)

    task = kernel.spawn(main(), name="main")
    task.pause()
    kernel.run_until(9)
    assert seen == []
    task.resume()
    kernel.run_until(9)

    assert seen == [9]


def test_tasks_that_are_resumed_run_in_the_order_of_their_resumes() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[str] = []

    async def main(name: str) -> None:
        await sleep(1)
        seen.append(name)

    tasks = {name: kernel.spawn(main(name), name=name) for name in "abc"}
    kernel.run_until(0)
    for task in tasks.values():
        task.pause()
    kernel.run_until(5)
    for name in "cab":
        tasks[name].resume()
    kernel.run_until(5)

    assert seen == ["c", "a", "b"]


def test_a_timeout_that_passes_while_paused_is_raised_at_resume() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int] = []

    async def main() -> None:
        try:
            async with timeout(10):
                await sleep(100)
        except TimeoutError:
            seen.append(kernel.now_ns)

    task = kernel.spawn(main(), name="main")
    kernel.run_until(1)
    task.pause()
    kernel.run_until(40)
    assert seen == []
    task.resume()
    kernel.run_until(200)

    assert seen == [40]


def test_an_event_that_is_set_while_paused_is_not_lost() -> None:
    kernel = Kernel(start_ns=0)
    event = Event()
    seen: list[int] = []

    async def main() -> None:
        await event.wait()
        seen.append(kernel.now_ns)

    task = kernel.spawn(main(), name="main")
    kernel.run_until(1)
    task.pause()
    event.set()
    kernel.run_until(30)
    assert seen == []
    task.resume()
    kernel.run_until(30)

    assert seen == [30]


@pytest.mark.parametrize("is_step_due", [False, True])
def test_a_cancelled_task_goes_on_to_clean_up_even_when_that_waits(is_step_due: bool) -> None:
    kernel = Kernel(start_ns=0)
    seen: list[int] = []

    async def main() -> None:
        try:
            await sleep(10)
            seen.append(-1)
        finally:
            await sleep(5)
            seen.append(kernel.now_ns)

    task: Task[None] = kernel.spawn(main(), name="main")
    task.watch(lambda _: None)
    kernel.run_until(1)
    task.pause()
    kernel.run_until(20 if is_step_due else 5)
    at_ns = kernel.now_ns
    task.cancel()
    kernel.run_until(100)

    assert (seen, isinstance(task.error, Cancelled)) == ([at_ns + 5], True)


def test_an_interruption_with_a_reason_waits_for_the_resume() -> None:
    kernel = Kernel(start_ns=0)
    reason = Cancelled("because")
    seen: list[object] = []

    async def main() -> None:
        try:
            await sleep(10)
        except Cancelled as cancelled:
            seen.append((kernel.now_ns, cancelled))

    task = kernel.spawn(main(), name="main")
    kernel.run_until(1)
    task.pause()
    task.cancel(reason)
    kernel.run_until(30)
    assert seen == []
    task.resume()
    kernel.run_until(30)

    assert seen == [(30, reason)]
