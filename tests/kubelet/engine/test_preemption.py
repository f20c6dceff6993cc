"""A critical pod that the node has no room for: others go."""

from typing import Any

CRITICAL = {"priorityClassName": "system-cluster-critical", "priority": 2000000000}


def cpu(amount: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": amount}}}


def test_the_pods_that_ask_for_just_enough_go(story: Any, c: Any) -> None:
    story.pod(c("a", **cpu("1")), name="one", terminationGracePeriodSeconds=3)
    story.pod(c("a", **cpu("2")), name="two")
    story.pod(c("a"), name="none")
    story.run("5s")
    story.pod(c("a", **cpu("1500m")), name="vital", **CRITICAL)
    assert "vital" not in str([one["metadata"]["name"] for one in story.node.pods() if one["status"].get("startTime")])
    story.run("6s")

    status = story.status("default/one")
    assert (status["phase"], status["reason"]) == ("Failed", "Preempting")
    assert status["message"] == "Preempted in order to admit critical pod"
    condition = next(one for one in status["conditions"] if one["type"] == "DisruptionTarget")
    assert condition["message"] == "Pod was preempted by Kubelet to accommodate a critical pod."
    assert story.status("default/two")["phase"] == "Running"
    assert story.status("default/none")["phase"] == "Running"
    assert story.status("default/vital")["phase"] == "Running"
    assert story.events("default/one").splitlines()[-2:] == [
        "Warning Preempting: Preempted in order to admit critical pod",
        "Normal Killing a: Stopping container a",
    ]
    assert story.node.metrics()['kubelet_preemptions{preemption_signal="cpu"}'] == 1


def test_nobody_goes_when_all_of_them_would_not_do(story: Any, c: Any) -> None:
    story.pod(c("a", **cpu("1")), name="one")
    story.run("5s")
    story.pod(c("a", **cpu("6")), name="vital", **CRITICAL)
    story.run("5s")

    status = story.status("default/vital")
    assert (status["phase"], status["reason"]) == ("Failed", "UnexpectedAdmissionError")
    assert status["message"] == (
        "Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error "
        "finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 2000), ]"
    )
    assert story.status("default/one")["phase"] == "Running"


def test_another_reason_is_the_one_that_is_told(story: Any, c: Any) -> None:
    story.pod(c("a", **cpu("6")), name="vital", nodeSelector={"disk": "ssd"}, **CRITICAL)
    story.run("1s")
    assert story.status("default/vital")["reason"] == "NodeAffinity"


def test_a_pod_that_is_deleted_while_it_waits_for_room(story: Any, c: Any) -> None:
    story.pod(c("a", **cpu("4")), name="one", terminationGracePeriodSeconds=20)
    story.run("5s")
    story.pod(c("a", **cpu("1")), name="vital", **CRITICAL)
    story.run("1s")
    story.node.delete("default/vital", grace_seconds=0)
    story.run("1m")
    assert story.status("default/one")["reason"] == "Preempting"
    assert not [one for one in story.node.journal if "vital" in str(one.request) and one.method == "RunPodSandbox"]


def test_an_ordinary_pod_is_rejected(story: Any, c: Any) -> None:
    story.pod(c("a", **cpu("3")), name="one")
    story.run("5s")
    story.pod(c("a", **cpu("2")), name="late", priority=1000)
    story.run("1s")
    assert story.status("default/late")["reason"] == "OutOfcpu"


def test_nobody_gets_the_room_that_is_made_for_a_critical_pod(story: Any, c: Any) -> None:
    slow = {"preStop": {"exec": {"command": ["sleep", "10"]}}}
    story.pod(c("a", lifecycle=slow, **cpu("1500m")), name="one")
    story.pod(c("a", lifecycle=slow, **cpu("1500m")), name="two")
    story.run("5s")
    story.pod(c("a", **cpu("2")), name="vital", **CRITICAL)
    story.pod(c("a", **cpu("2")), name="as-vital", **CRITICAL)
    story.pod(c("a", **cpu("1")), name="late")
    story.pod(c("a"), name="gone")
    story.run("1s")
    story.node.delete("default/gone", grace_seconds=0)
    story.run("8s")
    assert {one["metadata"]["name"] for one in story.node.pods() if one["status"].get("startTime")} == {"one", "two"}
    story.run("60s")

    assert [(one["metadata"]["name"], one["status"].get("reason", "")) for one in story.node.pods()] == [
        ("one", "Preempting"),
        ("two", "Preempting"),
        ("vital", ""),
        ("as-vital", ""),
        ("late", "OutOfcpu"),
    ]
    preempted = [one["firstTimestamp"] for one in story.node.events if one["reason"] == "Preempting"]
    assert preempted == ["2026-01-01T00:00:05Z", "2026-01-01T00:00:35Z"]
