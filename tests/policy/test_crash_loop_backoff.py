"""How long a crashed container or a failed pull waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.crash_loop_backoff import (
    IMAGE_PULL_BACKOFF,
    BackoffEntry,
    BackoffPolicy,
    crash_loop_decision,
    crash_loop_policy,
    in_backoff,
    in_backoff_since_update,
    next_entry,
)
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.pod_view import PodView, RuntimeContainer, RuntimePod, RuntimeState, Waiting

S = 1_000_000_000
POD = PodView(name="web", namespace="default", uid="u1")
POLICY = BackoffPolicy()


def crash(finished_ns: int, *, state: RuntimeState = RuntimeState.EXITED, name: str = "app") -> RuntimePod:
    container = RuntimeContainer(name=name, id="x://1", state=state, finished_at_ns=finished_ns)
    return RuntimePod(containers=(container,))


def test_the_delays_of_a_container_that_crashes_at_once() -> None:
    """The first restart is immediate; then each waits for its delay since the end of the container."""
    entry, now_ns, delays = None, 1000 * S, []
    for _ in range(9):
        finished_ns = now_ns
        decision = crash_loop_decision(POD, "app", crash(finished_ns), entry, POLICY, now_ns=now_ns)
        if decision.is_held_back:
            assert decision.entry == entry
            now_ns = decision.until_ns
            decision = crash_loop_decision(POD, "app", crash(finished_ns), entry, POLICY, now_ns=now_ns)
        assert not decision.is_held_back
        delays.append((now_ns - finished_ns) // S)
        entry = decision.entry
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_what_a_held_back_container_says() -> None:
    entry = BackoffEntry(duration_ns=80 * S, last_update_ns=0)
    decision = crash_loop_decision(POD, "app", crash(5 * S), entry, POLICY, now_ns=6 * S)
    assert decision.waiting == Waiting(
        reason="CrashLoopBackOff",
        message="back-off 1m20s restarting failed container=app pod=web_default(u1)",
    )
    assert decision.event_message == "Back-off restarting failed container app in pod web_default(u1)"
    assert decision.until_ns == 85 * S


@pytest.mark.parametrize(
    "runtime", [RuntimePod(), crash(5 * S, state=RuntimeState.CREATED), crash(5 * S, name="other")]
)
def test_without_an_exit_nothing_is_held_back_or_counted(runtime: RuntimePod) -> None:
    entry = BackoffEntry(duration_ns=80 * S, last_update_ns=0)
    decision = crash_loop_decision(POD, "app", runtime, entry, POLICY, now_ns=6 * S)
    assert not decision.is_held_back
    assert decision.entry == entry


def test_a_container_that_ran_for_long_starts_over() -> None:
    entry = BackoffEntry(duration_ns=300 * S, last_update_ns=0)
    at_limit = crash_loop_decision(POD, "app", crash(600 * S), entry, POLICY, now_ns=601 * S)
    assert at_limit.is_held_back
    later = crash_loop_decision(POD, "app", crash(600 * S + 1), entry, POLICY, now_ns=601 * S)
    assert later.entry == BackoffEntry(duration_ns=10 * S, last_update_ns=601 * S)


@pytest.mark.parametrize(
    ("version", "overrides", "configured_s", "initial_s", "max_s"),
    [
        ("1.36", {}, None, 10, 300),
        ("1.36", {}, 60, 10, 60),
        ("1.36", {}, 1, 1, 1),
        ("1.36", {"ReduceDefaultCrashLoopBackOffDecay": True}, None, 1, 300),
        ("1.36", {"ReduceDefaultCrashLoopBackOffDecay": True}, 60, 1, 60),
        ("1.36", {"ReduceDefaultCrashLoopBackOffDecay": True, "KubeletCrashLoopBackOffMax": False}, None, 1, 60),
        ("1.34", {}, 60, 10, 300),
        ("1.33", {"ReduceDefaultCrashLoopBackOffDecay": True}, None, 1, 60),
        ("1.28", {}, None, 10, 300),
    ],
)
def test_policy_of_a_version(
    version: str, overrides: dict[str, bool], configured_s: int | None, initial_s: int, max_s: int
) -> None:
    configured_ns = None if configured_s is None else configured_s * S
    policy = crash_loop_policy(resolve_gates(version, overrides), max_restart_period_ns=configured_ns)
    assert policy == BackoffPolicy(initial_ns=initial_s * S, max_ns=max_s * S, reset_ns=600 * S)


def test_image_pulls_are_measured_from_the_last_failure() -> None:
    entry = next_entry(None, IMAGE_PULL_BACKOFF, event_ns=100 * S, now_ns=100 * S)
    assert in_backoff_since_update(entry, IMAGE_PULL_BACKOFF, now_ns=110 * S - 1)
    assert not in_backoff_since_update(entry, IMAGE_PULL_BACKOFF, now_ns=110 * S)
    assert not in_backoff_since_update(None, IMAGE_PULL_BACKOFF, now_ns=110 * S)
    long = BackoffEntry(duration_ns=900 * S, last_update_ns=0)
    assert not in_backoff_since_update(long, IMAGE_PULL_BACKOFF, now_ns=600 * S + 1)


_TIMES = st.integers(0, 2000 * S)


@given(duration_ns=st.integers(1, 300 * S), last_update_ns=_TIMES, event_ns=_TIMES, now_ns=_TIMES)
def test_what_always_holds(duration_ns: int, last_update_ns: int, event_ns: int, now_ns: int) -> None:
    entry = BackoffEntry(duration_ns=duration_ns, last_update_ns=last_update_ns)
    after = next_entry(entry, POLICY, event_ns=event_ns, now_ns=now_ns)
    assert after.last_update_ns == now_ns
    assert after.duration_ns in {POLICY.initial_ns, min(2 * duration_ns, POLICY.max_ns)}
    if in_backoff(entry, POLICY, event_ns=event_ns, now_ns=now_ns):
        assert now_ns < event_ns + duration_ns
        assert event_ns <= last_update_ns + POLICY.reset_ns
    assert not in_backoff(None, POLICY, event_ns=event_ns, now_ns=now_ns)
