"""Nothing is left of a pod that is gone, whatever the runtime was doing when its time came."""

from typing import Any

from tests.kubelet.engine.refusing import refuse


def left(story: Any) -> tuple[int, int]:
    statistics = story.node.runtime.statistics()
    return statistics.sandboxes, statistics.containers


def test_a_sandbox_waits_for_the_container_that_is_being_removed(story: Any, c: Any) -> None:
    """The older of two dead containers goes because there are two, at the instant when the pod is gone."""
    story.pod(c("a"), terminationGracePeriodSeconds=0)
    story.run("1s")
    story.node.exit_container("default/web", 0)
    story.run("900ms")
    story.node.delete("default/web", grace_seconds=1)
    story.run("30s")
    refused = [one.method for one in story.node.journal if one.error is not None]
    assert (left(story), refused) == ((0, 0), [])


def test_what_a_runtime_refused_to_remove_goes_with_the_next_collection(story: Any, c: Any) -> None:
    story.pod(c("a"), terminationGracePeriodSeconds=1)
    story.run("5s")
    refuse(story, "RemovePodSandbox", "RemoveContainer")
    story.node.delete("default/web")
    story.run("20s")
    assert left(story) == (1, 1)
    refuse(story)
    story.run("2m")
    assert left(story) == (0, 0)
