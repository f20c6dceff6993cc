"""Which pods a node shutdown kills together, and with how many seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.shutdown_groups import (
    ShutdownConfig,
    group_by_priority,
    migrate_shutdown_config,
    shutdown_config_problems,
    shutdown_grace_seconds,
    shutdown_periods,
)

S = 1_000_000_000
CRITICAL = 2_000_000_000
NO_SHUTDOWN = resolve_gates(
    "1.36",
    {
        "GracefulNodeShutdown": False,
        "GracefulNodeShutdownBasedOnPodPriority": False,
        "WindowsGracefulNodeShutdown": False,
    },
)
NO_PRIORITY = resolve_gates("1.36", {"GracefulNodeShutdownBasedOnPodPriority": False})


@pytest.mark.parametrize(
    ("requested", "critical", "expected"),
    [
        (300, 120, [(0, 180), (CRITICAL, 120)]),
        (30, 10, [(0, 20), (CRITICAL, 10)]),
        (30, 0, [(0, 30), (CRITICAL, 0)]),
        (30, 30, [(0, 0), (CRITICAL, 30)]),
        (30.5, 10.25, [(0, 20), (CRITICAL, 10)]),
        (0, 0, []),
        (0, 10, []),
        (10, 30, []),
        (10, -1, []),
    ],
)
def test_the_two_value_configuration(requested: float, critical: float, expected: list[tuple[int, int]]) -> None:
    assert migrate_shutdown_config(requested_seconds=requested, critical_seconds=critical) == expected


TWO_VALUES = ShutdownConfig(grace_period_ns=30 * S, grace_period_critical_pods_ns=10 * S)
BY_PRIORITY = ShutdownConfig(by_pod_priority=((1000, 20), (0, 10)))
MIGRATED, SORTED = [(0, 20), (CRITICAL, 10)], [(0, 10), (1000, 20)]


@pytest.mark.parametrize(
    ("config", "os", "gates", "expected"),
    [
        (TWO_VALUES, "linux", resolve_gates("1.36"), MIGRATED),
        (BY_PRIORITY, "linux", resolve_gates("1.36"), SORTED),
        (BY_PRIORITY, "linux", NO_PRIORITY, []),
        (ShutdownConfig(), "linux", resolve_gates("1.36"), []),
        (TWO_VALUES, "linux", NO_SHUTDOWN, []),
        (BY_PRIORITY, "linux", NO_SHUTDOWN, []),
        (TWO_VALUES, "windows", resolve_gates("1.36"), MIGRATED),
        (BY_PRIORITY, "windows", resolve_gates("1.34"), SORTED),
        (TWO_VALUES, "windows", resolve_gates("1.33"), []),
        (TWO_VALUES, "windows", resolve_gates("1.30"), []),
    ],
)
def test_periods_in_force(
    config: ShutdownConfig, os: str, gates: dict[str, bool], expected: list[tuple[int, int]]
) -> None:
    assert shutdown_periods(config, os=os, gates=gates) == expected


def test_each_pod_goes_to_the_highest_group_that_does_not_exceed_its_priority() -> None:
    periods = [(CRITICAL, 10), (0, 20), (1000, 15)]
    pods = [
        ("below", -5),
        ("none", None),
        ("just-below", 999),
        ("at", 1000),
        ("between", 1_000_000),
        ("node-critical", CRITICAL + 1000),
    ]
    assert group_by_priority(periods, pods) == [
        (0, 20, ["below", "none", "just-below"]),
        (1000, 15, ["at", "between"]),
        (CRITICAL, 10, ["node-critical"]),
    ]


def test_groups_without_pods_are_left_out() -> None:
    assert group_by_priority([(0, 20), (CRITICAL, 10)], [("a", 0)]) == [(0, 20, ["a"])]
    assert group_by_priority([(0, 20), (CRITICAL, 10)], []) == []


def test_without_periods_nothing_is_killed() -> None:
    assert group_by_priority([], [("a", 0)]) == []


_PRIORITIES = st.integers(-3, 8)


@given(
    periods=st.lists(st.tuples(_PRIORITIES, st.integers(0, 60)), min_size=1, max_size=5, unique_by=lambda one: one[0]),
    priorities=st.lists(st.one_of(st.none(), _PRIORITIES), max_size=8),
)
def test_against_the_slow_and_obvious_way(periods: list[tuple[int, int]], priorities: list[int | None]) -> None:
    pods = [(f"p{index}", priority) for index, priority in enumerate(priorities)]
    expected: dict[int, list[str]] = {}
    for name, pod_priority in pods:
        chosen = min(priority for priority, _ in periods)
        for priority, _ in periods:
            if chosen < priority <= (pod_priority or 0):
                chosen = priority
        expected.setdefault(chosen, []).append(name)
    groups = group_by_priority(periods, pods)
    assert {priority: names for priority, _, names in groups} == expected
    assert [priority for priority, _, _ in groups] == sorted(expected)
    assert all((priority, seconds) in periods for priority, seconds, _ in groups)


@pytest.mark.parametrize(
    ("pod_seconds", "group_seconds", "expected"), [(None, 20, 20), (30, 20, 20), (5, 20, 5), (0, 20, 0), (30, 0, 0)]
)
def test_the_group_is_a_ceiling_for_the_pods_own_grace(
    pod_seconds: int | None, group_seconds: int, expected: int
) -> None:
    assert shutdown_grace_seconds(pod_seconds=pod_seconds, group_seconds=group_seconds) == expected


BOTH = ShutdownConfig(grace_period_ns=30 * S, by_pod_priority=((0, 10),))
REQUIRES = (
    "specifying shutdownGracePeriod or shutdownGracePeriodCriticalPods requires feature gate GracefulNodeShutdown"
)
REQUIRES_PRIORITY = (
    "Specifying shutdownGracePeriodByPodPriority requires feature gate GracefulNodeShutdownBasedOnPodPriority"
)


@pytest.mark.parametrize(
    ("config", "gates", "problems"),
    [
        (ShutdownConfig(), resolve_gates("1.36"), []),
        (TWO_VALUES, resolve_gates("1.36"), []),
        (BY_PRIORITY, resolve_gates("1.36"), []),
        (
            ShutdownConfig(grace_period_ns=10 * S, grace_period_critical_pods_ns=30 * S),
            resolve_gates("1.36"),
            ["shutdownGracePeriodCriticalPods {30s} must be <= shutdownGracePeriod {10s}"],
        ),
        (
            ShutdownConfig(grace_period_ns=S // 2, grace_period_critical_pods_ns=S // 4),
            resolve_gates("1.36"),
            [
                "shutdownGracePeriod {500ms} must be either zero or otherwise >= 1 sec",
                "shutdownGracePeriodCriticalPods {250ms} must be either zero or otherwise >= 1 sec",
            ],
        ),
        (TWO_VALUES, NO_SHUTDOWN, [REQUIRES]),
        (ShutdownConfig(grace_period_critical_pods_ns=S), NO_SHUTDOWN, [REQUIRES]),
        (ShutdownConfig(), NO_SHUTDOWN, []),
        (
            BOTH,
            resolve_gates("1.36"),
            ["Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time"],
        ),
        (BOTH, NO_PRIORITY, [REQUIRES_PRIORITY]),
        (BY_PRIORITY, NO_SHUTDOWN, [REQUIRES_PRIORITY]),
    ],
)
def test_refused_configurations(config: ShutdownConfig, gates: dict[str, bool], problems: list[str]) -> None:
    assert shutdown_config_problems(config, gates=gates) == [f"invalid configuration: {one}" for one in problems]
