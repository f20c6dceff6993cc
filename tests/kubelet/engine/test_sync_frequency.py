"""syncFrequency: how long it is until a pod is synced again to which nothing happens."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from kubesim.kubelet.start_error import KubeletStartError


@pytest.mark.parametrize(("config", "least_seconds"), [({"syncFrequency": "10s"}, 10), ({}, 60)])
def test_a_pod_that_runs_is_synced_again_after_once_to_one_and_a_half_times_of_it(
    new_story: Callable[..., Any], c: Any, config: dict[str, str], least_seconds: int
) -> None:
    """A kubelet that knows no DNS server of its cluster says so with each sync."""
    story = new_story(config=config)
    key = story.pod(c("a"))
    story.run("10s")
    begun = len(story.node.event_writes(key)) - 1
    story.run(f"{12 * least_seconds}s")

    said = [one for one in story.node.event_writes(key)[begun:] if one["reason"] == "MissingClusterDNS"]
    gaps = [round(later["t"] - one["t"]) for one, later in pairwise(said)]
    assert len(gaps) > 6
    # A tick finds, a second later at most, that its time has come.
    assert all(least_seconds <= gap <= least_seconds * 3 // 2 + 1 for gap in gaps)
    assert len(set(gaps)) > 1


def test_a_kubelet_does_not_start_with_one_that_is_negative(new_story: Callable[..., Any]) -> None:
    text = "^failed to run Kubelet: failed to create kubelet: invalid sync frequency -10000000000$"
    with pytest.raises(KubeletStartError, match=text):
        new_story(config={"syncFrequency": "-10s"})
