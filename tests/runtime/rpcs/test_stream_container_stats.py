"""StreamContainerStats: the rows of ListContainerStats, in messages of a bounded number of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import Code, api


def streamed(node: Any, **selection: Any) -> list[api.StreamContainerStatsResponse]:
    request = api.StreamContainerStatsRequest(filter=api.ContainerStatsFilter(**selection))

    async def collect() -> list[api.StreamContainerStatsResponse]:
        return [message async for message in node.cri.stream_container_stats(request)]

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
    pod = node.run_pod()
    for index in range(rows):
        node.start(pod, "sleep", "1000", name=f"c{index}", labels={"odd": str(index % 2)})
    messages = streamed(node)
    assert [len(message.container_stats) for message in messages] == {0: [], 1: [1], 7: [3, 3, 1]}[rows]
    node.advance(1)
    whole = node.do(node.cri.list_container_stats(api.ListContainerStatsRequest())).stats
    sent = [stats.attributes.id for message in messages for stats in message.container_stats]
    assert sent == [stats.attributes.id for stats in whole]


def test_the_filter_is_that_of_the_list(new_node: Any) -> None:
    node = new_node("ideal")
    pod = node.run_pod()
    made = [node.start(pod, "sleep", "9", name=name, labels={"n": name}) for name in ("a", "b")]
    (message,) = streamed(node, label_selector={"n": "b"})
    assert [stats.attributes.id for stats in message.container_stats] == [made[1]]
    assert streamed(node, id="f0") == []


def test_containerd_2_3_knows_the_name_alone(node: Any) -> None:
    async def first() -> None:
        await anext(node.cri.stream_container_stats(api.StreamContainerStatsRequest()))

    error = node.refused(first())
    assert (error.code, error.message) == (Code.UNIMPLEMENTED, "method StreamContainerStats not implemented")
