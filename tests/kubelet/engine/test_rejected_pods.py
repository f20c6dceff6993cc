"""Pods that the kubelet refuses at admission: Failed for good, with the reason and a message."""

from typing import Any

import pytest


def refused(story: Any) -> tuple[str, str, str]:
    story.run("5s")
    status = story.status()
    assert status["phase"] == "Failed"
    assert story.calls(methods={"RunPodSandbox"}) == ""
    return status["phase"], status["reason"], status["message"]


def test_out_of_cpu(story: Any, c: Any) -> None:
    story.pod(c("a", resources={"requests": {"cpu": "64"}}))
    assert refused(story) == (
        "Failed",
        "OutOfcpu",
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 64000, used: 0, capacity: 4000",
    )
    story.check(
        story.events(),
        """
        Warning OutOfcpu: Node didn't have enough resource: cpu, requested: 64000, used: 0, capacity: 4000
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Failed
        """,
    )


def test_cpu_of_running_pods_counts_and_is_given_back(story: Any, c: Any) -> None:
    half = {"requests": {"cpu": "3"}}
    story.pod(c("a", resources=half), name="first", terminationGracePeriodSeconds=1)
    story.run("5s")
    story.pod(c("a", resources=half), name="second")
    story.run("5s")
    assert story.status("default/second")["message"] == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 3000, capacity: 4000"
    )
    story.node.delete("default/first")
    story.run("10s")
    story.pod(c("a", resources=half), name="third")
    story.run("5s")
    assert story.is_running("a", "default/third")


def test_node_selector(story: Any, c: Any) -> None:
    story.pod(c("a"), nodeSelector={"disk": "ssd"})
    assert refused(story) == (
        "Failed",
        "NodeAffinity",
        "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    )
    assert story.node.metrics()['kubelet_admission_rejections_total{reason="Other"}'] == 1


def test_host_port_that_is_taken(story: Any, c: Any) -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 18080}]}
    story.pod(c("a", **port), name="first")
    story.run("5s")
    story.pod(c("a", **port))
    story.run("5s")
    assert (story.status()["reason"], story.status()["message"]) == (
        "NodePorts",
        "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    )


@pytest.mark.parametrize(("version", "is_refused"), [("1.32", False), ("1.33", True), ("1.36", True)])
def test_strict_groups_on_a_runtime_without_them(new_story: Any, c: Any, version: str, is_refused: bool) -> None:
    story = new_story(kubelet_version=version, profile="containerd-1.7")
    story.pod(c("a"), securityContext={"supplementalGroupsPolicy": "Strict"})
    story.run("5s")
    if is_refused:
        assert refused(story)[1:] == (
            "SupplementalGroupsPolicyNotSupported",
            "Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node",
        )
    else:
        assert story.is_running("a")


def test_a_rejected_pod_can_be_deleted(story: Any, c: Any) -> None:
    story.pod(c("a"), nodeSelector={"disk": "ssd"})
    story.run("5s")
    story.node.delete("default/web")
    story.run("1s")
    assert story.node.pods() == []


def test_a_sysctl_that_is_not_safe(new_story: Any, c: Any) -> None:
    unsafe = {"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]}}
    story = new_story()
    story.pod(c("a"), **unsafe)
    story.run("2s")
    status = story.status()
    assert (status["reason"], status["message"]) == (
        "SysctlForbidden",
        'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted',
    )
    allowing = new_story(config={"allowedUnsafeSysctls": ["net.core.*"]})
    allowing.pod(c("a"), **unsafe)
    allowing.run("5s")
    assert allowing.is_running("a")
