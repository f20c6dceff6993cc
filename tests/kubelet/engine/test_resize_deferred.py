"""A resize waits for room on the node: it is done when another pod leaves, shrinks or ends."""

from typing import Any

import pytest

from .resize_story import events, resize, resources, versions

FULL = {"name": "full", "terminationGracePeriodSeconds": 1}


def crowded(story: Any, c: Any) -> int:
    """A pod that asks for more than another one leaves; how many versions it had before."""
    story.pod(c("a", resources=resources("500m")))
    story.pod(c("b", resources=resources("2500m")), **FULL)
    story.run("10s")
    since = len(story.node.versions("default/web"))
    resize(story, cpu="2")
    story.run("10s")
    return since


def accepted(story: Any) -> dict[str, float]:
    """Why resizes that waited were looked at when there was room."""
    name = "kubelet_pod_deferred_accepted_resizes_total{retry_trigger="
    metrics = story.node.metrics()
    return {key.removeprefix(name).strip('"}'): value for key, value in metrics.items() if key.startswith(name)}


def test_deferred_until_a_pod_leaves(story: Any, c: Any) -> None:
    since = crowded(story, c)
    story.node.delete("default/full")
    story.run("10s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=500m} limits {} allocated {cpu=500m} pod requests {cpu=500m}
            limits {}
        10.000s generation=2 a: running requests {cpu=500m} limits {} allocated {cpu=500m} pod requests {cpu=489m}
            limits {} PodResizePending@2(Deferred) Node didn't have enough resource: cpu, requested: 2000, used: 2500,
            capacity: 4000
        22.170s generation=2 a: running requests {cpu=500m} limits {} allocated {cpu=2} pod requests {cpu=489m} limits
            {} PodResizeInProgress@2
        22.171s generation=2 a: running requests {cpu=2} limits {} allocated {cpu=2} pod requests {cpu=1999m} limits
            {}
        """,
    )
    story.check(
        events(story),
        """
        Warning ResizeDeferred: Pod resize OutOfcpu:
            {"containers":[{"name":"a","resources":{"requests":{"cpu":"2"}}}],"generation":2,"error":"Node didn't have
            enough resource: cpu, requested: 2000, used: 2500, capacity: 4000"}
        Normal ResizeStarted: Pod resize started:
            {"containers":[{"name":"a","resources":{"requests":{"cpu":"2"}}}],"generation":2}
        Normal ResizeCompleted: Pod resize completed:
            {"containers":[{"name":"a","resources":{"requests":{"cpu":"2"}}}],"generation":2}
        """,
    )
    assert accepted(story) == {"pod_terminated": 1}


def test_deferred_until_a_pod_shrinks(story: Any, c: Any) -> None:
    crowded(story, c)
    resize(story, "b", "default/full", cpu="1")
    story.run("5s")

    assert story.of("a")["allocatedResources"] == {"cpu": "2"}
    assert accepted(story) == {"pod_updated": 1}


def test_taken_back_while_it_waits(story: Any, c: Any) -> None:
    crowded(story, c)
    assert "PodResizePending@2(Deferred)" in versions(story, since=-1)
    resize(story, cpu="500m")
    story.run("5s")

    assert "Resize" not in versions(story, since=-1)
    assert "ResizeStarted" not in events(story)


def test_a_pod_that_ends_makes_room(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")))
    story.pod(c("b", "sleep", "30", resources=resources("2500m")), name="full", restartPolicy="Never")
    story.run("10s")
    resize(story, cpu="2")
    story.run("10s")
    assert "PodResizePending@2(Deferred)" in versions(story, since=-1)
    story.run("30s")

    assert story.of("a")["allocatedResources"] == {"cpu": "2"}
    assert accepted(story) == {"pod_terminated": 1}


def test_new_pods_are_admitted_beside_what_was_given_and_not_what_is_asked(story: Any, c: Any) -> None:
    crowded(story, c)
    story.pod(c("new", resources=resources("1")), name="new")
    story.run("10s")

    assert story.status("default/new")["phase"] == "Running"


@pytest.mark.parametrize("version", ["1.34", "1.35"])
def test_older_kubelets_say_less(new_story: Any, c: Any, version: str) -> None:
    story = new_story(kubelet_version=version)
    crowded(story, c)

    assert "(Deferred) Node didn't have enough resource: cpu, requested: 2000" in versions(story, since=-1)
    assert events(story).startswith("Warning ResizeDeferred: Pod resize Deferred: {") is (version == "1.35")
