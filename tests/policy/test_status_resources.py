"""Resources in the status of containers and pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.pod_cgroup import CgroupReading
from kubesim.policy.status_resources import (
    NOTHING,
    Quantities,
    RuntimeResources,
    running_container_resources,
    running_pod_resources,
)

ALLOCATED = Quantities(
    requests={"cpu": "100m", "memory": "24Mi"}, limits={"cpu": "200m", "memory": "96Mi", "example.com/gpu": "1"}
)
MIB = 1024**2


@pytest.mark.parametrize(
    ("reported", "old", "requests", "limits"),
    [
        ({}, NOTHING, {}, {}),
        ({"cpu_request_milli": 50, "cpu_limit_milli": 100}, NOTHING, {"cpu": "50m"}, {"cpu": "100m"}),
        ({"memory_limit_bytes": 64 * MIB, "memory_request": "16Mi"}, NOTHING, {"memory": "16Mi"}, {"memory": "64Mi"}),
        (
            {},
            Quantities(requests={"cpu": "1", "memory": "1Mi"}, limits={"cpu": "2", "memory": "2Mi"}),
            {"cpu": "1", "memory": "1Mi"},
            {"cpu": "2", "memory": "2Mi"},
        ),
        ({"cpu_request_milli": 2, "cpu_limit_milli": 10}, NOTHING, {"cpu": "2m"}, {"cpu": "10m"}),
        ({"cpu_limit_milli": 0, "memory_limit_bytes": 0}, NOTHING, {}, {"cpu": "0", "memory": "0"}),
    ],
)
def test_what_the_runtime_says_is_shown(
    reported: dict[str, Any], old: Quantities, requests: dict[str, str], limits: dict[str, str]
) -> None:
    found = running_container_resources(ALLOCATED, RuntimeResources(**reported), old)
    assert found.requests == {**ALLOCATED.requests, **requests}
    assert found.limits == {**ALLOCATED.limits, **limits}


def test_only_what_a_container_has_at_all_is_shown() -> None:
    full = RuntimeResources(cpu_request_milli=100, cpu_limit_milli=100, memory_limit_bytes=MIB, memory_request="1Mi")
    assert running_container_resources(NOTHING, full) == NOTHING
    found = running_container_resources(Quantities(requests={"cpu": "1"}), full)
    assert found == Quantities(requests={"cpu": "100m", "memory": "1Mi"})


@pytest.mark.parametrize(("asked", "reported", "shown"), [("1m", 2, "1m"), ("3m", 2, "2m"), ("1m", 3, "3m")])
def test_what_the_kernel_rounds_up_is_shown_as_it_was_asked_for(asked: str, reported: int, shown: str) -> None:
    found = running_container_resources(
        Quantities(requests={"cpu": asked}), RuntimeResources(cpu_request_milli=reported)
    )
    assert found.requests == {"cpu": shown}


@pytest.mark.parametrize(
    ("level", "cgroup", "aggregated", "old", "found"),
    [
        (NOTHING, CgroupReading(), None, NOTHING, NOTHING),
        (NOTHING, CgroupReading(), "16Mi", NOTHING, Quantities(requests={"memory": "16Mi"})),
        (
            NOTHING,
            CgroupReading(),
            "16Mi",
            Quantities(requests={"cpu": "1", "memory": "8Mi"}, limits={"cpu": "2", "memory": "9Mi"}),
            Quantities(requests={"cpu": "1", "memory": "8Mi"}, limits={"cpu": "2", "memory": "9Mi"}),
        ),
        (
            Quantities(requests={"memory": "4Mi"}),
            CgroupReading(cpu_request_milli=50, cpu_limit_milli=200, memory_limit_bytes=MIB),
            "16Mi",
            NOTHING,
            Quantities(requests={"cpu": "50m", "memory": "4Mi"}, limits={"cpu": "200m", "memory": "1Mi"}),
        ),
        (NOTHING, CgroupReading(cpu_request_milli=2), None, NOTHING, NOTHING),
    ],
)
def test_a_running_pod_shows_its_control_group(
    level: Quantities, cgroup: CgroupReading, aggregated: str | None, old: Quantities, found: Quantities
) -> None:
    assert running_pod_resources(level, cgroup, aggregated_memory=aggregated, old=old) == found


amounts_of_cpu = st.sampled_from(["1m", "5m", "10m", "100m", "2"])
amounts_of_memory = st.sampled_from(["1Mi", "64Mi", "1Gi"])
maps = st.fixed_dictionaries({}, optional={"cpu": amounts_of_cpu, "memory": amounts_of_memory})
asked_for = st.builds(Quantities, requests=maps, limits=maps)
millicores_or_none = st.none() | st.sampled_from([1, 2, 5, 10, 11, 250])
bytes_or_none = st.none() | st.sampled_from([2**20, 2**26])
reported_resources = st.builds(
    RuntimeResources,
    cpu_request_milli=millicores_or_none,
    cpu_limit_milli=millicores_or_none,
    memory_limit_bytes=bytes_or_none,
    memory_request=st.none() | amounts_of_memory,
)
readings = st.builds(
    CgroupReading,
    cpu_request_milli=millicores_or_none,
    cpu_limit_milli=millicores_or_none,
    memory_limit_bytes=bytes_or_none,
)


@given(asked_for, reported_resources, asked_for)
def test_what_a_container_shows_stays_while_the_runtime_says_the_same(
    allocated: Quantities, reported: RuntimeResources, old: Quantities
) -> None:
    shown = running_container_resources(allocated, reported, old)
    assert running_container_resources(allocated, reported, shown) == shown


@given(asked_for, readings, st.none() | amounts_of_memory, asked_for)
def test_what_a_pod_shows_stays_while_its_control_group_says_the_same(
    level: Quantities, cgroup: CgroupReading, memory: str | None, old: Quantities
) -> None:
    shown = running_pod_resources(level, cgroup, aggregated_memory=memory, old=old)
    assert running_pod_resources(level, cgroup, aggregated_memory=memory, old=shown) == shown
