"""Random small pods and whatever may happen to them: what must hold all the same."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings

import kubesim
from kubesim.testing.pod_lives import check_lives
from tests.kubelet.engine.random_pods import KEY, SCRIPTS, Actor, Step, pods

EXAMPLES_MAX = 150


@settings(max_examples=EXAMPLES_MAX)
@given(pod=pods(), script=SCRIPTS)
def test_invariants(pod: dict[str, Any], script: Sequence[Step]) -> None:
    with kubesim.Node() as node:
        node.apply(pod)
        node.advance("1s")
        Actor(node, pod).play(script)
        node.advance("30s")
        check_lives(node)
        if node.versions(KEY)[-1]["type"] == "DELETED":
            statistics = node.runtime.statistics()
            assert (statistics.sandboxes, statistics.containers) == (0, 0)
