"""So many at once, and then so many a second."""

from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.token_bucket import full_bucket, token_reserved, token_taken

SECOND_NS = 10**9


def _taken(times_ns: list[int], *, per_second: int, burst: int) -> list[bool]:
    bucket = full_bucket(per_second=per_second, burst=burst)
    found = []
    for now_ns in times_ns:
        left = token_taken(bucket, now_ns=now_ns)
        found.append(left is not None)
        bucket = left or bucket
    return found


def test_a_burst_and_then_the_rate() -> None:
    at_once = [SECOND_NS] * 4
    later = [2 * SECOND_NS, 2 * SECOND_NS, 2 * SECOND_NS + SECOND_NS // 2]

    assert _taken(at_once + later, per_second=2, burst=3) == [True, True, True, False, True, True, True]


def test_no_more_than_the_burst_is_saved() -> None:
    assert _taken([3600 * SECOND_NS] * 3, per_second=5, burst=2) == [True, True, False]


def test_a_bucket_without_room_never_has_a_token() -> None:
    assert _taken([SECOND_NS, 100 * SECOND_NS], per_second=5, burst=0) == [False, False]


@given(st.lists(st.integers(0, 20 * SECOND_NS)), st.integers(1, 9), st.integers(1, 9))
def test_never_more_than_the_burst_and_the_rate(times_ns: list[int], per_second: int, burst: int) -> None:
    times_ns.sort()
    taken = sum(_taken(times_ns, per_second=per_second, burst=burst))

    assert taken <= burst + (times_ns[-1] - times_ns[0]) / SECOND_NS * per_second + 1e-6 if times_ns else taken == 0


def test_a_token_that_is_not_there_yet_is_promised() -> None:
    full_at_ns, due_ns = 0, []
    for now_ns in (100, 100, 100, 100, 500):
        full_at_ns, due = token_reserved(full_at_ns, now_ns=now_ns, interval_ns=10, burst=2)
        due_ns.append(due)
    assert due_ns == [100, 100, 110, 120, 500]
    assert full_at_ns == 510
