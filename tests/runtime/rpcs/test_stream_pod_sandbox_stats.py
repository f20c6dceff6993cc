"""StreamPodSandboxStats: the rows of ListPodSandboxStats, in messages of a bounded number of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import Code, api


def streamed(node: Any, **selection: Any) -> list[api.StreamPodSandboxStatsResponse]:
    request = api.StreamPodSandboxStatsRequest(filter=api.PodSandboxStatsFilter(**selection))

    async def collect() -> list[api.StreamPodSandboxStatsResponse]:
        return [message async for message in node.cri.stream_pod_sandbox_stats(request)]

    return list(node.do(collect()))


def with_chunks_of(node: Any, count: int) -> None:
    daemon = node.runtime._daemon
    statistics = structs.replace(daemon.profile.statistics, stream_chunk_items=count)
    daemon.profile = structs.replace(daemon.profile, statistics=statistics)


@pytest.mark.parametrize("profile", ["ideal", "cri-o-1.36"])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_the_rows_of_the_list(new_node: Any, profile: str, rows: int) -> None:
    node = new_node(profile)
    with_chunks_of(node, 3)
    pods = [node.run_pod(node.pod_config(f"p{index}")) for index in range(rows)]
    messages = streamed(node)
    assert [len(message.pod_sandbox_stats) for message in messages] == {0: [], 1: [1], 7: [3, 3, 1]}[rows]
    sent = [stats.attributes.id for message in messages for stats in message.pod_sandbox_stats]
    assert sorted(sent) == sorted(pods)


def test_the_filter_is_that_of_the_list(new_node: Any) -> None:
    node = new_node("ideal")
    pods = [node.run_pod(node.pod_config(name, labels={"n": name})) for name in ("a", "b", "c")]
    node.stop_pod(pods[2])
    (message,) = streamed(node, label_selector={"n": "b"})
    assert [stats.attributes.id for stats in message.pod_sandbox_stats] == [pods[1]]
    assert streamed(node, id=pods[2]) == [], "stopped"


def test_containerd_2_3_knows_the_name_alone(node: Any) -> None:
    async def first() -> None:
        await anext(node.cri.stream_pod_sandbox_stats(api.StreamPodSandboxStatsRequest()))

    error = node.refused(first())
    assert (error.code, error.message) == (Code.UNIMPLEMENTED, "method StreamPodSandboxStats not implemented")
