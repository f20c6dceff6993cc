"""Seconds between the wish to stop a pod or a container and its SIGKILL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.grace_period import (
    EffectiveGrace,
    container_grace_seconds,
    deletion_grace_seconds,
    effective_grace,
    kill_wait_seconds,
    remaining_grace_seconds,
    stop_timeout_seconds,
)
from kubesim.policy.pod_view import PodPhase
from kubesim.policy.sync_plan import KillReason


@pytest.mark.parametrize(
    ("requested", "pod", "scheduled", "phase", "expected"),
    [
        (None, 30, True, PodPhase.RUNNING, 30),
        (5, 30, True, PodPhase.RUNNING, 5),
        (60, 30, True, None, 60),
        (0, 30, True, PodPhase.RUNNING, 0),
        (None, None, True, PodPhase.RUNNING, 0),
        (-1, 30, True, PodPhase.RUNNING, 1),
        (None, -7, True, PodPhase.RUNNING, 1),
        (None, 30, False, PodPhase.PENDING, 0),
        (10, 30, True, PodPhase.SUCCEEDED, 0),
        (10, 30, True, PodPhase.FAILED, 0),
    ],
)
def test_what_the_api_server_writes(
    requested: int | None, pod: int | None, scheduled: bool, phase: PodPhase | None, expected: int
) -> None:
    seconds = deletion_grace_seconds(requested_seconds=requested, pod_seconds=pod, is_scheduled=scheduled, phase=phase)
    assert seconds == expected


@pytest.mark.parametrize(
    ("previous", "deletion", "override", "pod", "expected", "shortened"),
    [
        (0, None, None, 30, 30, False),
        (0, None, None, None, 1, False),
        (0, 10, None, 30, 10, False),
        (0, 60, None, 30, 60, False),
        (0, None, 5, 30, 5, False),
        (0, 10, 5, 30, 5, False),
        (0, 5, 10, 30, 5, False),
        (0, None, 0, 30, 1, False),  # a shutdown group of zero seconds
        (0, 0, None, 30, 1, False),  # forced deletion
        (30, 3, None, 30, 3, True),
        (30, 40, None, 30, 30, False),
        (30, None, None, 5, 30, False),
        (30, None, 0, 30, 1, True),
    ],
)
def test_the_pods_effective_grace(
    previous: int, deletion: int | None, override: int | None, pod: int | None, expected: int, shortened: bool
) -> None:
    grace = effective_grace(
        previous_seconds=previous, deletion_seconds=deletion, override_seconds=override, pod_seconds=pod
    )
    assert grace == EffectiveGrace(seconds=expected, is_shortened=shortened)


_WISH = st.one_of(st.none(), st.integers(0, 100))


@given(previous=st.integers(1, 100), deletion=_WISH, override=_WISH, pod=_WISH)
def test_grace_is_never_raised_and_never_below_one(
    previous: int, deletion: int | None, override: int | None, pod: int | None
) -> None:
    grace = effective_grace(
        previous_seconds=previous, deletion_seconds=deletion, override_seconds=override, pod_seconds=pod
    )
    assert grace.seconds >= 1
    wishes = [wish for wish in (previous, deletion, override) if wish is not None]
    if 0 not in wishes:
        assert grace.seconds == min(wishes)
    assert grace.is_shortened == (grace.seconds != previous)


@pytest.mark.parametrize(
    ("reason", "override", "deletion", "probe", "pod", "expected"),
    [
        (KillReason.OTHER, 7, 8, 9, 10, 7),
        (KillReason.OTHER, 0, 8, 9, 10, 0),
        (KillReason.LIVENESS_PROBE, None, 8, 9, 10, 8),
        (KillReason.LIVENESS_PROBE, None, None, 9, 10, 9),
        (KillReason.STARTUP_PROBE, None, None, 9, 10, 9),
        (KillReason.STARTUP_PROBE, None, None, None, 10, 10),
        (KillReason.FAILED_POST_START_HOOK, None, None, 9, 10, 10),
        (KillReason.OTHER, None, None, 9, 0, 0),
        (KillReason.LIVENESS_PROBE, None, None, 9, None, 2),
    ],
)
def test_the_grace_of_one_container(
    reason: KillReason, override: int | None, deletion: int | None, probe: int | None, pod: int | None, expected: int
) -> None:
    seconds = container_grace_seconds(
        reason=reason, override_seconds=override, deletion_seconds=deletion, probe_seconds=probe, pod_seconds=pod
    )
    assert seconds == expected


@pytest.mark.parametrize(
    ("grace", "spent_ns", "expected"),
    [(30, 0, 30), (30, 999_999_999, 30), (30, 1_000_000_000, 29), (30, 12_700_000_000, 18), (5, 9_000_000_000, -4)],
)
def test_whole_seconds_are_taken_off(grace: int, spent_ns: int, expected: int) -> None:
    assert remaining_grace_seconds(grace, spent_ns=spent_ns) == expected


@pytest.mark.parametrize(("grace", "expected"), [(-4, 2), (0, 2), (1, 2), (2, 2), (30, 30)])
def test_the_runtime_always_gets_two_seconds(grace: int, expected: int) -> None:
    assert stop_timeout_seconds(grace) == expected


@pytest.mark.parametrize(
    ("override", "pod", "expected"),
    [(20, 60, 30), (None, 60, 90), (None, None, 10), (0, 60, 10), (7, None, 10), (9, None, 13)],
)
def test_how_long_a_shutdown_waits_for_a_pod(override: int | None, pod: int | None, expected: int) -> None:
    assert kill_wait_seconds(override_seconds=override, pod_seconds=pod) == expected
