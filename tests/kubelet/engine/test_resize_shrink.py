"""A container gets less: it shrinks before its pod does, and no memory limit goes below what is in use."""

from typing import Any

from .resize_story import calls, events, resize, resources, versions


def test_shrink(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("200m", "16Mi", cpu_limit="400m", memory_limit="96Mi")))
    story.run("10s")
    since, since_ns = len(story.node.versions("default/web")), story.node.now_ns
    resize(story, cpu="100m", cpu_limit="200m", memory_limit="64Mi")
    story.run("5s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=200m memory=16Mi} limits {cpu=400m memory=96Mi} allocated
            {cpu=200m memory=16Mi} pod requests {cpu=200m memory=16Mi} limits {cpu=400m memory=96Mi}
        10.000s generation=2 a: running requests {cpu=200m memory=16Mi} limits {cpu=400m memory=96Mi} allocated
            {cpu=100m memory=16Mi} pod requests {cpu=181m memory=16Mi} limits {cpu=400m memory=96Mi}
            PodResizeInProgress@2
        10.001s generation=2 a: running requests {cpu=100m memory=16Mi} limits {cpu=200m memory=64Mi} allocated
            {cpu=100m memory=16Mi} pod requests {cpu=79m memory=16Mi} limits {cpu=200m memory=64Mi}
        """,
    )
    story.check(
        calls(story, since_ns),
        """
        ListContainerStats
        UpdateContainerResources cpu_shares=204 cpu_quota=40000 memory_limit_in_bytes=67108864
        UpdatePodSandboxResources cpu_shares=185 cpu_quota=40000 memory_limit_in_bytes=67108864
        UpdateContainerResources cpu_shares=102 cpu_quota=20000 memory_limit_in_bytes=67108864
        UpdatePodSandboxResources cpu_shares=102 cpu_quota=40000 memory_limit_in_bytes=67108864
        UpdatePodSandboxResources cpu_shares=102 cpu_quota=20000 memory_limit_in_bytes=67108864
        """,
    )


def test_memory_in_use_is_not_taken_away(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m", "16Mi", memory_limit="96Mi")))
    story.run("10s")
    since, since_ns = len(story.node.versions("default/web")), story.node.now_ns
    resize(story, memory="1Ki", memory_limit="1Ki")
    story.run("5s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=100m memory=16Mi} limits {memory=96Mi} allocated {cpu=100m
            memory=16Mi} pod requests {cpu=100m memory=16Mi} limits {memory=96Mi}
        10.000s generation=2 a: running requests {cpu=100m memory=16Mi} limits {memory=96Mi} allocated {cpu=100m
            memory=1Ki} pod requests {cpu=79m memory=16Mi} limits {memory=96Mi} PodResizeInProgress@2
        """,
    )
    story.check(
        events(story),
        r"""
        Normal ResizeStarted: Pod resize started:
            {"containers":[{"name":"a","resources":{"limits":{"memory":"1Ki"},"requests":{"cpu":"100m","memory":"1Ki"}}}],"generation":2}
        Warning ResizeError: Pod resize error:
            {"containers":[{"name":"a","resources":{"limits":{"memory":"1Ki"},"requests":{"cpu":"100m","memory":"1Ki"}}}],"generation":2,"error":"cannot
            decrease memory limits: [attempting to set pod memory limit (1024) below current usage (5997200),
            attempting to set container \"a\" memory limit (1024) below current usage (5997200)]"}
        """,
    )
    assert calls(story, since_ns) == "ListContainerStats"
    resize(story, memory="16Mi", memory_limit="64Mi")
    story.run("30s")
    assert story.of("a")["resources"]["limits"] == {"memory": "64Mi"}
    assert "PodResizeInProgress" not in versions(story, since=-1)
