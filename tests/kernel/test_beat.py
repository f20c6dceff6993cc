"""A loop that finds nothing sleeps on until something happens; nothing else notices the difference."""

from __future__ import annotations

from kubesim.kernel import Beat, Idle, Kernel, Looks

PERIOD_NS = 10


class Watcher:
    """Looks at a number every ten nanoseconds; a look is in vain when it is the same."""

    def __init__(self, kernel: Kernel, *, is_last: bool = False, until_ns: int = 10**9, can_tell: bool = False) -> None:
        """With `can_tell` it knows without a look whether that would be in vain."""
        self.kernel = kernel
        self._seen = -1
        self.beat = Beat(kernel, is_last=is_last)
        self.until_ns = until_ns
        self.number = 0
        still_holds = (lambda: self.number == self._seen) if can_tell else None
        self.idle = Idle(note=self._note, until_ns=lambda: self.until_ns, still_holds=still_holds)
        self.looks: list[tuple[int, int]] = []
        self.in_vain: list[int] = []

    async def run(self) -> None:
        while True:
            self.looks.append((self.kernel.now_ns, self.number))
            is_in_vain, self._seen = self.number == self._seen, self.number
            await self.beat.wait(PERIOD_NS, self.idle if is_in_vain else None)

    def change(self) -> None:
        self.number += 1

    def _note(self, looks: Looks) -> None:
        self.in_vain.extend(looks.series.times_ns)


def watched(*, is_last: bool = False, until_ns: int = 10**9) -> tuple[Kernel, Watcher]:
    kernel = Kernel(start_ns=0)
    watcher = Watcher(kernel, is_last=is_last, until_ns=until_ns)
    kernel.spawn(watcher.run(), name="watcher")
    return kernel, watcher


def test_a_loop_sleeps_on_while_nothing_happens_and_each_beat_is_noted() -> None:
    kernel, watcher = watched()
    kernel.run_until(55)

    assert watcher.looks == [(0, 0), (10, 0)]
    assert watcher.in_vain == [20, 30, 40, 50]


def test_an_event_wakes_it_at_its_next_beat() -> None:
    kernel, watcher = watched()
    kernel.call_at(33, watcher.change)
    kernel.run_until(75)

    assert watcher.looks == [(0, 0), (10, 0), (40, 1), (50, 1)]
    assert watcher.in_vain == [20, 30, 60, 70]


def test_what_was_due_before_the_beat_at_the_same_instant_is_seen() -> None:
    kernel, watcher = watched()
    kernel.call_at(40, watcher.change)
    kernel.run_until(45)

    assert watcher.looks[-1] == (40, 1)


def test_the_last_beat_of_an_instant_sees_what_was_due_after_it_too() -> None:
    for is_last, seen in ((False, 0), (True, 1)):
        kernel, watcher = watched(is_last=is_last)
        kernel.call_at(39, lambda kernel=kernel, watcher=watcher: kernel.call_at(40, watcher.change))
        kernel.run_until(45)
        assert watcher.looks[-1] == (40, seen), is_last


def test_a_cancelled_timer_is_something_that_happened_once() -> None:
    kernel, watcher = watched()
    timer = kernel.call_at(10_000, watcher.change)
    kernel.call_at(25, kernel.cancel, timer)
    kernel.run_until(1_000)

    assert [at_ns for at_ns, _ in watcher.looks] == [0, 10, 30]


def test_who_drives_the_kernel_may_have_changed_something() -> None:
    kernel, watcher = watched()
    kernel.run_until(45)
    watcher.change()
    kernel.run_until(65)

    assert watcher.looks == [(0, 0), (10, 0), (50, 1), (60, 1)]


def test_two_loops_that_find_nothing_do_not_keep_each_other_awake() -> None:
    kernel = Kernel(start_ns=0)
    watchers = [Watcher(kernel, is_last=is_last) for is_last in (True, False)]
    for watcher in watchers:
        kernel.spawn(watcher.run(), name="watcher")
    kernel.call_at(33, watchers[0].change)
    kernel.run_until(200)

    assert [len(watcher.looks) for watcher in watchers] == [4, 4]


def test_a_loop_can_be_woken_between_two_beats_and_once_only() -> None:
    kernel, watcher = watched()
    kernel.run_until(22)
    watcher.beat.wake()
    watcher.beat.wake()
    kernel.run_until(35)

    assert [at_ns for at_ns, _ in watcher.looks] == [0, 10, 22]
    assert watcher.in_vain == [20, 32]


def test_the_loop_wakes_when_its_time_has_come_though_nothing_happened() -> None:
    kernel, watcher = watched(until_ns=40)
    kernel.run_until(45)

    assert watcher.in_vain == [20, 30]
    assert [at_ns for at_ns, _ in watcher.looks] == [0, 10, 40]


def test_a_cancelled_loop_leaves_no_timer() -> None:
    kernel = Kernel(start_ns=0)
    watcher = Watcher(kernel)
    task = kernel.spawn(watcher.run(), name="watcher")
    kernel.run_until(35)
    task.cancel()
    kernel.run_until(35)

    assert task.is_done
    assert kernel.pending_count == 0


def test_a_task_that_found_nothing_lets_others_sleep_on_and_is_woken_itself() -> None:
    kernel, watcher = watched()
    woken: list[int] = []

    async def look_rarely() -> None:
        beat = Beat(kernel)
        while True:
            woken.append(kernel.now_ns)
            kernel.cancel(kernel.call_later(5, watcher.change))
            await beat.wait(35, found_nothing=True)

    kernel.spawn(look_rarely(), name="rare")
    kernel.run_until(100)

    assert woken == [0, 35, 70]
    assert [at_ns for at_ns, _ in watcher.looks] == [0, 10]


def test_a_loop_that_can_tell_sleeps_on_whatever_happens_beside_what_it_looks_at() -> None:
    kernel = Kernel(start_ns=0)
    watcher = Watcher(kernel, can_tell=True)
    kernel.spawn(watcher.run(), name="watcher")
    kernel.call_at(33, list)
    kernel.call_at(63, watcher.change)
    kernel.call_at(93, list)
    kernel.run_until(115)

    assert watcher.looks == [(0, 0), (10, 0), (70, 1), (80, 1)]
    assert watcher.in_vain == [20, 30, 40, 50, 60, 90, 100, 110]


def test_a_beat_says_whether_its_task_sleeps_on() -> None:
    for can_tell in (False, True):
        kernel = Kernel(start_ns=0)
        watcher = Watcher(kernel, can_tell=can_tell)
        beat, said = watcher.beat, list[tuple[bool, int | None]]()
        task = kernel.spawn(watcher.run(), name="watcher")

        def say(beat: Beat = beat, said: list[tuple[bool, int | None]] = said) -> None:
            said.append((beat.is_idle, beat.next_ns))

        say()
        for time_ns, do in ((5, say), (25, say), (26, watcher.change), (27, say), (35, say), (36, task.cancel)):
            kernel.call_at(time_ns, do)
        kernel.run_until(40)
        say()

        # It begins, looks once, sleeps on, sees nothing of the change yet, sees it, and is gone.
        assert said == [(False, None), (False, 10), (can_tell, 30), (False, 30), (False, 40), (False, None)]
