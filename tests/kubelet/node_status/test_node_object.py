"""What a Node object says."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubesim.cri import api
from kubesim.kubelet.node_description import HostIdentity, NodeDescription
from kubesim.kubelet.node_status_settings import NodeStatusSettings
from kubesim.model.k8s_v1 import NodeCondition, Taint
from kubesim.policy.feature_gates import resolve_gates

NewBench = Callable[..., Any]


TIMES = {"lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
RECORDED = {
    "addresses": [{"address": "192.0.2.2", "type": "InternalIP"}, {"address": "golden", "type": "Hostname"}],
    "allocatable": {
        "cpu": "2",
        "ephemeral-storage": "267847642337",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "24632892Ki",
        "pods": "110",
    },
    "capacity": {
        "cpu": "2",
        "ephemeral-storage": "264212084Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "24684092Ki",
        "pods": "110",
    },
    "conditions": [
        {
            **TIMES,
            "message": "kubelet has sufficient memory available",
            "reason": "KubeletHasSufficientMemory",
            "status": "False",
            "type": "MemoryPressure",
        },
        {
            **TIMES,
            "message": "kubelet has no disk pressure",
            "reason": "KubeletHasNoDiskPressure",
            "status": "False",
            "type": "DiskPressure",
        },
        {
            **TIMES,
            "message": "kubelet has sufficient PID available",
            "reason": "KubeletHasSufficientPID",
            "status": "False",
            "type": "PIDPressure",
        },
        {
            **TIMES,
            "message": "kubelet is posting ready status",
            "reason": "KubeletReady",
            "status": "True",
            "type": "Ready",
        },
    ],
    "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    "declaredFeatures": [
        "ExtendWebSocketsToKubelet",
        "InPlacePodLevelResourcesVerticalScaling",
        "InPlacePodVerticalScalingInitContainers",
        "RestartAllContainersOnContainerExits",
    ],
    "features": {"supplementalGroupsPolicy": True},
    "nodeInfo": {
        "architecture": "amd64",
        "bootID": "8ff79a07-8c9a-40a1-8a95-5f5cb1557fdf",
        "containerRuntimeVersion": "containerd://2.4.0-beta+unknown",
        "kernelVersion": "6.18.44",
        "kubeProxyVersion": "",
        "kubeletVersion": "v1.36.2",
        "machineID": "3d1219c7c4c5404aaa1f6d2a48adfda4",
        "operatingSystem": "linux",
        "osImage": "Debian GNU/Linux 12 (bookworm)",
        "systemUUID": "3d1219c7c4c5404aaa1f6d2a48adfda4",
    },
    "runtimeHandlers": [
        {"features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}, "name": ""},
        {"features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}, "name": "runc"},
    ],
}
"""What a kubelet 1.36 published, but for names, times and images."""


def test_a_node_says_what_a_recorded_one_said(bench: Any) -> None:
    bench.until(1)
    assert bench.api.node is not None
    node = msgspec.to_builtins(bench.api.node)

    assert node["metadata"] == {
        "name": "golden",
        "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        "labels": {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": "golden",
            "kubernetes.io/os": "linux",
        },
    }
    assert node["status"] == RECORDED


@pytest.mark.parametrize(
    ("version", "overrides", "features", "handlers"),
    [
        ("1.28", {}, None, None),
        ("1.30", {}, None, None),
        ("1.30", {"UserNamespacesSupport": True}, None, None),
        ("1.30", {"RecursiveReadOnlyMounts": True}, None, {"recursiveReadOnlyMounts": True}),
        ("1.31", {}, None, {"recursiveReadOnlyMounts": True, "userNamespaces": True}),
        ("1.32", {"SupplementalGroupsPolicy": True}, {"supplementalGroupsPolicy": True},
         {"recursiveReadOnlyMounts": True, "userNamespaces": True}),
        ("1.32", {"RecursiveReadOnlyMounts": False}, None, None),
        ("1.32", {"RecursiveReadOnlyMounts": False, "UserNamespacesSupport": True}, None,
         {"recursiveReadOnlyMounts": True, "userNamespaces": True}),
        ("1.33", {}, {"supplementalGroupsPolicy": True}, {"recursiveReadOnlyMounts": True, "userNamespaces": True}),
    ],
)  # fmt: skip
def test_features_and_handlers_by_version_and_gate(
    version: str, overrides: dict[str, bool], features: Any, handlers: Any, new_bench: NewBench
) -> None:
    bench = new_bench(
        NodeDescription(name="n", kubelet_version=version),
        gates=resolve_gates(version, overrides),
    )
    bench.updater.start()
    bench.until(1)
    shown = bench.shown()

    assert shown.get("features") == features
    assert [one["features"] for one in shown.get("runtimeHandlers", [])] == ([handlers] * 2 if handlers else [])
    assert "declaredFeatures" not in shown


def test_a_runtime_without_features_leaves_the_field_out(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.runtime.status.ClearField("features")
    bench.runtime.status.ClearField("runtime_handlers")
    bench.updater.start()
    bench.until(1)

    assert "features" not in bench.shown()
    assert "runtimeHandlers" not in bench.shown()


def test_a_runtime_that_loses_its_features_leaves_the_old_value(bench: Any) -> None:
    bench.until(1)
    bench.runtime.status.ClearField("features")
    bench.until(30)

    assert bench.shown()["features"] == {"supplementalGroupsPolicy": True}


def test_user_namespaces_on_the_host_network_need_gate_and_runtime(new_bench: NewBench) -> None:
    declared = []
    for is_gate_on, is_supported in ((True, True), (True, False), (False, True)):
        bench = new_bench(gates=resolve_gates("1.36", {"UserNamespacesHostNetworkSupport": is_gate_on}))
        bench.runtime.status.features.user_namespaces_host_network = is_supported
        bench.updater.start()
        bench.until(1)
        declared.append("UserNamespacesHostNetworkSupport" in bench.status.declared_features)

    assert declared == [True, False, False]


def test_images_are_largest_first_with_at_most_five_names(new_bench: NewBench) -> None:
    bench = new_bench(settings=NodeStatusSettings(images_max=3))
    names = [f"r.example/a:{number}" for number in range(5)]
    bench.runtime.images = [
        api.Image(id="sha256:1", size=10, repo_tags=["small:1"]),
        api.Image(id="sha256:2", size=30, repo_tags=names, repo_digests=["r.example/a@sha256:aa"]),
        api.Image(id="sha256:4", size=20, repo_tags=["b:1"]),
        api.Image(id="sha256:3", size=20, repo_tags=["a:1"]),
    ]
    bench.updater.start()
    bench.until(1)

    assert bench.shown()["images"] == [
        {"names": ["r.example/a@sha256:aa", *names[:4]], "sizeBytes": 30},
        {"names": ["b:1"], "sizeBytes": 20},
        {"names": ["a:1"], "sizeBytes": 20},
    ]


@pytest.mark.parametrize(("images_max", "count"), [(-1, 60), (0, 0), (50, 50)])
def test_how_many_images_are_shown(images_max: int, count: int, new_bench: NewBench) -> None:
    bench = new_bench(settings=NodeStatusSettings(images_max=images_max))
    bench.runtime.images = [api.Image(id=f"sha256:{number}", size=number) for number in range(60)]
    bench.updater.start()
    bench.until(1)

    assert len(bench.status.images) == count


def test_ids_that_nobody_gave_are_the_same_for_every_process(new_bench: NewBench) -> None:
    bench = new_bench(NodeDescription(name="n"))
    bench.updater.start()
    bench.until(10)
    first = bench.status.node_info
    bench.updater.stop()
    bench.new_process()
    bench.updater.start()
    bench.until(20)

    assert bench.status.node_info == first
    assert (len(first.machine_id), len(first.system_uuid), len(first.boot_id)) == (32, 36, 36)
    assert first.kubelet_version == "v1.36.0"


def test_conditions_of_others_and_resources_of_others_stay(bench: Any) -> None:
    bench.until(1)
    assert bench.api.node is not None
    foreign = NodeCondition(type="NetworkUnavailable", status="False")
    status = bench.status
    bench.api.node = msgspec.structs.replace(
        bench.api.node,
        status=msgspec.structs.replace(
            status,
            conditions=[foreign, *status.conditions],
            capacity={**status.capacity, "example.com/gpu": "2"},
        ),
    )
    bench.until(12)

    assert [one.type for one in bench.status.conditions] == [
        "NetworkUnavailable",
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "Ready",
    ]
    assert (bench.status.capacity["example.com/gpu"], bench.status.allocatable["example.com/gpu"]) == ("2", "2")


def test_a_missing_capacity_makes_the_node_not_ready(new_bench: NewBench) -> None:
    bench = new_bench(NodeDescription(name="n", capacity={"cpu": "1"}))
    bench.updater.start()
    bench.until(1)

    assert bench.condition("Ready").message == "missing node capacity for resources: memory, ephemeral-storage"


def test_a_windows_node_has_its_own_size_label_and_versions(new_bench: NewBench) -> None:
    taint = Taint(key="os", value="windows", effect="NoSchedule")
    bench = new_bench(NodeDescription(name="win", os="windows", kubelet_version="v1.30.4", taints=(taint,)))
    bench.updater.start()
    bench.until(1)
    assert bench.api.node is not None

    assert bench.api.node.metadata.labels["node.kubernetes.io/windows-build"] == "10.0.20348"
    assert bench.api.node.spec.taints == [taint]
    assert sorted(bench.status.capacity) == ["cpu", "ephemeral-storage", "memory", "pods"]
    info = bench.status.node_info
    assert (info.operating_system, info.kubelet_version, info.kube_proxy_version) == ("windows", "v1.30.4", "v1.30.4")


def test_swap_shows_from_1_33_on(new_bench: NewBench) -> None:
    shown = []
    for version in ("1.32", "1.33"):
        bench = new_bench(NodeDescription(name="n", kubelet_version=version, identity=HostIdentity(swap_bytes=4096)))
        bench.updater.start()
        bench.until(1)
        shown.append(bench.shown()["nodeInfo"].get("swap"))

    assert shown == [None, {"capacity": 4096}]
