"""Resources of the pod itself: its control group changes, and containers that have no limits of their own."""

from typing import Any

import pytest

from kubesim.errors import InputError

from .resize_story import calls, events, resources, versions

LEVEL = resources("200m", "64Mi", cpu_limit="400m", memory_limit="128Mi")


def test_pod_level(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m", "16Mi")), c("b"), resources=LEVEL)
    story.run("10s")
    since, since_ns = len(story.node.versions("default/web")), story.node.now_ns
    story.node.resize("default/web", {"spec": {"resources": resources(cpu_limit="800m")}})
    story.run("5s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=100m memory=16Mi} limits {} allocated {cpu=100m memory=16Mi} b:
            running requests {} limits {} allocated {} pod requests {cpu=200m memory=64Mi} limits {cpu=400m
            memory=128Mi}
        10.000s generation=2 a: running requests {cpu=100m memory=16Mi} limits {} allocated {cpu=100m memory=16Mi} b:
            running requests {} limits {} allocated {} pod requests {cpu=181m memory=64Mi} limits {cpu=400m
            memory=128Mi} PodResizeInProgress@2
        10.001s generation=2 a: running requests {cpu=100m memory=16Mi} limits {} allocated {cpu=100m memory=16Mi} b:
            running requests {} limits {} allocated {} pod requests {cpu=181m memory=64Mi} limits {cpu=800m
            memory=128Mi}
        """,
    )
    story.check(
        events(story),
        """
        Normal ResizeStarted: Pod resize started:
            {"containers":[{"name":"a","resources":{"requests":{"cpu":"100m","memory":"16Mi"}}},{"name":"b","resources":{}}],"generation":2}
        Normal ResizeCompleted: Pod resize completed:
            {"containers":[{"name":"a","resources":{"requests":{"cpu":"100m","memory":"16Mi"}}},{"name":"b","resources":{}}],"generation":2}
        """,
    )
    story.check(
        calls(story, since_ns),
        """
        UpdatePodSandboxResources cpu_shares=185 cpu_quota=80000 memory_limit_in_bytes=134217728
        UpdatePodSandboxResources cpu_shares=204 cpu_quota=80000 memory_limit_in_bytes=134217728
        UpdateContainerResources cpu_shares=102 cpu_quota=80000 memory_limit_in_bytes=134217728
        UpdateContainerResources cpu_shares=2 cpu_quota=80000 memory_limit_in_bytes=134217728
        """,
    )


def test_without_the_gate_such_pods_are_not_resized(new_story: Any, c: Any) -> None:
    story = new_story(kubelet_version="1.35")
    story.pod(c("a", resources=resources("100m", "16Mi")), resources=LEVEL)
    story.run("10s")
    with pytest.raises(InputError, match="resize of pods with pod-level resources is forbidden"):
        story.node.resize("default/web", {"spec": {"resources": resources(cpu_limit="800m")}})
    assert "resources" not in story.status()
