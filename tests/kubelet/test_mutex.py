"""A lock of the kubelet's tasks: its order, and waiters that give up."""

from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.mutex import Mutex

SECOND_NS = 10**9


class Users:
    """Tasks that hold a mutex for a second each, and what they noted."""

    def __init__(self, places: int) -> None:
        self.kernel = Kernel()
        self.mutex = Mutex(places)
        self.notes: list[tuple[str, int]] = []
        self.start_ns = self.kernel.now_ns

    async def use(self, name: str) -> None:
        async with self.mutex:
            self.notes.append((name, (self.kernel.now_ns - self.start_ns) // SECOND_NS))
            await sleep(SECOND_NS)


def test_one_at_a_time_in_the_order_in_which_they_came() -> None:
    users = Users(1)
    for name in "abc":
        users.kernel.spawn(users.use(name), name=name)
    users.kernel.run_until_idle()

    assert users.notes == [("a", 0), ("b", 1), ("c", 2)]


def test_two_at_a_time() -> None:
    users = Users(2)
    for name in "abcd":
        users.kernel.spawn(users.use(name), name=name)
    users.kernel.run_until_idle()

    assert users.notes == [("a", 0), ("b", 0), ("c", 1), ("d", 1)]


def test_who_comes_at_the_instant_of_a_turn_waits_behind_those_who_wait() -> None:
    users = Users(1)
    for name in "ab":
        users.kernel.spawn(users.use(name), name=name)
    users.kernel.call_later(SECOND_NS, lambda: users.kernel.spawn(users.use("late"), name="late"))
    users.kernel.run_until_idle()

    assert users.notes == [("a", 0), ("b", 1), ("late", 2)]


def test_a_waiter_that_is_cancelled_gives_up_its_place() -> None:
    users = Users(1)
    tasks = [users.kernel.spawn(users.use(name), name=name) for name in "abc"]
    users.kernel.run_until(users.start_ns)
    tasks[1].cancel()
    users.kernel.run_until_idle()

    assert users.notes == [("a", 0), ("c", 1)]


def test_a_turn_that_comes_with_the_cancellation_is_passed_on() -> None:
    users = Users(1)
    tasks = [users.kernel.spawn(users.use(name), name=name) for name in "abc"]
    users.kernel.run_until(users.start_ns)
    tasks[0].watch(lambda _: tasks[1].cancel())
    users.kernel.run_until_idle()

    assert users.notes == [("a", 0), ("c", 1)]
