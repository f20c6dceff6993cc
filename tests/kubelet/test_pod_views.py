"""Structs to views and back: nothing of a status is lost on the way."""

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from kubesim.kubelet.container_hash import container_hash, fnv1a_32
from kubesim.kubelet.pod_views import (
    condition_struct,
    container_status_struct,
    is_static,
    others_view,
    pod_key,
    pod_view,
    status_view,
)
from kubesim.kubelet.shown_resources import ShownResources
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.pod_conditions import owned_types
from kubesim.policy.pod_view import ContainerKind, Running, Terminated, Waiting

RECORDED = Path(__file__).parents[3] / "shared" / "recorded" / "golden"

STATUS = {
    "phase": "Running",
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "ContainersNotReady",
            "message": "containers with unready status: [a]",
            "lastProbeTime": None,
            "lastTransitionTime": "2026-01-01T00:00:01Z",
            "observedGeneration": 2,
        }
    ],
    "containerStatuses": [
        {
            "name": "a",
            "state": {"running": {"startedAt": "2026-01-01T00:00:02Z"}},
            "lastState": {
                "terminated": {
                    "exitCode": 3,
                    "reason": "Error",
                    "startedAt": "2026-01-01T00:00:00Z",
                    "finishedAt": "2026-01-01T00:00:01Z",
                    "containerID": "containerd://1",
                }
            },
            "ready": True,
            "started": True,
            "restartCount": 1,
            "image": "busybox",
            "imageID": "busybox@sha256:1",
            "containerID": "containerd://2",
            "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "Disabled"}],
            "user": {"linux": {"uid": 1000, "gid": 3000, "supplementalGroups": [3000, 4000]}},
        }
    ],
    "initContainerStatuses": [
        {
            "name": "i",
            "state": {"waiting": {"reason": "PodInitializing"}},
            "lastState": {},
            "ready": False,
            "restartCount": 0,
            "image": "busybox",
            "imageID": "",
            "user": {},
        }
    ],
}


def round_trip(status: v1.PodStatus) -> v1.PodStatus:
    """What is left of a status after the views."""
    view = status_view(status)
    lists = ("container_statuses", "init_container_statuses", "ephemeral_container_statuses")
    return msgspec.structs.replace(
        status,
        conditions=[condition_struct(one) for one in view.conditions],
        **{
            name: [
                container_status_struct(one, ShownResources.of(original))
                for one, original in zip(getattr(view, name), getattr(status, name), strict=True)
            ]
            for name in lists
        },
    )


def test_a_status_survives_the_views() -> None:
    status = msgspec.convert(STATUS, v1.PodStatus)

    assert msgspec.to_builtins(round_trip(status)) == STATUS


def test_states_become_values() -> None:
    view = status_view(msgspec.convert(STATUS, v1.PodStatus))
    container, init = view.container_statuses[0], view.init_container_statuses[0]

    assert isinstance(container.state, Running)
    assert isinstance(container.last_state, Terminated)
    assert (container.last_state.exit_code, container.last_state.finished_at_ns) == (3, 1_767_225_601 * 10**9)
    assert init.state == Waiting(reason="PodInitializing")
    assert init.last_state is None


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recordings of a real kubelet are not beside this checkout")
def test_recorded_statuses_survive_the_views() -> None:
    count = 0
    for path in sorted(RECORDED.glob("g*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if "status" not in row:
                continue
            status = msgspec.convert(row["status"], v1.PodStatus)
            shown = msgspec.to_builtins(round_trip(status))
            # stopSignal and allocatedResourcesStatus are not generated yet.
            assert without(shown, "stopSignal") == without(row["status"], "stopSignal"), path.name
            count += 1

    assert count > 300


def without(value: object, key: str) -> object:
    if isinstance(value, dict):
        return {name: without(one, key) for name, one in value.items() if name != key}
    return [without(one, key) for one in value] if isinstance(value, list) else value


def test_a_pod_becomes_a_view() -> None:
    pod = v1.Pod(
        metadata=v1.ObjectMeta(
            name="p",
            namespace="n",
            uid="u",
            generation=3,
            deletion_timestamp="2026-01-01T00:00:00Z",
            annotations={"kubernetes.io/config.source": "file"},
        ),
        spec=v1.PodSpec(
            containers=[v1.Container(name="a", image="x")],
            init_containers=[v1.Container(name="i"), v1.Container(name="s", restart_policy="Always")],
            host_network=True,
        ),
    )
    view = pod_view(pod)

    assert view.display_name == "p_n(u)"
    assert [one.kind for one in view.init_containers] == [ContainerKind.INIT, ContainerKind.SIDECAR]
    assert (view.is_static, view.is_deletion_requested, view.host_network, view.generation) == (True, True, True, 3)
    assert (is_static(pod), pod_key(pod)) == (True, "n/p")


def test_versions_of_a_pod_share_a_view_until_they_differ_in_it() -> None:
    meta = v1.ObjectMeta(name="p", namespace="n", uid="u", generation=1, resource_version="1")
    pod = v1.Pod(metadata=meta, spec=v1.PodSpec(containers=[v1.Container(name="c")]))
    view = pod_view(pod)

    written = replace(pod, metadata=replace(meta, resource_version="2"), status=v1.PodStatus(phase="Running"))
    assert pod_view(written) is view

    changes = (
        {"generation": 2},
        {"deletion_timestamp": "2026-01-01T00:00:00Z"},
        {"annotations": {"kubernetes.io/config.source": "file"}},
        {"uid": "u-2"},
        {"name": "other"},
        {"namespace": "other"},
    )
    for change in changes:
        other = replace(pod, metadata=replace(meta, **change))
        fresh = replace(other, spec=v1.PodSpec(containers=[v1.Container(name="c")]))
        assert pod_view(other) == pod_view(fresh) != view


def test_of_its_own_status_a_kubelet_reads_what_others_write() -> None:
    conditions = [
        v1.PodCondition(type="Ready", status="True"),
        v1.PodCondition(type="example.com/gate", status="True"),
        v1.PodCondition(type="PodReadyToStartContainers", status="True"),
    ]
    status = v1.PodStatus(phase="Failed", reason="Evicted", message="text", conditions=conditions)

    view = others_view(status, owned_types(DEFAULT_GATES))
    assert (view.phase, view.reason, view.message) == ("Failed", "Evicted", "text")
    assert [one.type for one in view.conditions] == ["example.com/gate"]
    # A kubelet without the gate leaves the condition to whoever wrote it.
    off = {**DEFAULT_GATES, "PodReadyToStartContainersCondition": False}
    assert [one.type for one in others_view(status, owned_types(off)).conditions] == [
        "example.com/gate",
        "PodReadyToStartContainers",
    ]
    assert others_view(v1.PodStatus(), owned_types(DEFAULT_GATES)).phase is None


def test_the_hash_changes_with_name_and_image_only() -> None:
    assert fnv1a_32(b"") == 0x811C9DC5
    assert fnv1a_32(b"a") == 0xE40C292C
    # What a kubelet 1.36 wrote on a container.
    assert container_hash("ctr", "registry.k8s.io/e2e-test-images/busybox:1.29-2") == "cc8bbac"
    assert len({container_hash("a", "x"), container_hash("a", "y"), container_hash("b", "x")}) == 3
