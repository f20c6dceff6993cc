"""StreamPodSandboxMetrics: the rows of ListPodSandboxMetrics, in messages of a bounded number of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from kubesim.cri import Code, api


def streamed(node: Any) -> list[api.StreamPodSandboxMetricsResponse]:
    async def collect() -> list[api.StreamPodSandboxMetricsResponse]:
        request = api.StreamPodSandboxMetricsRequest()
        return [message async for message in node.cri.stream_pod_sandbox_metrics(request)]

    return list(node.do(collect()))


@pytest.mark.parametrize("profile", ["ideal", "cri-o-1.36"])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_the_rows_of_the_list(new_node: Any, profile: str, rows: int) -> None:
    node = new_node(profile)
    daemon = node.runtime._daemon
    statistics = structs.replace(daemon.profile.statistics, stream_chunk_items=3)
    daemon.profile = structs.replace(daemon.profile, statistics=statistics)
    for index in range(rows):
        config = node.pod_config(f"p{index}")
        node.start(node.run_pod(config), "sleep", "1000", pod_config=config)
    messages = streamed(node)
    assert [len(message.pod_sandbox_metrics) for message in messages] == {0: [], 1: [1], 7: [3, 3, 1]}[rows]
    whole = node.do(node.cri.list_pod_sandbox_metrics(api.ListPodSandboxMetricsRequest())).pod_metrics
    assert [row for message in messages for row in message.pod_sandbox_metrics] == list(whole)


def test_containerd_2_3_knows_the_name_alone(node: Any) -> None:
    async def first() -> None:
        await anext(node.cri.stream_pod_sandbox_metrics(api.StreamPodSandboxMetricsRequest()))

    error = node.refused(first())
    assert (error.code, error.message) == (Code.UNIMPLEMENTED, "method StreamPodSandboxMetrics not implemented")
