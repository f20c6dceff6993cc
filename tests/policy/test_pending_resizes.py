"""The order in which resizes that wait are looked at."""

from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.pending_resizes import PendingResize, resize_order
from kubesim.policy.qos import QosClass


def pending(uid: str, **fields: object) -> PendingResize:
    return PendingResize(**({"uid": uid, "is_increasing": True} | fields))


def test_what_asks_for_no_more_goes_first() -> None:
    assert resize_order([pending("a", priority=9), pending("b", is_increasing=False)]) == ("b", "a")
    # Of two that ask for no more, the newcomer does.
    assert resize_order([pending("a", is_increasing=False), pending("b", is_increasing=False)]) == ("b", "a")


def test_priority_then_class_then_the_longest_wait() -> None:
    found = resize_order(
        [
            pending("late", pending_since_ns=20),
            pending("early", pending_since_ns=10),
            pending("guaranteed", qos=QosClass.GUARANTEED),
            pending("first", priority=1),
        ]
    )
    assert found == ("first", "guaranteed", "early", "late")


def test_who_waits_goes_before_who_does_not_yet() -> None:
    assert resize_order([pending("new"), pending("waits", pending_since_ns=5)]) == ("waits", "new")
    assert resize_order([pending("a"), pending("b")]) == ("a", "b")
    assert resize_order([pending("a", pending_since_ns=5), pending("b")]) == ("a", "b")
    assert resize_order([pending("a", qos=QosClass.GUARANTEED), pending("b")]) == ("a", "b")


@given(
    found=st.lists(
        st.builds(
            PendingResize,
            uid=st.uuids().map(str),
            is_increasing=st.booleans(),
            priority=st.integers(0, 2),
            qos=st.sampled_from([QosClass.GUARANTEED, QosClass.BURSTABLE]),
            pending_since_ns=st.none() | st.integers(0, 3),
        ),
        max_size=8,
        unique_by=lambda one: one.uid,
    )
)
def test_nobody_is_lost_and_higher_priorities_never_wait_behind_lower_ones(found: list[PendingResize]) -> None:
    by_uid = {one.uid: one for one in found}
    order = [by_uid[uid] for uid in resize_order(found)]
    assert sorted(one.uid for one in order) == sorted(by_uid)
    assert [one.is_increasing for one in order] == sorted(one.is_increasing for one in found)
    priorities = [one.priority for one in order if one.is_increasing]
    assert priorities == sorted(priorities, reverse=True)
