"""ListContainerStats: what the containers use that match a filter."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"


def listing(node: Any, **selection: Any) -> list[api.ContainerStats]:
    request = api.ListContainerStatsRequest(filter=api.ContainerStatsFilter(**selection))
    return list(node.do(node.cri.list_container_stats(request)).stats)


def ids(node: Any, **selection: Any) -> list[str]:
    return [stats.attributes.id for stats in listing(node, **selection)]


def rate(stats: api.ContainerStats) -> int | None:
    return stats.cpu.usage_nano_cores.value if stats.cpu.HasField("usage_nano_cores") else None


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_filters(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pods = [node.run_pod(node.pod_config(name)) for name in ("a", "b")]
    made = [
        node.start(pod, "sleep", "100", labels={"foo": name}, pod_config=node.pod_config(name))
        for pod, name in zip(pods, ("a", "b"), strict=True)
    ]
    response = node.do(node.cri.list_container_stats(api.ListContainerStatsRequest()))
    assert {stats.attributes.id for stats in response.stats} == set(made), "no filter at all"
    assert sorted(ids(node)) == sorted(made)
    assert ids(node, id=made[1][:20]) == [made[1]]
    assert ids(node, id="f0" * 20) == [], "an id that leads nowhere is no error"
    assert ids(node, pod_sandbox_id=pods[0]) == [made[0]]
    assert ids(node, pod_sandbox_id=pods[0][:20]) == [made[0]]
    assert ids(node, pod_sandbox_id=pods[0], id=made[1]) == []
    assert ids(node, label_selector={"foo": "b"}) == [made[1]]
    assert ids(node, label_selector={"foo": "c"}) == []


def test_containers_that_do_not_run(node: Any, crio: Any) -> None:
    for each in (node, crio):
        pod = each.run_pod()
        exited = each.start(pod, "true", name="exited")
        created = each.create(pod, each.container_config("sleep", "1", name="created"))
        each.advance(1)
        if each is node:
            rows = {stats.attributes.id: stats for stats in listing(each)}
            assert rows.keys() == {exited, created}
            for stats in rows.values():
                assert {field.name for field, _ in stats.ListFields()} == {"attributes", "writable_layer"}
        else:
            assert ids(each) == [created]
            assert listing(each)[0].HasField("cpu")


def test_a_rate_comes_from_the_previous_list_then_from_the_background(node: Any) -> None:
    node.start(node.run_pod(), "sleep", "1000")
    node.advance(2)
    assert rate(listing(node)[0]) is None
    node.advance(2)
    assert rate(listing(node)[0]) == 10_000_000
    node.advance(10)
    other = node.start(node.run_pod(node.pod_config("b")), "sleep", "1000", pod_config=node.pod_config("b"))
    node.advance(1)
    assert {stats.attributes.id == other: rate(stats) for stats in listing(node)} == {False: 10_000_000, True: None}
    node.advance(9)
    assert rate(listing(node, id=other)[0]) == 10_000_000, "sampled in the background meanwhile"


def test_crio_takes_the_rate_from_the_previous_call(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000")
    crio.advance(60)
    assert rate(listing(crio)[0]) is None
    crio.advance(1)
    stats = crio.do(crio.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))).stats
    assert rate(stats) == 10_000_000
    crio.advance(1)
    assert rate(listing(crio)[0]) == 10_000_000


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO, "ideal"])
def test_the_time_of_the_cpu_advances_from_call_to_call(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    node.start(node.run_pod(), "sleep", "1000")
    first = listing(node)[0].cpu
    node.advance(1)
    second = listing(node)[0].cpu
    assert second.timestamp - first.timestamp == 10**9
    assert second.usage_core_nano_seconds.value - first.usage_core_nano_seconds.value in (10**7 - 1, 10**7)
