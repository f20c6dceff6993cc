"""The pump: real time from a fake loop, slices, failures."""

from collections.abc import Callable
from typing import Any

import pytest

from kubesim.kernel import Kernel, RealTimePump, Task, sleep


class FakeLoop:
    """A loop whose clock moves only when told, and that keeps what it was asked to call."""

    def __init__(self) -> None:
        self.now_ns = 1_000
        self.soon: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.later: list[FakeHandle] = []

    def clock_ns(self) -> int:
        return self.now_ns

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> None:
        self.soon.append((callback, args))

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> "FakeHandle":
        handle = FakeHandle(self.now_ns + round(delay * 1e9), callback, args)
        self.later.append(handle)
        return handle

    def advance(self, delta_ns: int) -> None:
        self.now_ns += delta_ns
        while self.soon or any(handle.is_due(self.now_ns) for handle in self.later):
            ready, self.soon = self.soon, []
            due = [handle for handle in self.later if handle.is_due(self.now_ns)]
            self.later = [handle for handle in self.later if not handle.is_due(self.now_ns)]
            for callback, args in [*ready, *((handle.callback, handle.args) for handle in due)]:
                callback(*args)


class FakeHandle:
    def __init__(self, at_ns: int, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.at_ns, self.callback, self.args, self.is_cancelled = at_ns, callback, args, False

    def cancel(self) -> None:
        self.is_cancelled = True

    def is_due(self, now_ns: int) -> bool:
        return not self.is_cancelled and self.at_ns <= now_ns


def pump(kernel: Kernel, loop: FakeLoop, **options: Any) -> RealTimePump:
    return RealTimePump(kernel, loop, clock_ns=loop.clock_ns, **options)


def test_timers_fire_when_real_time_reaches_them() -> None:
    loop, kernel, fired = FakeLoop(), Kernel(start_ns=50_000), list[int]()
    kernel.call_later(300, lambda: fired.append(kernel.now_ns))
    pump(kernel, loop).start()
    loop.advance(299)
    assert fired == []
    loop.advance(1)
    assert fired == [50_300]


def test_what_enters_runs_at_the_present_instant_and_before_enter_returns() -> None:
    loop, kernel, seen = FakeLoop(), Kernel(start_ns=0), list[int]()
    driver = pump(kernel, loop)
    driver.start()
    loop.advance(70)
    driver.enter(lambda: seen.append(kernel.now_ns))

    assert seen == [70]


def test_an_earlier_timer_replaces_the_alarm() -> None:
    loop, kernel, fired = FakeLoop(), Kernel(start_ns=0), list[str]()
    driver = pump(kernel, loop)
    kernel.call_later(1_000, fired.append, "late")
    driver.start()
    driver.enter(lambda: kernel.call_later(10, fired.append, "early"))
    loop.advance(10)
    assert fired == ["early"]
    assert len([handle for handle in loop.later if not handle.is_cancelled]) == 1


def test_long_work_is_cut_into_slices() -> None:
    loop, kernel, turns = FakeLoop(), Kernel(start_ns=0), list[int]()

    def work() -> None:
        loop.now_ns += 60
        turns.append(loop.now_ns)

    for _ in range(6):
        kernel.call_soon(work)
    driver = pump(kernel, loop, slice_ns=100)
    driver.start()
    assert len(turns) == 2
    loop.advance(0)
    assert len(turns) == 6


def test_a_failure_reaches_its_handler_and_the_rest_goes_on() -> None:
    loop, kernel = FakeLoop(), Kernel(start_ns=0)
    failures: list[BaseException] = []
    log: list[str] = []

    async def bad() -> None:
        raise ValueError("bug")

    async def good() -> None:
        await sleep(5)
        log.append("good")

    kernel.spawn(bad(), name="bad")
    kernel.spawn(good(), name="good")
    pump(kernel, loop, on_failure=failures.append).start()
    loop.advance(10)

    assert [str(failure) for failure in failures] == ["bug"]
    assert log == ["good"]


def test_without_a_handler_a_failure_is_raised_into_the_loop() -> None:
    loop, kernel = FakeLoop(), Kernel(start_ns=0)
    kernel.call_soon(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        pump(kernel, loop).start()


def test_a_stopped_pump_fires_nothing() -> None:
    loop, kernel, fired = FakeLoop(), Kernel(start_ns=0), list[int]()
    kernel.call_later(5, fired.append, 1)
    driver = pump(kernel, loop)
    driver.start()
    driver.stop()
    loop.advance(100)
    driver.enter(fired.append, 2)

    assert fired == []


def test_who_comes_in_waits_for_one_slice_of_work_that_never_ends() -> None:
    loop, kernel, worked, came = FakeLoop(), Kernel(start_ns=0), list[int](), list[int]()

    def work() -> None:
        loop.now_ns += 60
        worked.append(loop.now_ns)
        kernel.call_soon(work)

    async def visit() -> None:
        came.append(len(worked))

    driver = pump(kernel, loop, slice_ns=100)
    kernel.call_soon(work)
    driver.start()
    for _ in range(3):
        driver.start_task(Task(kernel, visit(), name="visit"), None)
        for callback, args in loop.soon[:]:
            loop.soon.remove((callback, args))
            callback(*args)

    assert came == [2, 4, 6]


def test_what_enters_is_not_behind_work_that_begins_after_it() -> None:
    loop, kernel, worked, came = FakeLoop(), Kernel(start_ns=0), list[int](), list[int]()

    def work() -> None:
        loop.now_ns += 1_000_000
        worked.append(loop.now_ns)
        kernel.call_soon(work)

    driver = pump(kernel, loop)
    kernel.call_soon(work)
    driver.start()
    driver.enter(lambda: came.append(len(worked)))
    for _ in range(50):
        callback, args = loop.soon.pop(0)
        callback(*args)

    assert len(came) == 1
    assert came[0] <= 12, "the clock follows real time at 10 ms, so no more than that comes before"


def test_a_kernel_that_cannot_keep_up_does_not_work_off_the_past() -> None:
    """Naps of 1 ms that take 3 ms of work each: the clock stays near real time, it does not fall back for ever."""
    loop, kernel, lags = FakeLoop(), Kernel(start_ns=0), list[int]()

    async def napper() -> None:
        for _ in range(200):
            loop.now_ns += 3_000_000
            await sleep(1_000_000)
            lags.append(driver.real_now_ns() - kernel.now_ns)

    driver = pump(kernel, loop)
    kernel.spawn(napper(), name="napper")
    driver.start()
    for _ in range(400):
        loop.advance(1_000_000)

    assert len(lags) == 200
    assert max(lags) <= 13_000_000, "10 ms, and the work of one nap"


def test_late_events_keep_their_order() -> None:
    loop, kernel, fired = FakeLoop(), Kernel(start_ns=0), list[tuple[str, int]]()
    for delay_ms in (30, 10, 95, 20):
        kernel.call_later(delay_ms * 1_000_000, lambda name=f"{delay_ms} ms": fired.append((name, kernel.now_ns)))
    driver = pump(kernel, loop)
    driver.start()
    loop.advance(100_000_000)

    assert fired == [
        ("10 ms", 90_000_000),
        ("20 ms", 90_000_000),
        ("30 ms", 90_000_000),
        ("95 ms", 95_000_000),
    ]
