"""The generated core v1 types: what Go writes, they write; what a real kubelet published, they hold."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import fields, replace

from kubesim.model import k8s_v1
from kubesim.model.convert import convert_all_errors, without_nulls
from kubesim.model.k8s_v1 import (
    ConfigMap,
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Event,
    Node,
    Pod,
    PodStatus,
    Secret,
)
from kubesim.model.k8s_versions import FIELD_VERSIONS, FIRST_MINOR, LAST_MINOR
from kubesim.model.yaml_text import Document

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "recorded" / "golden"

TERMINATED: dict[str, Any] = {
    "observedGeneration": 1,
    "phase": "Failed",
    "conditions": [
        {"type": "Ready", "observedGeneration": 1, "status": "False", "lastProbeTime": None,
         "lastTransitionTime": "2026-11-23T22:48:12Z", "reason": "PodFailed"},
    ],
    "hostIP": "192.0.2.2",
    "hostIPs": [{"ip": "192.0.2.2"}],
    "podIP": "10.88.5.62",
    "podIPs": [{"ip": "10.88.5.62"}],
    "startTime": "2026-11-23T22:48:09Z",
    "containerStatuses": [
        {"name": "main",
         "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": None, "finishedAt": None}},
         "lastState": {}, "ready": False, "restartCount": 0, "image": "x", "imageID": "", "started": False,
         "resources": {}, "user": {"linux": {"uid": 0, "gid": 0, "supplementalGroups": [0, 10]}},
         "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "Disabled"}]},
        {"name": "other", "state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {}, "ready": False,
         "restartCount": 3, "image": "y", "imageID": "y@sha256:1", "containerID": "containerd://1", "user": {}},
    ],
    "qosClass": "BestEffort",
    "allocatedResources": {"cpu": "50m"},
    "resources": {"requests": {"cpu": "50m"}},
}  # fmt: skip

NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n"},
    "spec": {},
    "status": {
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "features": {"supplementalGroupsPolicy": False},
        "nodeInfo": {
            "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2.3.0",
            "kernelVersion": "", "kubeProxyVersion": "", "kubeletVersion": "v1.36.2", "machineID": "",
            "operatingSystem": "linux", "osImage": "", "systemUUID": "",
        },
        "runtimeHandlers": [{"name": "", "features": {"recursiveReadOnlyMounts": True, "userNamespaces": False}}],
    },
}  # fmt: skip


def round_trip(value: dict[str, Any], type_: Any) -> Any:
    return msgspec.to_builtins(msgspec.convert(without_nulls(value), type_, strict=True))


@pytest.mark.parametrize(("value", "type_"), [(TERMINATED, PodStatus), (NODE, Node)])
def test_samples_survive_unchanged(value: dict[str, Any], type_: Any) -> None:
    assert round_trip(value, type_) == value


def recordings() -> list[Path]:
    return sorted(RECORDED.glob("*.jsonl"))


@pytest.mark.skipif(not recordings(), reason="the recordings of a real kubelet are not beside the repository")
def test_every_recorded_status_survives_unchanged() -> None:
    count = 0
    for path in recordings():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(line)
            if "status" in row:
                assert round_trip(row["status"], PodStatus) == row["status"], f"{path.name}:{number}"
                count += 1
    assert len(recordings()) == 51
    assert count > 500


@pytest.mark.skipif(not recordings(), reason="the recordings of a real kubelet are not beside the repository")
def test_the_recorded_node_survives_unchanged() -> None:
    node = json.loads((RECORDED / "node.json").read_text(encoding="utf-8"))
    assert round_trip(node, Node) == node


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Pod(), {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": []}, "status": {}}),
        (ConfigMap(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        (Secret(), {"apiVersion": "v1", "kind": "Secret", "metadata": {}}),
        (Container(), {"name": "", "resources": {}}),
        (ContainerState(), {}),
        (ContainerStateWaiting(), {}),
        (ContainerStateTerminated(), {"exitCode": 0, "startedAt": None, "finishedAt": None}),
        (
            ContainerStatus(),
            {"name": "", "state": {}, "lastState": {}, "ready": False, "restartCount": 0, "image": "", "imageID": ""},
        ),
        (
            Event(),
            {
                "apiVersion": "v1", "kind": "Event", "metadata": {}, "involvedObject": {}, "source": {},
                "firstTimestamp": None, "lastTimestamp": None, "eventTime": None,
                "reportingComponent": "", "reportingInstance": "",
            },
        ),
        (k8s_v1.PodCondition(), {"type": "", "status": "", "lastProbeTime": None, "lastTransitionTime": None}),
        (k8s_v1.NodeCondition(), {"type": "", "status": "", "lastHeartbeatTime": None, "lastTransitionTime": None}),
        (k8s_v1.ResourceFieldSelector(), {"resource": "", "divisor": "0"}),
        (k8s_v1.DaemonEndpoint(), {"Port": 0}),
    ],
)  # fmt: skip
def test_zeros_that_go_writes(value: msgspec.Struct, written: dict[str, Any]) -> None:
    assert msgspec.to_builtins(value) == written


def test_pointers_keep_their_zeros_and_values_lose_them() -> None:
    spec = k8s_v1.PodSpec(host_network=False, share_process_namespace=False, priority=0, containers=[])
    assert msgspec.to_builtins(spec) == {"containers": [], "shareProcessNamespace": False, "priority": 0}


@pytest.mark.parametrize(
    ("type_", "attribute", "json_name"),
    [
        ("PodStatus", "host_ips", "hostIPs"),
        ("PodStatus", "pod_ip", "podIP"),
        ("ContainerStatus", "image_id", "imageID"),
        ("ContainerStatus", "container_id", "containerID"),
        ("NodeSpec", "external_id", "externalID"),
        ("NodeSpec", "pod_cidrs", "podCIDRs"),
        ("NodeStatus", "volumes_in_use", "volumesInUse"),
        ("NodeSystemInfo", "system_uuid", "systemUUID"),
        ("DaemonEndpoint", "port", "Port"),
        ("PodSpec", "host_pid", "hostPID"),
        ("PodSpec", "set_hostname_as_fqdn", "setHostnameAsFQDN"),
        ("Volume", "downward_api", "downwardAPI"),
        ("Volume", "scale_io", "scaleIO"),
        ("AzureDiskVolumeSource", "disk_uri", "diskURI"),
        ("FCVolumeSource", "target_wwns", "targetWWNs"),
        ("PodSecurityContext", "se_linux_options", "seLinuxOptions"),
        ("ContainerPort", "host_ip", "hostIP"),
    ],
)
def test_names(type_: str, attribute: str, json_name: str) -> None:
    names = {field.name: field.encode_name for field in fields(getattr(k8s_v1, type_))}
    assert names[attribute] == json_name


def test_numbers_have_the_size_of_go() -> None:
    document = Document(value={"restartCount": 2**31, "image": "x", "imageID": "", "name": "a"}, name="d")
    assert [str(error) for error in convert_all_errors(document, ContainerStatus)] == [
        "d: $.restartCount: 2147483648 is out of range; expected at most 2147483647"
    ]


def test_values_are_frozen_and_replaced() -> None:
    pod = Pod()
    with pytest.raises(AttributeError):
        pod.kind = "Pod"  # type: ignore[misc]  # the refusal is what is tested
    assert replace(pod, metadata=replace(pod.metadata, name="a")).metadata.name == "a"
    assert pod.metadata.name == ""


def test_the_version_table_names_real_fields() -> None:
    for (type_, key), (since, until) in FIELD_VERSIONS.items():
        assert key in {field.encode_name for field in fields(getattr(k8s_v1, type_))}
        assert since is not None or until is not None
        assert all(FIRST_MINOR <= minor <= LAST_MINOR for minor in (since, until) if minor is not None)
    assert FIELD_VERSIONS["PodSecurityContext", "supplementalGroupsPolicy"] == (31, None)
    assert FIELD_VERSIONS["PodSpec", "workloadRef"] == (35, 35)


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None,
    reason="kubernetes-validate, whose schemas the generator reads, is not installed",
)
def test_the_generated_files_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "genmodel"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_generator_refuses_unknown_options() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "genmodel"), "--chek"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr
