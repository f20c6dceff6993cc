"""The size of the machine: what of it the Node shows, what pods get of it, and what is no size."""

from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError
from kubesim.node.node_capacity import node_capacity

SMALL = {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "20Gi", "pods": 3, "hugepages-2Mi": "64Mi"}


def test_the_node_has_the_size_it_is_given() -> None:
    config = {"systemReserved": {"cpu": "250m", "memory": "512Mi"}, "evictionHard": {"memory.available": "100Mi"}}
    with kubesim.Node(capacity=SMALL, config=config) as node:
        status = node.status()["status"]
    assert status["capacity"] == {
        "cpu": "2",
        "memory": "4Gi",
        "ephemeral-storage": "20Gi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "64Mi",
        "pods": "3",
    }
    assert status["allocatable"] == {
        **status["capacity"],
        "cpu": "1750m",
        "memory": str(4 * 1024 - 512 - 100 - 64) + "Mi",
    }


def pod(name: str, **requests: str) -> dict[str, Any]:
    container = {"name": "c", "image": "i", "resources": {"requests": requests}, "imagePullPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ({"cpu": "3"}, "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"),
        (
            {"memory": "5Gi"},
            "Node didn't have enough resource: memory, requested: 5368709120, used: 0, capacity: 4123000832",
        ),
    ],
)
def test_pods_that_do_not_fit_are_refused(requests: dict[str, str], message: str) -> None:
    with kubesim.Node(capacity=SMALL) as node:
        (key,) = node.apply(pod("big", **requests))
        node.advance("1s")
        assert node.pod(key)["status"]["message"] == f"Pod was rejected: {message}"
        assert node.event_writes(key)[-1]["message"] == message


def test_the_node_takes_so_many_pods() -> None:
    with kubesim.Node(capacity={"pods": 1}) as node:
        node.apply(pod("one"))
        (key,) = node.apply(pod("two"))
        node.advance("1s")
        assert node.pod(key)["status"]["reason"] == "OutOfpods"
        assert node.configz()["maxPods"] == 1


def test_disk_and_memory_are_of_that_size() -> None:
    with kubesim.Node(capacity=SMALL) as node:
        node.fill_disk("20Gi")
        node.fill_memory("4Gi")
        with pytest.raises(InputError):
            node.fill_disk("21Gi")
        with pytest.raises(InputError):
            node.fill_memory("5Gi")


def test_what_is_left_out_is_of_a_small_cloud_machine() -> None:
    assert dict(node_capacity({"cpu": 1}, "", os="windows").resources) == {
        "cpu": "1",
        "memory": "16Gi",
        "ephemeral-storage": "100Gi",
    }
    assert node_capacity(None, "", os="linux").pods_max is None


@pytest.mark.parametrize(
    ("given", "os", "problem"),
    [
        ("2", "linux", "Node(capacity): '2' is of type str; give a dict of quantities, such as "),
        ({"gpu": "1"}, "linux", "Node(capacity)['gpu']: there is no such resource of a machine; a machine has cpu, "),
        ({"hugepages-2Mi": "2Mi"}, "windows", "Node(capacity)['hugepages-2Mi']: there is no such resource"),
        ({7: "1"}, "linux", "Node(capacity)[7]: there is no such resource"),
        ({"cpu": True}, "linux", "Node(capacity)['cpu']: True is of type bool; give a quantity"),
        ({"cpu": "2500m"}, "linux", "Node(capacity)['cpu']: 2500m is a part of one; give a whole number"),
        ({"cpu": "0"}, "linux", "Node(capacity)['cpu']: 0 is too little; give at least 1"),
        ({"memory": "-1Gi"}, "linux", "Node(capacity)['memory']: -1Gi is too little; give at least 1"),
        ({"memory": "lots"}, "linux", "Node(capacity)['memory']: "),
        ({"hugepages-2Mi": "3Mi"}, "linux", "Node(capacity)['hugepages-2Mi']: 3Mi is a part of one; give a multiple"),
        ({"hugepages-big": "3Mi"}, "linux", "Node(capacity)['hugepages-big']: "),
    ],
)
def test_what_is_no_size(given: Any, os: str, problem: str) -> None:
    with pytest.raises(InputError) as raised:
        kubesim.Node(capacity=given, os=os)
    assert str(raised.value).startswith(problem)
