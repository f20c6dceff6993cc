"""Whom a node ends first, and with which words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.quantity import parse_quantity
from kubesim.policy.eviction_order import (
    ContainerUse,
    PodUse,
    VolumeUse,
    eviction_grace_seconds,
    eviction_message,
    eviction_rank,
    exceeded_storage_limit,
)
from kubesim.policy.eviction_thresholds import Limit, Observation, Threshold

MI = 1024**2
MET = (Threshold(signal="memory.available", limit=Limit(amount=parse_quantity("100Mi"))),)
OBSERVED = {"memory.available": Observation(available=50 * MI, capacity=1024 * MI)}


def pod(name: str, **fields: Any) -> PodUse:
    return PodUse(uid=name, name=name, **fields)


def order(signal: str, *pods: PodUse) -> list[str]:
    return [one.name for one in eviction_rank(pods, signal)]


def test_above_the_request_then_low_priority_then_large_excess() -> None:
    within = pod("within", memory_bytes=9, requests={"memory": 10}, priority=-5)
    small = pod("small", memory_bytes=11, requests={"memory": 10})
    large = pod("large", memory_bytes=5)
    important = pod("important", memory_bytes=900, priority=7)
    assert order("memory.available", within, important, small, large) == ["large", "small", "important", "within"]


def test_a_pod_without_numbers_comes_first() -> None:
    assert order("memory.available", pod("a", memory_bytes=5), pod("b", is_measured=False)) == ["b", "a"]


def test_storage_counts_for_the_disk() -> None:
    pods = (pod("a", memory_bytes=9, storage_bytes=1), pod("b", storage_bytes=2))
    assert order("nodefs.available", *pods) == ["b", "a"]


def test_process_ids_rank_by_priority_and_number() -> None:
    pods = (pod("a", processes=3), pod("b", processes=9), pod("c", priority=-1))
    assert order("pid.available", *pods) == ["c", "b", "a"]


def message(one: PodUse, resource: str = "memory", *, names_pod: bool = True) -> tuple[str, dict[str, str]]:
    return eviction_message(one, resource, MET, OBSERVED, names_pod=names_pod)


def test_every_container_above_its_request_is_named() -> None:
    one = pod(
        "web",
        memory_bytes=300 * MI,
        pod_memory_request=parse_quantity("1Mi"),
        containers=(
            ContainerUse(name="a", memory_bytes=200 * MI, requests={"memory": parse_quantity("100Mi")}),
            ContainerUse(name="b", memory_bytes=99 * MI, requests={"memory": parse_quantity("1Gi")}),
            ContainerUse(name="c", memory_bytes=1 * MI),
            ContainerUse(name="d"),
        ),
    )
    text, annotations = message(one)
    assert text == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Pod web was using 300Mi, request is 1Mi, has larger consumption of memory. "
        "Container a was using 200Mi, request is 100Mi, has larger consumption of memory. "
        "Container c was using 1Mi, request is 0, has larger consumption of memory. "
    )
    assert annotations == {
        "offending_pod": "web",
        "offending_pod_usage": "300Mi",
        "offending_containers": "a,c",
        "offending_containers_usage": "200Mi,1Mi",
        "starved_resource": "memory",
    }
    assert "Pod web" not in message(one, names_pod=False)[0]


def test_what_was_not_measured_is_not_named() -> None:
    text = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
    assert message(pod("web", is_measured=False)) == (text, {})


def test_a_resource_without_a_threshold_has_no_numbers() -> None:
    text, annotations = message(pod("web", containers=(ContainerUse(name="a", storage_bytes=5),)), "ephemeral-storage")
    assert text == (
        "The node was low on resource: ephemeral-storage. "
        "Container a was using 5, request is 0, has larger consumption of ephemeral-storage. "
    )
    assert annotations["offending_containers"] == "a"
    assert message(pod("web", containers=(ContainerUse(name="a", memory_bytes=5),)), "pids")[1] == {
        "offending_containers": "",
        "offending_containers_usage": "",
        "starved_resource": "pids",
    }


LIMIT = parse_quantity("1Gi")
ABOVE = 1024**3 + 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"volumes": (VolumeUse(name="v", used_bytes=ABOVE, size_limit=LIMIT),)},
            ('Usage of EmptyDir volume "v" exceeds the limit "1Gi". ', "emptydirfs.limit"),
        ),
        ({"volumes": (VolumeUse(name="v", used_bytes=ABOVE - 1, size_limit=LIMIT),)}, None),
        ({"volumes": (VolumeUse(name="v", used_bytes=9, size_limit=parse_quantity("0")),)}, None),
        ({"volumes": (VolumeUse(name="v", used_bytes=9),)}, None),
        (
            {"storage_bytes": ABOVE, "storage_limit": LIMIT},
            ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ", "ephemeralpodfs.limit"),
        ),
        ({"storage_bytes": ABOVE - 1, "storage_limit": LIMIT}, None),
        (
            {"containers": (ContainerUse(name="a", storage_bytes=ABOVE, storage_limit=LIMIT),)},
            ('Container a exceeded its local ephemeral storage limit "1Gi". ', "ephemeralcontainerfs.limit"),
        ),
        ({"containers": (ContainerUse(name="a", storage_bytes=1, storage_limit=LIMIT),)}, None),
        ({"containers": (ContainerUse(name="a", storage_limit=LIMIT),)}, None),
        ({"containers": (ContainerUse(name="a", storage_bytes=1, storage_limit=parse_quantity("0")),)}, None),
        ({}, None),
    ],
)
def test_limits_of_local_storage(fields: dict[str, Any], expected: tuple[str, str] | None) -> None:
    found = exceeded_storage_limit(pod("web", **fields))
    assert (None if found is None else (found.message, found.signal)) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(-2, 2)), max_size=8))
def test_nobody_is_lost_and_excess_goes_before_restraint(rows: list[tuple[int, int, int]]) -> None:
    pods = [
        pod(str(index), memory_bytes=used, requests={"memory": asked}, priority=priority)
        for index, (used, asked, priority) in enumerate(rows)
    ]
    ranked = eviction_rank(pods, "memory.available")
    assert sorted(one.uid for one in ranked) == sorted(one.uid for one in pods)
    within = [one.memory_bytes <= one.requests["memory"] for one in ranked]
    assert within == sorted(within)


@pytest.mark.parametrize(
    ("is_hard", "pod_seconds", "expected"), [(True, 30, 1), (False, None, 8), (False, 30, 8), (False, 5, 5)]
)
def test_grace_of_an_eviction(is_hard: bool, pod_seconds: int | None, expected: int) -> None:
    assert eviction_grace_seconds(is_hard=is_hard, most_seconds=8, pod_seconds=pod_seconds) == expected
