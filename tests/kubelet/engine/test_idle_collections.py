"""A collection of garbage that would find something is not passed over, though the one before found nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kubesim.cri.client import CriClient
from tests.kubelet.engine.refusing import SAID

SOME_COLLECTIONS = "150s"
"""The last of them found nothing."""
NEXT_COLLECTION = "65s"


@contextmanager
def removals_refused() -> Iterator[None]:
    """The runtime removes no container meanwhile, but answers questions as before."""

    async def refuse(*_: object) -> None:
        raise SAID

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CriClient, "remove_container", refuse)
        yield


def left(story: Any) -> tuple[int, int]:
    statistics = story.node.runtime.statistics()
    return statistics.sandboxes, statistics.containers


def test_when_there_is_a_pod_that_only_the_runtime_knows(story: Any) -> None:
    """It has no directory, or housekeeping would end it."""
    story.run(SOME_COLLECTIONS)
    labels = {"io.kubernetes.pod.uid": "u", "io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n"}
    meta = {"name": "p", "namespace": "n", "uid": "u"}
    made = story.node.call("RunPodSandbox", {"config": {"metadata": meta, "labels": labels}})
    story.node.call("StopPodSandbox", made)
    story.run("5s")
    assert left(story) == (1, 0)
    story.run(NEXT_COLLECTION)
    assert left(story) == (0, 0)


def test_when_a_pod_was_evicted(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run(SOME_COLLECTIONS)
    story.node.fill_memory("100%")
    story.run("20s")
    assert story.status()["reason"] == "Evicted"
    assert left(story) == (1, 0)
    story.run(NEXT_COLLECTION)
    assert left(story) == (0, 0)


def test_when_a_container_has_died_more_than_once(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run(SOME_COLLECTIONS)
    with removals_refused():
        for _ in range(2):
            story.exit(1)
        story.run("30s")
        assert left(story) == (1, 3)
    story.run(NEXT_COLLECTION)
    assert left(story) == (1, 2)
