"""The resize of a critical pod passes admission like a new pod: others are ended for what the node lacks."""

from typing import Any

from .resize_story import events, resize, resources

CRITICAL = {"priorityClassName": "system-cluster-critical", "priority": 2000000000}


def cpu_of(story: Any) -> str:
    """What the container of the critical pod has of its own."""
    found: str = story.of("a")["resources"]["requests"]["cpu"]
    return found


def test_others_go_for_a_critical_pod_that_grows(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")), **CRITICAL)
    story.pod(c("b", resources=resources("2")), name="large", terminationGracePeriodSeconds=3)
    story.pod(c("b", resources=resources("1")), name="small", terminationGracePeriodSeconds=3)
    story.run("5s")
    resize(story, cpu="1500m")
    story.run("1s")
    story.pod(c("b", resources=resources("1")), name="late")
    story.run("1s")
    assert cpu_of(story) == "500m"
    assert not story.node.pod("default/late")["status"].get("startTime"), "nobody gets the room that is made"
    story.run("20s")

    assert cpu_of(story) == "1500m"
    status = story.status("default/small")
    assert (status["phase"], status["reason"]) == ("Failed", "Preempting")
    assert story.status("default/large")["phase"] == "Running"
    assert story.status("default/late")["reason"] == "OutOfcpu"
    assert [line.partition(":")[0] for line in events(story).splitlines()] == [
        "Normal ResizeStarted",
        "Normal ResizeCompleted",
    ]
    assert story.node.metrics()['kubelet_preemptions{preemption_signal="cpu"}'] == 1


def test_a_resize_that_nobody_can_make_room_for_waits(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")), **CRITICAL)
    story.pod(c("b", resources=resources("3")), name="other", **CRITICAL)
    story.run("5s")
    resize(story, cpu="1500m")
    story.run("10s")

    condition = next(one for one in story.status()["conditions"] if one["type"] == "PodResizePending")
    assert condition["reason"] == "Deferred"
    assert condition["message"] == (
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        "to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 500), ]"
    )
    assert events(story).startswith("Warning ResizeDeferred: Pod resize UnexpectedAdmissionError: ")
    story.node.delete("default/other", grace_seconds=1)
    story.run("10s")
    assert cpu_of(story) == "1500m"


def test_two_critical_pods_take_turns(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")), **CRITICAL)
    story.pod(c("a", resources=resources("500m")), name="second", **CRITICAL)
    for name in ("one", "two"):
        story.pod(c("b", resources=resources("1500m")), name=name, terminationGracePeriodSeconds=3)
    story.run("5s")
    resize(story, cpu="1500m")
    resize(story, cpu="1500m", key="default/second")
    story.run("30s")

    assert cpu_of(story) == "1500m"
    assert story.of("a", "default/second")["resources"]["requests"]["cpu"] == "1500m"
    first, second = (one for one in story.node.events if one["reason"] == "Preempting")
    assert first["involvedObject"]["name"] != second["involvedObject"]["name"]
    assert first["firstTimestamp"] < second["firstTimestamp"]


def test_a_pod_that_goes_while_room_is_made_for_it(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")), **CRITICAL)
    story.pod(c("b", resources=resources("3")), name="other", terminationGracePeriodSeconds=3)
    story.run("5s")
    resize(story, cpu="1500m")
    story.run("1s")
    story.node.delete("default/web", grace_seconds=0)
    story.run("20s")
    assert story.status("default/other")["reason"] == "Preempting"
    assert not [line for line in events(story).splitlines() if "ResizeStarted" in line]
