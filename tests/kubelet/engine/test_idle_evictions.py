"""The eviction manager leaves no pass out that would forget what it has measured."""

from typing import Any

import pytest

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.kernel import sleep


def test_a_pod_that_is_gone_when_it_was_measured_is_forgotten(
    story: Any, c: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def answer_late(*_: object) -> api.ListContainerStatsResponse:
        asked.append(story.node.now_ns)
        await sleep(5 * 10**9)
        return api.ListContainerStatsResponse()

    monkeypatch.setattr(CriClient, "list_container_stats", answer_late)
    story.pod(c("a"), volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}], terminationGracePeriodSeconds=1)
    story.until(lambda: len(asked) > 0)
    story.node.delete("default/web")
    story.run("6s")
    usages = story.node._world.kubelet._evictions._usages
    assert not usages.is_empty
    story.run("20s")
    assert usages.is_empty
    assert len(asked) == 1
