"""Resizes that are never done: those of the API server's refusals, and those of the kubelet's."""

from typing import Any

import pytest

from kubesim.errors import InputError

from .resize_story import events, resize, resources, versions

STATIC = {"cpuManagerPolicy": "static", "systemReserved": {"cpu": "100m"}, "clusterDNS": ["10.96.0.10"]}


def test_infeasible(new_story: Any, c: Any) -> None:
    story = new_story(config=STATIC)
    story.pod(c("a", resources=resources("1", "64Mi", cpu_limit="1", memory_limit="64Mi")))
    story.run("10s")
    since = len(story.node.versions("default/web"))
    resize(story, cpu="2", cpu_limit="2")
    story.run("400s")

    story.check(
        versions(story, since=since),
        """
        10.000s generation=1 a: running requests {cpu=1 memory=64Mi} limits {cpu=1 memory=64Mi} allocated {cpu=1
            memory=64Mi} pod requests {cpu=1 memory=64Mi} limits {cpu=1 memory=64Mi}
        10.000s generation=2 a: running requests {cpu=1 memory=64Mi} limits {cpu=1 memory=64Mi} allocated {cpu=1
            memory=64Mi} pod requests {cpu=975m memory=64Mi} limits {cpu=1 memory=64Mi} PodResizePending@2(Infeasible)
            Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"
        """,
    )
    story.check(
        events(story),
        r"""
        Warning ResizeInfeasible: Pod resize Infeasible:
            {"containers":[{"name":"a","resources":{"limits":{"cpu":"2","memory":"64Mi"},"requests":{"cpu":"2","memory":"64Mi"}}}],"generation":2,"error":"Resize
            is infeasible for Guaranteed Pods alongside CPU Manager policy \"static\""}
        """,
    )
    metrics = story.node.metrics()
    detail = "guaranteed_pod_cpu_manager_static_policy"
    assert metrics[f'kubelet_pod_infeasible_resizes_total{{reason_detail="{detail}"}}'] == 1
    assert metrics['kubelet_pod_pending_resizes{reason="infeasible"}'] == 1


def test_containers_with_swap_are_not_resized(new_story: Any, c: Any) -> None:
    story = new_story(config={"memorySwap": {"swapBehavior": "LimitedSwap"}, "clusterDNS": ["10.96.0.10"]})
    story.pod(c("a", resources=resources("100m", "16Mi", memory_limit="64Mi")))
    story.run("10s")
    resize(story, memory="32Mi")
    story.run("10s")

    pending = "PodResizePending@2(Infeasible) In-place resize of containers with swap is not supported."
    assert pending in versions(story, since=-1)


def test_more_than_the_node_has_is_refused_by_the_api_server(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")))
    story.run("10s")
    with pytest.raises(InputError, match="cpu, requested: 64000, allocatable: 4000"):
        resize(story, cpu="64")
    story.run("10s")

    assert story.node.pod("default/web")["metadata"]["generation"] == 1
    assert events(story) == ""


def test_an_older_kubelet_refuses_it_itself(new_story: Any, c: Any) -> None:
    story = new_story(kubelet_version="1.35")
    story.pod(c("a", resources=resources("500m")))
    story.run("10s")
    resize(story, cpu="64")
    story.run("10s")

    pending = "PodResizePending@2(Infeasible) Node didn't have enough capacity: cpu, requested: 64000, capacity: 4000"
    assert pending in versions(story, since=-1)
