"""How fast events are written, and what becomes of too many."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubesim
from kubesim.kernel import Kernel
from kubesim.kubelet.event_queue import QUEUED_MAX, EventQueue, EventRate

MS = 10**6
SECOND = 1000 * MS


class Bench:
    """A queue of 2 events at once and 10 a second; events named `skipped` need no request."""

    def __init__(self) -> None:
        self.kernel = Kernel(start_ns=SECOND)
        self.written: list[tuple[int, str]] = []
        self.begun: list[int] = []
        self.queue = EventQueue[str](self.kernel, EventRate(per_second=10, burst=2), begin=self.begin)

    def begin(self, name: str) -> None:
        self.begun.append(self.kernel.now_ns // MS)
        if name != "skipped":
            self.queue.request(self.write, name)

    def write(self, name: str) -> None:
        self.written.append((self.kernel.now_ns // MS, name))

    def put(self, *names: str) -> None:
        for name in names:
            self.queue.put(name)

    def run(self, ms: int) -> None:
        self.kernel.run_until(self.kernel.now_ns + ms * MS)


def test_a_burst_and_then_one_after_the_other() -> None:
    bench = Bench()
    bench.put("a", "b", "c", "d")
    assert bench.written == [(1000, "a"), (1000, "b")]
    bench.run(1000)
    assert bench.written[2:] == [(1100, "c"), (1200, "d")]
    bench.put("e")
    assert bench.written[4:] == [(2000, "e")]


def test_an_event_is_looked_at_when_its_turn_comes_and_a_dropped_one_takes_no_time() -> None:
    bench = Bench()
    bench.put("a", "b", "c", "skipped", "d")
    bench.run(1000)
    assert bench.written[2:] == [(1100, "c"), (1200, "d")]
    assert bench.begun == [1000, 1000, 1000, 1100, 1100]


def test_no_more_wait_than_the_queue_holds() -> None:
    bench = Bench()
    bench.put(*(str(number) for number in range(QUEUED_MAX + 10)))
    bench.run(200_000)
    assert [name for _, name in bench.written] == [str(number) for number in range(QUEUED_MAX + 3)]


def test_what_waits_when_the_process_ends_is_lost() -> None:
    bench = Bench()
    bench.put("a", "b", "c", "d")
    bench.queue.stop()
    bench.run(1000)
    assert [name for _, name in bench.written] == ["a", "b"]


@given(st.lists(st.integers(0, 3 * SECOND), max_size=20), st.integers(1, 9), st.integers(1, 9))
def test_all_are_sent_and_never_more_than_the_burst_and_the_rate(
    times_ns: list[int], per_second: int, burst: int
) -> None:
    kernel, sent = Kernel(start_ns=0), list[tuple[int, int]]()
    queue = EventQueue[int](
        kernel,
        EventRate(per_second=per_second, burst=burst),
        begin=lambda one: queue.request(lambda: sent.append((one, kernel.now_ns))),
    )
    for at_ns in sorted(times_ns):
        kernel.call_at(at_ns, queue.put, at_ns)
    kernel.run_until(60 * SECOND)

    assert [one for one, _ in sent] == sorted(times_ns)
    assert all(sent_ns >= put_ns for put_ns, sent_ns in sent)
    for first, (_, first_ns) in enumerate(sent):
        for last, (_, last_ns) in enumerate(sent[first:], first):
            more_than_burst = last - first + 1 - burst
            assert last_ns - first_ns >= more_than_burst * (SECOND // per_second)


def pod(name: str) -> dict[str, Any]:
    container = {"name": "a", "image": "registry.k8s.io/e2e-test-images/busybox:1.29-2", "command": ["sleep", "1h"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("config", "after_10_s"),
    [
        ({}, 28),
        ({"eventBurst": 2, "eventRecordQPS": 1}, 11),
        # A client that is told a rate of 0 takes its own, which is 5 a second.
        ({"eventBurst": 2, "eventRecordQPS": 0}, 28),
    ],
)
def test_the_rate_of_the_configuration(config: dict[str, Any], after_10_s: int) -> None:
    with kubesim.Node(config={"clusterDNS": ["10.96.0.10"], **config}) as node:
        node.advance("60s")
        before = len(node.events)
        node.apply({"apiVersion": "v1", "kind": "List", "items": [pod(f"web-{number}") for number in range(7)]})
        node.advance("10s")
        assert len(node.events) - before == after_10_s
        node.advance("60s")
        assert len(node.events) - before == 28
        # However late an Event is written, it has the time at which it was recorded.
        assert max(one["firstTimestamp"] for one in node.events) <= "2026-01-01T00:01:03Z"


@given(
    before=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 450)), max_size=6),
    more=st.integers(0, 4),
)
def test_there_is_room_for_what_would_not_have_to_wait(before: list[tuple[int, int]], more: int) -> None:
    bench = Bench()
    for events, ms in before:
        bench.put(*["before"] * events)
        bench.run(ms)
    was_busy, written = bench.queue.is_busy, len(bench.written)
    has_room = bench.queue.has_room(more)
    assert len(bench.written) == written
    bench.put(*["more"] * more)

    assert has_room == (not was_busy and not bench.queue.is_busy)
    assert has_room <= (bench.written[written:] == [(bench.kernel.now_ns // MS, "more")] * more)
