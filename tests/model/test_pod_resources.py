"""What counts of a pod's requests when the node ends pods."""

import pytest

from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import weighed_requests


def spec(level: v1.ResourceRequirements | None = None, overhead: dict[str, str] | None = None) -> v1.PodSpec:
    own = v1.ResourceRequirements(requests={"cpu": "1", "ephemeral-storage": "1Gi"})
    containers = [v1.Container(name="a", image="i", resources=own), v1.Container(name="b", image="i", resources=own)]
    return v1.PodSpec(containers=containers, resources=level, overhead=overhead or {})


LEVEL = v1.ResourceRequirements(requests={"memory": "3Mi"})


@pytest.mark.parametrize(
    ("given", "uses_pod_level", "expected"),
    [
        (spec(), True, {"cpu": "2", "ephemeral-storage": "2Gi"}),
        (spec(overhead={"cpu": "1", "memory": "9Mi"}), True, {"cpu": "3", "ephemeral-storage": "2Gi"}),
        # What the pod itself asks stands for all that its containers ask, also of what only they can ask.
        (spec(LEVEL), True, {"memory": "3Mi"}),
        (spec(LEVEL, {"cpu": "1", "memory": "9Mi"}), True, {"memory": "12Mi"}),
        (spec(LEVEL), False, {"cpu": "2", "ephemeral-storage": "2Gi"}),
        (spec(v1.ResourceRequirements(limits={"memory": "1Gi"})), True, {}),
        (spec(v1.ResourceRequirements()), True, {"cpu": "2", "ephemeral-storage": "2Gi"}),
    ],
)
def test_weighed_requests(given: v1.PodSpec, uses_pod_level: bool, expected: dict[str, str]) -> None:
    found = weighed_requests(given, uses_pod_level=uses_pod_level)
    assert {name: str(amount) for name, amount in found.items()} == expected
