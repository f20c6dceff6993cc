"""The node's events about the limits of its cgroups."""

from typing import Any

import pytest

import kubesim
from kubesim.kubelet.node_configuration import enforced_allocatable
from kubesim.model.kubelet_configuration import KubeletConfiguration

OF_PODS = "Updated Node Allocatable limit across pods"


@pytest.mark.parametrize(
    ("settings", "os", "texts"),
    [
        ({}, "linux", (OF_PODS,)),
        ({}, "windows", ()),
        ({"cgroups_per_qos": False, "enforce_node_allocatable": []}, "linux", ()),
        ({"enforce_node_allocatable": ["none"]}, "linux", (OF_PODS,)),
        (
            {
                "enforce_node_allocatable": ["pods", "system-reserved", "kube-reserved-compressible"],
                "system_reserved_cgroup": "/system.slice",
                "kube_reserved_cgroup": "/kube.slice",
            },
            "linux",
            (
                OF_PODS,
                "Updated limits on system reserved cgroup /system.slice",
                "Updated limits on kube reserved cgroup /kube.slice",
            ),
        ),
    ],
)
def test_a_text_for_each_limit(settings: dict[str, Any], os: str, texts: tuple[str, ...]) -> None:
    assert enforced_allocatable(KubeletConfiguration(**settings), os=os) == texts


def test_the_events_of_a_node_that_starts() -> None:
    with kubesim.Node() as node:
        node.advance("1s")
        assert [(one["reason"], one["count"]) for one in node.events] == [
            ("Starting", 1),
            ("NodeHasSufficientMemory", 3),
            ("NodeHasNoDiskPressure", 3),
            ("NodeHasSufficientPID", 3),
            ("NodeAllocatableEnforced", 1),
            ("InvalidDiskCapacity", 1),
            ("NodeReady", 1),
        ]
        assert next(one["message"] for one in node.events if one["reason"] == "NodeAllocatableEnforced") == OF_PODS


@pytest.mark.parametrize(
    ("os", "version", "count"),
    [("linux", "1.36", 3), ("linux", "1.34", 3), ("linux", "1.33", 2), ("windows", "1.36", 2)],
)
def test_who_looks_at_a_node_that_is_not_registered_yet(os: str, version: str, count: int) -> None:
    """The container manager, what cleans up behind drivers of devices where there is any, and the registration."""
    with kubesim.Node(os=os, kubelet_version=version) as node:
        node.advance("1s")
        assert [one["count"] for one in node.events if one["reason"] == "NodeHasSufficientPID"] == [count]
        node.restart_kubelet()
        node.advance("1s")
        assert [one["count"] for one in node.events if one["reason"] == "NodeHasSufficientPID"] == [count, 1]


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"reservedSystemCPUs": "3-4"}, "reserved-cpus: 3-4 is not a subset of online-cpus: 0-3"),
        (
            {"memorySwap": {"swapBehavior": "LimitedSwap"}},
            "swap feature is enabled and LimitedSwap but it is only supported with cgroupv2",
        ),
    ],
)
def test_what_the_machine_has_not(config: dict[str, Any], error: str) -> None:
    node = kubesim.Node(config={**config, "failCgroupV1": False}, cgroup_version=1)
    with pytest.raises(kubesim.KubeletStartError, match=f"failed to run Kubelet: {error}"):
        node.start()
    node.close()


def test_reserved_processors_show_in_the_configuration_in_force() -> None:
    reserving = {"systemReserved": {"cpu": "300m"}, "kubeReserved": {"cpu": "200m"}, "reservedSystemCPUs": "0-1"}
    with kubesim.Node(config=reserving) as node:
        assert node.status()["status"]["allocatable"]["cpu"] == "2"
        assert node.configz()["systemReserved"] == {"cpu": "2"}
        assert "kubeReserved" not in node.configz()
