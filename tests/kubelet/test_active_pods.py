"""What the pods of a node hold together is kept while they come and go, and is the sum of what is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kubesim import Node
from kubesim.kubelet import active_pods
from kubesim.kubelet.active_pods import ActivePods, host_ports, requested
from kubesim.model import k8s_v1 as v1

CPU = ("100m", "1", "250m")
PORTS = (0, 80, 81)


def pod(uid: int, cpu: str, port: int) -> v1.Pod:
    container = v1.Container(
        name="c",
        image="a",
        ports=[v1.ContainerPort(container_port=80, host_port=port)],
        resources=v1.ResourceRequirements(requests={"cpu": cpu, "memory": "1Mi"}),
    )
    return v1.Pod(metadata=v1.ObjectMeta(name=str(uid), uid=str(uid)), spec=v1.PodSpec(containers=[container]))


STEPS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([*CPU, None]), st.sampled_from(PORTS)))


@given(STEPS)
def test_the_sums_are_those_of_the_pods_that_are_there(steps: list[tuple[int, str | None, int]]) -> None:
    active, there = ActivePods(uses_pod_level=True), dict[str, v1.Pod]()
    for uid, cpu, port in steps:
        if cpu is None:
            active.discard(str(uid))
            there.pop(str(uid), None)
        else:
            there[str(uid)] = pod(uid, cpu, port)
            active.put(there[str(uid)])

    used: dict[str, int] = {}
    for one in there.values():
        for name, amount in requested(one, uses_pod_level=True).items():
            used[name] = used.get(name, 0) + amount
    assert active.used == used
    assert set(active.host_ports) == {port for one in there.values() for port in host_ports(one)}
    assert list(active) == list(there.values())
    assert len(active) == len(there)


def test_a_new_status_changes_the_pod_and_adds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    active, before = ActivePods(uses_pod_level=True), pod(1, "1", 80)
    active.put(before)
    monkeypatch.setattr(active_pods, "requested", lambda _: pytest.fail("the spec is the same"))
    after = replace(before, status=v1.PodStatus(phase="Running"))
    active.put(after)

    assert list(active) == [after]
    assert active.used == {"cpu": 1000, "memory": 2**20}


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: p{number}}}
spec:
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, "3600"]
    resources: {{requests: {{cpu: 1m}}}}
"""


@pytest.mark.parametrize("pods", [3, 30])
def test_admitting_a_pod_adds_up_that_pod_alone(pods: int, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[str] = []
    count = active_pods.pod_requests
    monkeypatch.setattr(active_pods, "pod_requests", lambda spec, **options: added.append("") or count(spec, **options))
    with Node() as node:
        for number in range(pods):
            node.apply(POD.format(number=number))

    assert len(added) == 2 * pods  # once as the pod that asks, once as a pod that is there
