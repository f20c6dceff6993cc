"""A pod with scheduling gates stays Pending and away from the kubelet until the last gate is gone."""

import re
from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError

KEY = "default/web"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


def pod(*gates: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": BUSYBOX, "command": ["sleep", "1h"]}
    waits = {"schedulingGates": [{"name": name} for name in gates]} if gates else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [container], **waits, **spec},
    }


def test_a_pod_waits_for_all_its_gates() -> None:
    with kubesim.Node() as node:
        node.apply(pod("example.com/a", "example.com/b"))
        node.advance("1m")
        found = node.pod(KEY)
        assert "nodeName" not in found["spec"]
        assert found["status"]["phase"] == "Pending"
        [condition] = found["status"]["conditions"]
        assert (condition["type"], condition["status"], condition["reason"], condition["message"]) == (
            "PodScheduled",
            "False",
            "SchedulingGated",
            "Scheduling is blocked due to non-empty scheduling gates",
        )
        node.apply(pod("example.com/b"))
        node.restart_kubelet()
        node.advance("1m")
        assert [one["type"] for one in node.versions(KEY)] == ["ADDED", "MODIFIED"]
        assert not [one for one in node.journal if one.method == "RunPodSandbox"]
        assert node.pod(KEY)["metadata"]["generation"] == 2

        before_s = node.versions(KEY)[-1]["t"]
        node.apply(pod())
        node.advance("2s")
        found = node.pod(KEY)
        assert (found["spec"]["nodeName"], found["status"]["phase"]) == ("node-1", "Running")
        assert found["metadata"]["generation"] == 3, "the binding makes no new generation"
        scheduled = [
            (one["t"] - before_s, c["status"])
            for one in node.versions(KEY)[2:4]
            for c in one["status"]["conditions"]
            if c["type"] == "PodScheduled"
        ]
        assert [status for _, status in scheduled] == ["False", "True"]
        assert not any(c.get("reason") for c in found["status"]["conditions"] if c["type"] == "PodScheduled")


def test_no_gate_is_added_and_a_pod_on_a_node_has_none() -> None:
    with kubesim.Node() as node:
        node.apply(pod("example.com/a"))
        text = "only deletion is allowed, but found new scheduling gate 'example.com/b'"
        with pytest.raises(InputError, match=re.escape(text)):
            node.apply(pod("example.com/a", "example.com/b"))
        with pytest.raises(InputError, match=r"spec\.nodeName: Forbidden: cannot be set until all schedulingGates"):
            node.apply({**pod("example.com/a", nodeName="node-1"), "metadata": {"name": "other"}})


def test_a_pod_that_waits_is_deleted_at_once() -> None:
    with kubesim.Node() as node:
        node.apply(pod("example.com/a", terminationGracePeriodSeconds=30))
        node.delete(KEY)
        assert node.pods() == []
        node.apply(pod())
        node.advance("2s")
        assert node.pod(KEY)["status"]["phase"] == "Running"


def test_what_waits_has_no_container_and_takes_conditions_and_a_resize() -> None:
    with kubesim.Node() as node:
        small = {"requests": {"cpu": "10m", "memory": "16Mi"}}
        large = {"requests": {"cpu": "64"}}
        waits = pod("example.com/a")
        waits["spec"]["containers"][0]["resources"] = small
        node.apply(waits)
        node.resize(KEY, {"spec": {"containers": [{"name": "a", "resources": large}]}})
        node.set_condition(KEY, "example.com/c", "True")
        with pytest.raises(InputError):
            node.exec(KEY, ["true"])
        assert {one["type"] for one in node.pod(KEY)["status"]["conditions"]} == {"PodScheduled", "example.com/c"}


def test_a_static_pod_is_on_its_node() -> None:
    text = "invalid pod: [spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared]"
    node = kubesim.Node(config={"staticPodPath": "/etc/kubernetes/manifests"})
    with node, pytest.raises(InputError, match=re.escape(text)):
        node.apply_static(pod("example.com/a"))
