"""Random small pods and whatever may happen to them: what must hold all the same, with every kubelet and runtime."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import kubesim
from kubesim.testing.pod_lives import check_lives
from tests.kubelet.engine.phase_rules import wrong_phases
from tests.kubelet.engine.random_pods import KEY, SCRIPTS, Actor, Step, of_version, playable, pods

EXAMPLES_MAX = 150
MINORS = st.sampled_from([36, 35, 34, 33, 32, 31, 30, 29, 28])
PROFILES = st.sampled_from(["containerd-2.3", "containerd-1.7", "cri-o-1.36", "cri-o-1.30"])
GATES = st.sampled_from([{}, {}, {"EventedPLEG": True}])


@settings(max_examples=EXAMPLES_MAX)
@given(pod=pods(), script=SCRIPTS, minor=MINORS, profile=PROFILES, gates=GATES)
def test_invariants(
    pod: dict[str, Any], script: Sequence[Step], minor: int, profile: str, gates: dict[str, bool]
) -> None:
    pod = of_version(pod, minor)
    version, config = f"1.{minor}", {"featureGates": gates}
    with kubesim.Node(kubelet_version=version, profile=profile, config=config) as node:
        node.apply(pod)
        spec = node.pod(KEY)["spec"]
        node.advance("1s")
        Actor(node, pod).play(playable(script, pod, minor))
        node.advance("30s")
        check_life(node, spec, version)
        if node.pods():
            node.delete(KEY)
            node.advance("60s")
            check_life(node, spec, version)
        assert node.versions(KEY)[-1]["type"] == "DELETED"
        statistics = node.runtime.statistics()
        assert (statistics.sandboxes, statistics.containers) == (0, 0)


def check_life(node: kubesim.Node, spec: dict[str, Any], version: str) -> None:
    check_lives(node)
    rules = kubesim.feature_gates(version).get("ContainerRestartRules")
    assert list(wrong_phases(spec, node.versions(KEY), uses_rules=rules is not None and rules.default)) == []
