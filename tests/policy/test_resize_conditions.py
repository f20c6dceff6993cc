"""PodResizePending and PodResizeInProgress over time."""

from kubesim.policy.pod_view import Condition
from kubesim.policy.resize_conditions import NO_RESIZE, backfilled, with_in_progress, with_pending


def test_a_resize_waits() -> None:
    found, is_news = with_pending(NO_RESIZE, reason="OutOfcpu", message="no room", generation=2, now_ns=5)
    assert is_news
    assert found.listed == (
        Condition(
            type="PodResizePending",
            status="True",
            reason="Deferred",
            message="no room",
            observed_generation=2,
            last_transition_ns=5,
            last_probe_ns=5,
        ),
    )
    assert (found.is_deferred, found.is_infeasible) == (True, False)


def test_only_another_reason_or_generation_is_news() -> None:
    first, _ = with_pending(NO_RESIZE, reason="OutOfcpu", message="no room", generation=2, now_ns=5)
    again, is_news = with_pending(first, reason="OutOfmemory", message="still none", generation=2, now_ns=9)
    assert not is_news
    assert again.pending is not None
    assert (again.pending.message, again.pending.last_transition_ns, again.pending.last_probe_ns) == (
        "still none",
        5,
        9,
    )
    _, is_news = with_pending(first, reason="OutOfcpu", message="no room", generation=3, now_ns=9)
    assert is_news
    never, is_news = with_pending(first, reason="Infeasible", message="no", generation=2, now_ns=9)
    assert is_news
    assert never.pending is not None
    assert never.pending.last_transition_ns == 9
    assert (never.is_deferred, never.is_infeasible) == (False, True)


def test_an_error_stays_until_the_condition_is_cleared() -> None:
    begun, is_news = with_in_progress(NO_RESIZE, generation=2, now_ns=1)
    assert is_news
    failed, is_news = with_in_progress(begun, generation=4, now_ns=2, reason="Error", message="refused")
    assert is_news
    kept, is_news = with_in_progress(failed, generation=5, now_ns=3)
    assert not is_news
    assert kept.in_progress == Condition(
        type="PodResizeInProgress",
        status="True",
        reason="Error",
        message="refused",
        observed_generation=2,
        last_transition_ns=2,
        last_probe_ns=3,
    )
    assert (NO_RESIZE.is_deferred, NO_RESIZE.is_infeasible, NO_RESIZE.listed) == (False, False, ())


def test_a_kubelet_that_starts_takes_over_what_the_api_shows() -> None:
    shown = [
        Condition(type="Ready", status="True"),
        Condition(type="PodResizeInProgress", status="True", observed_generation=3, last_transition_ns=1),
        Condition(type="PodResizePending", status="True", reason="Deferred", message="no room", last_transition_ns=1),
    ]
    found = backfilled(shown, 7)
    assert [(one.type, one.observed_generation, one.last_transition_ns) for one in found.listed] == [
        ("PodResizePending", 0, 7),
        ("PodResizeInProgress", 3, 7),
    ]
    assert backfilled(shown[:1], 7) == NO_RESIZE
