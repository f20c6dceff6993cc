"""Random small pods and whatever may happen to them: what must hold all the same, with every kubelet and runtime."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import kubesim
from kubesim.testing.pod_lives import check_lives
from tests.kubelet.engine.random_pods import KEY, SCRIPTS, Actor, Step, counting, of_version, pods

EXAMPLES_MAX = 150
MINORS = st.sampled_from([36, 35, 34, 33, 31, 29, 28])
PROFILES = st.sampled_from(["containerd-2.3", "containerd-1.7", "cri-o-1.36", "cri-o-1.30"])


@settings(max_examples=EXAMPLES_MAX)
@given(pod=pods(), script=SCRIPTS, minor=MINORS, profile=PROFILES)
def test_invariants(pod: dict[str, Any], script: Sequence[Step], minor: int, profile: str) -> None:
    pod = of_version(pod, minor)
    with kubesim.Node(kubelet_version=f"1.{minor}", profile=profile) as node:
        node.apply(pod)
        node.advance("1s")
        Actor(node, pod).play(counting(script, pod, minor))
        node.advance("30s")
        check_lives(node)
        if node.versions(KEY)[-1]["type"] == "DELETED":
            statistics = node.runtime.statistics()
            assert (statistics.sandboxes, statistics.containers) == (0, 0)
