"""A container gets more cpu and memory while it runs: the pod's control group first, memory before cpu."""

from typing import Any

import pytest

from .resize_story import calls, events, resize, resources, versions


def test_grow(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m", "16Mi", cpu_limit="200m", memory_limit="64Mi")))
    story.run("10s")
    since, since_ns = len(story.node.versions("default/web")), story.node.now_ns
    resize(story, cpu="150m", memory="32Mi", cpu_limit="300m", memory_limit="96Mi")
    story.run("5s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=100m memory=16Mi} limits {cpu=200m memory=64Mi} allocated
            {cpu=100m memory=16Mi} pod requests {cpu=100m memory=16Mi} limits {cpu=200m memory=64Mi}
        10.000s generation=2 a: running requests {cpu=100m memory=16Mi} limits {cpu=200m memory=64Mi} allocated
            {cpu=150m memory=32Mi} pod requests {cpu=79m memory=16Mi} limits {cpu=200m memory=64Mi}
            PodResizeInProgress@2
        10.001s generation=2 a: running requests {cpu=150m memory=32Mi} limits {cpu=300m memory=96Mi} allocated
            {cpu=150m memory=32Mi} pod requests {cpu=130m memory=16Mi} limits {cpu=300m memory=96Mi}
        """,
    )
    story.check(
        events(story),
        """
        Normal ResizeStarted: Pod resize started:
            {"containers":[{"name":"a","resources":{"limits":{"cpu":"300m","memory":"96Mi"},"requests":{"cpu":"150m","memory":"32Mi"}}}],"generation":2}
        Normal ResizeCompleted: Pod resize completed:
            {"containers":[{"name":"a","resources":{"limits":{"cpu":"300m","memory":"96Mi"},"requests":{"cpu":"150m","memory":"32Mi"}}}],"generation":2}
        """,
    )
    story.check(
        calls(story, since_ns),
        """
        UpdatePodSandboxResources cpu_shares=80 cpu_quota=20000 memory_limit_in_bytes=100663296
        UpdateContainerResources cpu_shares=102 cpu_quota=20000 memory_limit_in_bytes=100663296
        UpdatePodSandboxResources cpu_shares=80 cpu_quota=30000 memory_limit_in_bytes=100663296
        UpdatePodSandboxResources cpu_shares=153 cpu_quota=30000 memory_limit_in_bytes=100663296
        UpdateContainerResources cpu_shares=153 cpu_quota=30000 memory_limit_in_bytes=100663296
        """,
    )


def test_what_is_asked_for_already_changes_nothing(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m")))
    story.run("10s")
    since = len(story.node.versions("default/web"))
    resize(story, cpu="0.1")
    story.run("5s")

    assert versions(story, since=since) == ""
    assert story.node.pod("default/web")["metadata"]["generation"] == 1


@pytest.mark.parametrize("profile", ["containerd-1.6", "cri-o-1.36"])
def test_a_runtime_may_say_nothing_of_resources(new_story: Any, c: Any, profile: str) -> None:
    """containerd 1.6 does not: then the kubelet shows what it asked for."""
    story = new_story(profile=profile)
    story.pod(c("a", resources=resources("100m", cpu_limit="200m", memory_limit="64Mi")))
    story.run("10s")
    resize(story, cpu_limit="400m")
    story.run("5s")

    assert story.of("a")["resources"]["limits"] == {"cpu": "400m", "memory": "64Mi"}
    assert "Normal ResizeCompleted" in events(story)


@pytest.mark.parametrize(
    ("config", "unified"),
    [
        ({}, {"memory.oom.group": "1", "memory.swap.max": "0"}),
        ({"singleProcessOOMKill": True}, {"memory.swap.max": "0"}),
    ],
)
def test_what_an_update_says_beside_the_amounts(
    new_story: Any, c: Any, config: dict[str, Any], unified: dict[str, str]
) -> None:
    """What a new container is told of OOM kills, swap and huge pages is told again."""
    story = new_story(config=config)
    story.pod(c("a", resources=resources("100m", "64Mi", cpu_limit="200m", memory_limit="64Mi")))
    story.run("10s")
    resize(story, cpu="150m")
    story.run("5s")

    created, updated = (
        entry.as_dict()["request"]
        for entry in story.node.journal
        if entry.method in ("CreateContainer", "UpdateContainerResources")
    )
    before, after = created["config"]["linux"]["resources"], updated["linux"]
    assert (before.get("unified"), after.get("unified")) == (unified, unified)
    assert before["hugepage_limits"] == after["hugepage_limits"] == [{"page_size": "2MB"}, {"page_size": "1GB"}]
    assert after["oom_score_adj"] == before["oom_score_adj"]


def test_how_long_resizes_take_is_counted(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m", "16Mi", memory_limit="96Mi")))
    story.run("10s")
    assert not [name for name in story.node.metrics() if name.startswith("kubelet_pod_resize_duration")]
    resize(story, cpu="150m")
    story.run("5s")
    metrics = story.node.metrics()
    assert metrics['kubelet_pod_resize_duration_milliseconds_count{success="true"}'] == 1
    resize(story, memory="1Ki", memory_limit="1Ki")
    story.run("5s")
    metrics = story.node.metrics()
    assert metrics['kubelet_pod_resize_duration_milliseconds_count{success="true"}'] == 1
    assert metrics['kubelet_pod_resize_duration_milliseconds_count{success="false"}'] >= 1
