"""The quality-of-service class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.qos import QosClass, Resources, qos_class

NOTHING = Resources()
FULL = Resources(requests={"cpu": 100, "memory": 64}, limits={"cpu": 100, "memory": 64})
LIMITS_ONLY_CPU = Resources(requests={"cpu": 100}, limits={"cpu": 100})


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([], "BestEffort"),
        ([NOTHING, NOTHING], "BestEffort"),
        ([Resources(requests={"cpu": 0}, limits={"memory": 0})], "BestEffort"),
        ([Resources(requests={"example.com/gpu": 1}, limits={"example.com/gpu": 1})], "BestEffort"),
        ([FULL, FULL], "Guaranteed"),
        ([FULL, NOTHING], "Burstable"),
        ([LIMITS_ONLY_CPU], "Burstable"),
        ([Resources(limits={"cpu": 100, "memory": 64})], "Burstable"),  # the API server would fill the requests in
        ([Resources(requests={"cpu": 50, "memory": 64}, limits={"cpu": 100, "memory": 64})], "Burstable"),
        ([Resources(requests={"memory": 64})], "Burstable"),
    ],
)
def test_class_from_containers(containers: list[Resources], expected: str) -> None:
    assert qos_class(containers) == expected


def test_pod_level_resources_speak_for_all_containers() -> None:
    assert qos_class([NOTHING], pod_level=FULL) is QosClass.GUARANTEED
    assert qos_class([FULL], pod_level=LIMITS_ONLY_CPU) is QosClass.BURSTABLE
    assert qos_class([FULL], pod_level=NOTHING) is QosClass.BEST_EFFORT


_AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "ephemeral-storage"]), st.integers(0, 2))


@given(containers=st.lists(st.builds(Resources, requests=_AMOUNTS, limits=_AMOUNTS), max_size=3))
def test_guaranteed_means_every_container_is_limited_by_what_is_requested(containers: list[Resources]) -> None:
    if qos_class(containers) is QosClass.GUARANTEED:
        for name in ("cpu", "memory"):
            assert all(one.limits.get(name, 0) > 0 for one in containers)
            assert sum(one.requests.get(name, 0) for one in containers) == sum(one.limits[name] for one in containers)
