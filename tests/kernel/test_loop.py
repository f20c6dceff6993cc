"""The queue: order, time, bounds, cancellation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import SimulationStalled
from kubesim.kernel import DEFAULT_START_NS, Kernel, Timer


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=60))
def test_equal_times_fire_in_the_order_they_were_scheduled(delays: list[int]) -> None:
    kernel = Kernel(start_ns=0)
    fired: list[tuple[int, int]] = []
    for number, delay_ns in enumerate(delays):
        kernel.call_later(delay_ns, fired.append, (delay_ns, number))
    kernel.run_until_idle()

    assert fired == sorted((delay_ns, number) for number, delay_ns in enumerate(delays))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=400))
def test_cancelled_timers_never_fire_and_leave_nothing_behind(plan: list[tuple[int, bool]]) -> None:
    kernel = Kernel(start_ns=0)
    fired: list[int] = []
    timers: list[tuple[Timer, bool]] = [
        (kernel.call_later(delay_ns, fired.append, number), keep) for number, (delay_ns, keep) in enumerate(plan)
    ]
    for timer, keep in timers:
        if not keep:
            kernel.cancel(timer)
            kernel.cancel(timer)

    assert kernel.pending_count == sum(keep for _, keep in plan)
    kernel.run_until_idle()

    assert sorted(fired) == [number for number, (_, keep) in enumerate(plan) if keep]
    assert kernel.pending_count == 0
    assert kernel.next_event_ns() is None


def test_cancelling_most_of_a_large_queue_shrinks_it() -> None:
    kernel = Kernel(start_ns=0)
    timers = [kernel.call_later(10**12, print) for _ in range(10_000)]
    for timer in timers[1:]:
        kernel.cancel(timer)

    assert len(kernel._queue) < 200
    assert kernel.pending_count == 1


def test_a_cancellation_from_inside_the_loop_that_rebuilds_the_queue_loses_no_event() -> None:
    kernel = Kernel(start_ns=0)
    doomed = [kernel.call_later(50, print) for _ in range(1_000)]
    fired: list[str] = []

    def cancel_all() -> None:
        for timer in doomed:
            kernel.cancel(timer)

    kernel.call_later(1, cancel_all)
    kernel.call_later(60, fired.append, "after")
    kernel.run_until(100)

    assert fired == ["after"]


def test_run_until_sets_the_clock_and_includes_its_bound() -> None:
    kernel = Kernel(start_ns=100)
    fired: list[int] = []
    kernel.call_at(110, fired.append, 110)
    kernel.call_at(111, fired.append, 111)

    assert kernel.run_until(110)
    assert (fired, kernel.now_ns) == ([110], 110)
    assert kernel.run_until(500)
    assert (fired, kernel.now_ns) == ([110, 111], 500)


def test_time_never_moves_backwards() -> None:
    kernel = Kernel(start_ns=100)
    seen: list[int] = []
    kernel.call_at(5, lambda: seen.append(kernel.now_ns))
    kernel.call_later(-7, lambda: seen.append(kernel.now_ns))
    kernel.run_until(50)

    assert seen == []
    kernel.run_until_idle()
    assert seen == [100, 100]


def test_a_goal_stops_the_run_at_the_event_that_reached_it() -> None:
    kernel = Kernel(start_ns=0)
    fired: list[int] = []
    for delay_ns in (10, 20, 30):
        kernel.call_later(delay_ns, fired.append, delay_ns)

    assert kernel.run_until(100, goal=lambda: 20 in fired)
    assert kernel.now_ns == 20
    assert not kernel.run_until(100, goal=lambda: False)
    assert kernel.now_ns == 100
    assert kernel.run_until(100, goal=lambda: True)


@pytest.mark.parametrize("goal", [None, lambda: False])
def test_a_run_without_end_is_stopped_with_evidence(goal: object) -> None:
    kernel = Kernel(start_ns=0)

    def again() -> None:
        kernel.call_soon(again)

    again()
    with pytest.raises(SimulationStalled, match=r"1000 events and no end at 0\.000s of virtual time; next: .*again"):
        kernel.run_until(10, goal=goal, events_max=1_000)  # type: ignore[arg-type]  # a parametrised callable


def test_the_bound_is_no_error_when_the_last_event_is_the_end() -> None:
    kernel = Kernel(start_ns=0)
    for _ in range(5):
        kernel.call_soon(lambda: None)

    assert kernel.run_until(10, events_max=5)
    assert kernel.events_fired == 5


def test_virtual_runs_start_at_a_fixed_instant() -> None:
    assert Kernel().now_ns == DEFAULT_START_NS == 1_767_225_600 * 10**9


def test_an_exception_of_a_callback_reaches_whoever_drives_the_kernel() -> None:
    kernel = Kernel(start_ns=0)
    kernel.call_soon(lambda: 1 // 0)
    kernel.call_later(1, lambda: None)
    with pytest.raises(ZeroDivisionError):
        kernel.run_until_idle()

    kernel.run_until_idle()
    assert kernel.now_ns == 1
