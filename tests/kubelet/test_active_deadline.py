"""Which pods are over time, and when the next one will be: as long as that has not come, nobody has to look again."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import Kernel
from kubesim.kubelet.active_deadline import ActiveDeadline
from kubesim.model import k8s_v1 as v1

SECOND_NS = 10**9


class FakeStatuses:
    """Knows when pods started; None of those that have not."""

    def __init__(self, starts_ns: dict[str, int | None]) -> None:
        self._starts_ns = starts_ns

    def start_time_ns(self, uid: str) -> int | None:
        return self._starts_ns[uid]


def made(kernel: Kernel, starts_ns: dict[str, int | None]) -> ActiveDeadline:
    statuses = FakeStatuses(starts_ns)
    return ActiveDeadline(kernel, None, statuses)  # type: ignore[arg-type]  # a fake, and nobody records


def pod(uid: str, seconds: int | None) -> v1.Pod:
    return v1.Pod(metadata=v1.ObjectMeta(name=uid, uid=uid), spec=v1.PodSpec(active_deadline_seconds=seconds))


@given(
    rows=st.lists(
        st.tuples(st.one_of(st.none(), st.integers(1, 9)), st.one_of(st.none(), st.integers(0, 9 * SECOND_NS))),
        max_size=5,
    ),
    now_ns=st.integers(0, 20 * SECOND_NS),
)
def test_who_is_over_time_and_who_is_next(rows: list[tuple[int | None, int | None]], now_ns: int) -> None:
    pods = {str(number): pod(str(number), seconds) for number, (seconds, _) in enumerate(rows)}
    kernel = Kernel(start_ns=now_ns)
    deadline = made(kernel, {str(number): start_ns for number, (_, start_ns) in enumerate(rows)})
    ends_ns = [
        sys.maxsize if seconds is None or start_ns is None else start_ns + seconds * SECOND_NS
        for seconds, start_ns in rows
    ]
    over = deadline.over(pods)
    next_ns = deadline.next_ns

    assert [deadline.end_ns(one) for one in pods.values()] == ends_ns
    assert over == [str(number) for number, end_ns in enumerate(ends_ns) if end_ns <= now_ns]
    assert next_ns == min((end_ns for end_ns in ends_ns if end_ns > now_ns), default=sys.maxsize)
    if next_ns < sys.maxsize:
        kernel.run_until(next_ns - 1)
        assert deadline.over(pods) == over
        kernel.run_until(next_ns)
        assert len(deadline.over(pods)) > len(over)


def test_before_anybody_asked_it_may_be_now() -> None:
    assert made(Kernel(start_ns=5), {}).next_ns <= 5
