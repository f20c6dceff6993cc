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
        assert [(one["reason"], one["message"]) for one in node.events][:3] == [
            ("Starting", "Starting kubelet."),
            ("NodeAllocatableEnforced", OF_PODS),
            ("NodeHasSufficientMemory", "Node node-1 status is now: NodeHasSufficientMemory"),
        ]
