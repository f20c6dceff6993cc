"""status.resources of a running pod is made again when what it is made of changes, and only then."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from kubesim.kubelet.published_resources import pod_resource_fields
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.pod_cgroup import PodCgroup
from kubesim.policy.pod_view import PodPhase

WANTED = v1.ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"}, limits={"cpu": "200m"})
POD = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="n", uid="u"),
    spec=v1.PodSpec(containers=[v1.Container(name="c", resources=WANTED)]),
    status=v1.PodStatus(phase="Running"),
)
CGROUP = PodCgroup(cpu_shares=102, cpu_quota_us=20_000, cpu_period_us=100_000)


def shown(
    cgroup: PodCgroup,
    before: v1.ResourceRequirements | None,
    *,
    old_phase: PodPhase = PodPhase.RUNNING,
    gates: Mapping[str, bool] = DEFAULT_GATES,
    pod: v1.Pod = POD,
) -> v1.ResourceRequirements:
    _, found = pod_resource_fields(pod, old_phase=old_phase, shown=before, cgroup=cgroup, gates=gates)
    assert found is not None
    return found


def test_what_is_told_again_is_the_same_object() -> None:
    first = shown(CGROUP, None)
    assert (first.requests, first.limits) == ({"cpu": "100m", "memory": "64Mi"}, {"cpu": "200m"})
    assert shown(CGROUP, first) is first
    assert shown(CGROUP, first) is first


def test_another_control_group_is_read() -> None:
    before = shown(CGROUP, None)
    after = shown(PodCgroup(cpu_shares=204, cpu_quota_us=30_000, cpu_period_us=100_000), before)
    assert (after.requests["cpu"], after.limits["cpu"]) == ("200m", "300m")
    assert shown(CGROUP, after) == before


def test_what_was_told_before_stays_where_the_control_group_says_nothing() -> None:
    bare = PodCgroup(cpu_shares=102)
    assert "cpu" not in shown(bare, None).limits
    told = v1.ResourceRequirements(limits={"cpu": "7"})
    assert shown(bare, told).limits["cpu"] == "7"
    assert "cpu" not in shown(bare, told, old_phase=PodPhase.PENDING).limits


def test_a_kubelet_with_other_gates_counts_for_itself() -> None:
    level = v1.ResourceRequirements(requests={"memory": "1Gi"})
    pod = replace(POD, spec=replace(POD.spec, resources=level))
    without = {**DEFAULT_GATES, "PodLevelResources": False}
    requests = [
        pod_resource_fields(pod, old_phase=None, shown=None, cgroup=None, gates=gates)[0]
        for gates in (DEFAULT_GATES, without, DEFAULT_GATES)
    ]
    assert [one["memory"] for one in requests] == ["1Gi", "64Mi", "1Gi"]
