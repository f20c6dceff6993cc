"""A resizePolicy RestartContainer: the container is killed and gets its new memory when it starts again."""

from typing import Any

from .resize_story import calls, events, resize, resources, versions

POLICY = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


def test_restart(story: Any, c: Any) -> None:
    story.pod(
        c("a", resources=resources("100m", "16Mi", memory_limit="64Mi"), resizePolicy=POLICY),
        c("b", resources=resources("100m")),
        terminationGracePeriodSeconds=1,
    )
    story.run("10s")
    since, since_ns = len(story.node.versions("default/web")), story.node.now_ns
    resize(story, memory_limit="96Mi")
    story.run("10s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=100m memory=16Mi} limits {memory=64Mi} allocated {cpu=100m
            memory=16Mi} b: running requests {cpu=100m} limits {} allocated {cpu=100m} pod requests {cpu=200m
            memory=16Mi} limits {memory=64Mi}
        10.000s generation=2 a: running requests {cpu=100m memory=16Mi} limits {memory=64Mi} allocated {cpu=100m
            memory=16Mi} b: running requests {cpu=100m} limits {} allocated {cpu=100m} pod requests {cpu=181m
            memory=16Mi} limits {memory=64Mi} PodResizeInProgress@2
        12.093s generation=2 a: running restarts=1 requests {cpu=100m memory=16Mi} limits {memory=96Mi} allocated
            {cpu=100m memory=16Mi} b: running requests {cpu=100m} limits {} allocated {cpu=100m} pod requests
            {cpu=181m memory=16Mi} limits {memory=64Mi}
        """,
    )
    story.check(
        events(story),
        """
        Normal ResizeStarted: Pod resize started:
            {"containers":[{"name":"a","resources":{"limits":{"memory":"96Mi"},"requests":{"cpu":"100m","memory":"16Mi"}}},{"name":"b","resources":{"requests":{"cpu":"100m"}}}],"generation":2}
        Normal Killing a: Container a resize requires restart
        Normal ResizeCompleted: Pod resize completed:
            {"containers":[{"name":"a","resources":{"limits":{"memory":"96Mi"},"requests":{"cpu":"100m","memory":"16Mi"}}},{"name":"b","resources":{"requests":{"cpu":"100m"}}}],"generation":2}
        """,
    )
    story.check(
        calls(story, since_ns),
        """
        StopContainer
        UpdatePodSandboxResources cpu_shares=204 cpu_quota=-1 memory_limit_in_bytes=-1
        """,
    )


def test_cpu_of_the_same_container_changes_in_place(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("100m", "16Mi"), resizePolicy=POLICY))
    story.run("10s")
    resize(story, cpu="200m")
    story.run("10s")

    assert (story.of("a")["restartCount"], story.of("a")["resources"]["requests"]["cpu"]) == (0, "200m")


def test_a_sidecar_is_restarted_too(story: Any, c: Any) -> None:
    sidecar = c("s", restartPolicy="Always", resources=resources("100m", "16Mi"), resizePolicy=POLICY)
    story.pod(c("a", resources=resources("100m")), initContainers=[sidecar], terminationGracePeriodSeconds=1)
    story.run("10s")
    change = {"name": "s", "resources": resources(memory="32Mi")}
    story.node.resize("default/web", {"spec": {"initContainers": [change]}})
    story.run("10s")

    assert (story.of("s")["restartCount"], story.of("s")["resources"]["requests"]["memory"]) == (1, "32Mi")
    assert story.of("a")["restartCount"] == 0
    assert "Normal Killing s: Container s resize requires restart" in story.events()


def test_a_running_init_container_is_resized_in_place(story: Any, c: Any) -> None:
    story.pod(c("a"), initContainers=[c("i", "sleep", "60", resources=resources("100m"))])
    story.run("10s")
    story.node.resize("default/web", {"spec": {"initContainers": [{"name": "i", "resources": resources("200m")}]}})
    story.run("10s")

    assert story.of("i")["resources"] == {"requests": {"cpu": "200m"}}
    assert "Normal ResizeCompleted" in events(story)
