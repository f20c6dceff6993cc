"""Which containers may be swapped out, and how much of them."""

from typing import Any

import pytest

from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.qos import QosClass
from kubesim.policy.swap_behavior import NodeSwap, container_swap, limited_swap_problem, may_swap

GATES = resolve_gates("1.36")
CONTAINER: dict[str, Any] = {
    "is_critical": False,
    "qos": QosClass.BURSTABLE,
    "memory_request_bytes": 1,
    "memory_limit_bytes": 2,
}
CASES = [
    ({}, {}, True),
    ({"behavior": "NoSwap"}, {}, False),
    ({"behavior": ""}, {}, False),
    ({"gates": {**GATES, "NodeSwap": False}}, {}, False),
    ({"cgroup_version": 1}, {}, False),
    ({}, {"is_critical": True}, False),
    ({}, {"qos": QosClass.GUARANTEED}, False),
    ({}, {"memory_request_bytes": 0, "memory_limit_bytes": 0}, False),
    ({}, {"memory_request_bytes": 2}, False),
]


def node(**more: Any) -> NodeSwap:
    fields: dict[str, Any] = {"behavior": "LimitedSwap", "capacity_bytes": 4000, "minor": 36, "gates": GATES}
    return NodeSwap(**(fields | more))


@pytest.mark.parametrize(("of_node", "of_container", "swaps"), CASES)
def test_only_burstable_containers_with_room_to_grow(
    of_node: dict[str, Any], of_container: dict[str, Any], swaps: bool
) -> None:
    assert may_swap(node(**of_node), **(CONTAINER | of_container)) is swaps


@pytest.mark.parametrize(("of_node", "of_container", "swaps"), CASES)
def test_a_share_is_the_containers_part_of_the_memory(
    of_node: dict[str, Any], of_container: dict[str, Any], swaps: bool
) -> None:
    found = container_swap(node(**of_node), **(CONTAINER | of_container), node_memory_bytes=3)
    if "cgroup_version" in of_node:
        assert found is None
    else:
        assert found == ("1333" if swaps else "0")


def test_a_request_beyond_the_memory_gets_nothing() -> None:
    large = {**CONTAINER, "memory_request_bytes": 4, "memory_limit_bytes": 5}
    assert container_swap(node(), **large, node_memory_bytes=3) == "0"


@pytest.mark.parametrize(
    ("version", "behavior", "is_on", "found"),
    [
        ("1.28", "", False, "0"),
        ("1.28", "", True, "max"),
        ("1.29", "", True, "max"),
        ("1.29", "NoSwap", True, "0"),
        ("1.29", "LimitedSwap", True, "1333"),
        ("1.30", "", True, "0"),
        ("1.36", "", True, "0"),
    ],
)
def test_what_is_not_said_was_everything_once(version: str, behavior: str, is_on: bool, found: str) -> None:
    chosen = resolve_gates(version, {"NodeSwap": True} if is_on and version < "1.34" else {})
    one = node(behavior=behavior, minor=int(version.partition(".")[2]), gates=chosen)
    assert container_swap(one, **CONTAINER, node_memory_bytes=3) == found


@pytest.mark.parametrize(
    ("behavior", "cgroup_version", "gates", "problem"),
    [
        (
            "LimitedSwap",
            1,
            GATES,
            "swap feature is enabled and LimitedSwap but it is only supported with cgroupv2",
        ),
        ("LimitedSwap", 2, GATES, ""),
        ("NoSwap", 1, GATES, ""),
        ("LimitedSwap", 1, {**GATES, "NodeSwap": False}, ""),
    ],
)
def test_limited_swap_needs_control_groups_of_version_2(
    behavior: str, cgroup_version: int, gates: dict[str, bool], problem: str
) -> None:
    assert limited_swap_problem(behavior, cgroup_version, gates) == problem
