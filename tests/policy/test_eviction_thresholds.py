"""When a node is short of something: thresholds, conditions, what is remembered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.model.quantity import FORM_ERROR
from kubesim.policy.eviction_thresholds import (
    EvictionSettings,
    Limit,
    Observation,
    PressureMemory,
    Threshold,
    available_text,
    eviction_problem,
    eviction_thresholds,
    first_to_reclaim,
    observe,
    thresholds_met,
)

SECOND = 10**9
GI = 1024**3


def signals(**settings: Any) -> list[str]:
    return [one.signal for one in eviction_thresholds(EvictionSettings(**settings))]


def test_all_pods_together_have_the_threshold_of_the_memory_and_containers_that_of_the_disk() -> None:
    hard = {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%"}
    assert signals(hard=hard) == [
        "memory.available",
        "nodefs.available",
        "nodefs.inodesFree",
        "allocatableMemory.available",
        "containerfs.available",
        "containerfs.inodesFree",
    ]
    assert "allocatableMemory.available" not in signals(hard=hard, enforces_pods=False)


def test_what_is_written_of_containerfs_is_replaced() -> None:
    hard = {"containerfs.available": "1%", "nodefs.available": "10%"}
    [node, container] = eviction_thresholds(EvictionSettings(hard=hard))
    assert (node.limit, container.signal) == (container.limit, "containerfs.available")


def test_soft_thresholds_have_a_grace_period_and_a_minimum_to_reclaim() -> None:
    settings = EvictionSettings(
        soft={"memory.available": "1Gi"},
        soft_grace={"memory.available": "1m30s"},
        min_reclaim={"memory.available": "10%", "nodefs.available": "1Gi"},
    )
    [one] = eviction_thresholds(settings)
    assert (one.grace_ns, one.is_hard, one.condition) == (90 * SECOND, False, "MemoryPressure")
    assert one.min_reclaim is not None
    assert one.min_reclaim.of(1000) == 100


@pytest.mark.parametrize("text", ["0%", "100%"])
def test_nothing_and_everything_are_no_thresholds(text: str) -> None:
    assert signals(hard={"memory.available": text}) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"hard": {"cpu": "1"}}, "unsupported eviction signal cpu"),
        ({"hard": {"memory.available": "-1%"}}, "eviction percentage threshold memory.available must be >= 0%: -1%"),
        (
            {"hard": {"memory.available": "101%"}},
            "eviction percentage threshold memory.available must be <= 100%: 101%",
        ),
        (
            {"hard": {"memory.available": "x%"}},
            'strconv.ParseFloat: parsing "x": invalid syntax (of memory.available: "x%")',
        ),
        ({"soft": {"nodefs.available": "1KK"}}, 'unable to parse quantity\'s suffix (of nodefs.available: "1KK")'),
        (
            {"min_reclaim": {"memory.available": "lots"}},
            f'{FORM_ERROR} (of memory.available: "lots")',
        ),
        ({"hard": {"memory.available": "nan%"}}, "eviction percentage nan% is no number"),
        (
            {"hard": {"memory.available": "1e300%"}},
            'strconv.ParseFloat: parsing "1e300": value out of range (of memory.available: "1e300%")',
        ),
        (
            {"hard": {"memory.available": "inf%"}},
            "eviction percentage threshold memory.available must be <= 100%: inf%",
        ),
        (
            {"hard": {"memory.available": "1_0%"}},
            'strconv.ParseFloat: parsing "1_0": invalid syntax (of memory.available: "1_0%")',
        ),
        (
            {"hard": {"memory.available": " 5%"}},
            'strconv.ParseFloat: parsing " 5": invalid syntax (of memory.available: " 5%")',
        ),
        # Of several mistakes the one that is read first: hard, soft, grace periods, minimums, no grace period.
        (
            {"hard": {"a": "1"}, "soft": {"b": "1"}, "soft_grace": {"c": "1s"}, "min_reclaim": {"d": "1"}},
            "unsupported eviction signal a",
        ),
        (
            {"soft": {"b": "1"}, "soft_grace": {"c": "1s"}, "min_reclaim": {"d": "1"}},
            "unsupported eviction signal b",
        ),
        (
            {"soft": {"pid.available": "1"}, "soft_grace": {"c": "1s"}, "min_reclaim": {"d": "1"}},
            "unsupported eviction signal c",
        ),
        (
            {"soft": {"pid.available": "1"}, "min_reclaim": {"d": "1"}},
            "unsupported eviction signal d",
        ),
        ({"hard": {"memory.available": "-1Gi"}}, "eviction threshold memory.available must be positive: -1Gi"),
        ({"hard": {"memory.available": "0"}}, "eviction threshold memory.available must be positive: 0"),
        (
            {"soft": {"memory.available": "1Gi"}},
            "grace period must be specified for the soft eviction threshold memory.available",
        ),
        ({"soft_grace": {"x": "1s"}}, "unsupported eviction signal x"),
        (
            {"soft_grace": {"memory.available": "-1s"}},
            "invalid eviction grace period specified: -1s, must be a positive value",
        ),
        ({"min_reclaim": {"x": "1"}}, "unsupported eviction signal x"),
        (
            {"min_reclaim": {"nodefs.available": "0%"}},
            "eviction percentage minimum reclaim nodefs.available must be positive: 0%",
        ),
        (
            {"min_reclaim": {"nodefs.available": "-1"}},
            "negative eviction minimum reclaim specified for nodefs.available",
        ),
        ({"hard": {"memory.available": "1Gi"}}, ""),
    ],
)
def test_settings_that_a_kubelet_does_not_start_with(settings: dict[str, Any], problem: str) -> None:
    assert eviction_problem(EvictionSettings(**settings)) == problem


def test_a_part_is_kept_in_32_bits() -> None:
    [one] = eviction_thresholds(EvictionSettings(hard={"imagefs.available": "15%"}))
    assert one.limit.of(100 * GI) == 16106128000
    assert one.limit.text(100 * GI) == "16106128000"


MEMORY = Threshold(signal="memory.available", limit=Limit(fraction=0.5))
SOFT = Threshold(signal="memory.available", limit=Limit(fraction=0.5), grace_ns=30 * SECOND)
DISK = Threshold(signal="nodefs.available", limit=Limit(fraction=0.1), min_reclaim=Limit(fraction=0.25))


def seen(memory: int = 100, disk: int = 100) -> dict[str, Observation]:
    return {
        "memory.available": Observation(available=memory, capacity=100),
        "nodefs.available": Observation(available=disk, capacity=100),
    }


def later(before: PressureMemory, at: int, **available: int) -> PressureMemory:
    thresholds = (MEMORY, DISK)
    return observe(before, thresholds, seen(**available), now_ns=at * SECOND, transition_ns=300 * SECOND)


def test_what_is_not_observed_is_never_short() -> None:
    assert thresholds_met([MEMORY], {}) == []
    assert thresholds_met([MEMORY], seen(memory=50)) == []
    assert thresholds_met([MEMORY], seen(memory=49)) == [MEMORY]


def test_a_condition_stays_for_the_transition_period() -> None:
    short = later(PressureMemory(), 0, memory=10)
    assert (short.conditions, short.met) == (("MemoryPressure",), (MEMORY,))
    well = later(short, 10)
    assert (well.conditions, well.met) == (("MemoryPressure",), ())
    assert later(well, 299).conditions == ("MemoryPressure",)
    assert later(well, 300).conditions == ()


def test_a_threshold_is_resolved_once_the_minimum_is_reclaimed() -> None:
    short = later(PressureMemory(), 0, disk=5)
    assert later(short, 10, disk=20).met == (DISK,), "10 % and 25 % are wanted"
    assert later(short, 10, disk=35).met == ()


def test_a_soft_threshold_asks_for_pods_after_its_grace_period() -> None:
    memory = PressureMemory()
    for at, expected in ((0, ()), (10, ()), (30, (SOFT,))):
        memory = observe(memory, [SOFT], seen(memory=10), now_ns=at * SECOND, transition_ns=0)
        assert memory.met == expected
    assert observe(memory, [SOFT], seen(), now_ns=40 * SECOND, transition_ns=0).first_met_ns == {}


def test_memory_comes_first() -> None:
    assert first_to_reclaim((DISK, MEMORY)) == MEMORY
    assert first_to_reclaim((DISK,)) == DISK
    assert first_to_reclaim(()) is None


def test_bytes_and_counts_print_differently() -> None:
    observed = Observation(available=1024 * 1000, capacity=1)
    assert available_text(observed, "memory") == "1000Ki"
    assert available_text(observed, "pids") == "1024k"


def test_an_unknown_signal_is_an_error_of_its_own() -> None:
    with pytest.raises(InputError, match="unsupported eviction signal"):
        eviction_thresholds(EvictionSettings(hard={"x": "1"}))


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=12))
def test_a_threshold_that_asks_for_pods_has_its_condition(course: list[tuple[int, int]]) -> None:
    memory = PressureMemory()
    for index, (memory_left, disk_left) in enumerate(course):
        memory = later(memory, 10 * index, memory=memory_left, disk=disk_left)
        assert {one.condition for one in memory.met} <= set(memory.conditions)
        assert set(memory.met) <= set(memory.first_met_ns)
