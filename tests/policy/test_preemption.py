"""Which pods make room for a critical one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.preemption import NoVictims, PreemptionPod, is_preemptable, pods_to_preempt
from kubesim.policy.qos import QosClass

CRITICAL = PreemptionPod(uid="critical", is_critical=True)


def pod(uid: str, qos: str = "Burstable", **requests: int) -> PreemptionPod:
    return PreemptionPod(uid=uid, qos=QosClass(qos), requests=requests)


def victims(missing: dict[str, int], *pods: PreemptionPod) -> list[str]:
    return [one.uid for one in pods_to_preempt(CRITICAL, pods, missing)]


@pytest.mark.parametrize(
    ("preemptor", "other", "expected"),
    [
        ({"is_critical": True}, {}, True),
        ({"is_critical": True}, {"is_critical": True}, False),
        ({"priority": 2}, {"priority": 1}, True),
        ({"priority": 1}, {"priority": 1}, False),
        ({"priority": 1}, {}, False),
        ({}, {"priority": 1}, False),
    ],
)
def test_who_goes_for_whom(preemptor: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    assert is_preemptable(PreemptionPod(uid="a", **preemptor), PreemptionPod(uid="b", **other)) is expected


def test_the_smallest_that_suffices_goes() -> None:
    pods = (pod("huge", cpu=4000), pod("fits", cpu=1000), pod("tiny", cpu=100))
    assert victims({"cpu": 900}, *pods) == ["fits"]


def test_of_two_that_suffice_the_one_that_asks_for_less_memory_goes() -> None:
    pods = (pod("a", cpu=1000, memory=9), pod("b", cpu=1000, memory=3), pod("c", cpu=1000, memory=5))
    assert victims({"cpu": 900}, *pods) == ["b"]


def test_several_go_largest_first() -> None:
    pods = (pod("a", cpu=500), pod("b", cpu=800), pod("c", cpu=400))
    assert victims({"cpu": 1200}, *pods) == ["b", "c"]


def test_guaranteed_pods_are_spared_when_others_suffice() -> None:
    guaranteed, burstable = pod("g", "Guaranteed", cpu=1000), pod("b", cpu=1000)
    assert victims({"cpu": 1000}, guaranteed, burstable) == ["b"]
    assert victims({"cpu": 1500}, guaranteed, burstable) == ["b", "g"]
    # What the guaranteed pods give as well is not asked of the others.
    large = pod("g", "Guaranteed", cpu=4000)
    assert victims({"cpu": 2000}, large, burstable) == ["g"]


def test_best_effort_pods_make_room_for_a_pod() -> None:
    pods = (pod("b"), pod("a", "BestEffort"))
    assert victims({"pods": 1}, *pods) == ["a"]


def test_all_of_them_are_not_enough() -> None:
    with pytest.raises(NoVictims) as caught:
        victims({"cpu": 3000, "memory": 10}, pod("a", cpu=1000, memory=5))
    assert str(caught.value) == (
        "preemption: error finding a set of pods to preempt: "
        "no set of running pods found to reclaim resources: [(res: cpu, q: 2000), (res: memory, q: 5), ]"
    )


amounts = st.integers(0, 6)


@given(
    st.lists(st.tuples(st.sampled_from(list(QosClass)), amounts, amounts), max_size=6),
    st.dictionaries(st.sampled_from(["cpu", "memory", "pods"]), st.integers(1, 8), min_size=1),
)
def test_the_victims_free_what_is_missing(rows: list[tuple[QosClass, int, int]], missing: dict[str, int]) -> None:
    pods = [
        PreemptionPod(uid=str(index), qos=qos, requests={"cpu": cpu, "memory": memory})
        for index, (qos, cpu, memory) in enumerate(rows)
    ]
    try:
        chosen = pods_to_preempt(CRITICAL, pods, missing)
    except NoVictims:
        assert any(sum(one.request(name) for one in pods) < amount for name, amount in missing.items())
        return
    assert len({one.uid for one in chosen}) == len(chosen)
    for name, amount in missing.items():
        assert sum(one.request(name) for one in chosen) >= amount
