"""The invariants: they hold on emulated nodes, and each can be broken."""

from collections.abc import Callable
from typing import Any

import pytest

import kubesim
from kubesim.errors import ExpectationFailed
from kubesim.testing.invariants import identity_is_stable, primary_gid_is_in_groups, strict_adds_nothing

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def manifest(*, command: list[str] | None = None, **context: Any) -> dict[str, Any]:
    container = {"name": "a", "image": AGNHOST, **({"command": command} if command else {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"securityContext": context, "containers": [container]},
    }


def pod(*, uid: int = 1000, gid: int = 3000, groups: list[int] | None = None, **context: Any) -> dict[str, Any]:
    user = {"uid": uid, "gid": gid, **({} if groups is None else {"supplementalGroups": groups})}
    return {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"securityContext": context},
        "status": {"containerStatuses": [{"name": "a", "user": {"linux": user}}]},
    }


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36", "ideal"])
@pytest.mark.parametrize("policy", ["Merge", "Strict"])
@pytest.mark.parametrize(
    "context", [{}, {"runAsUser": 1000, "runAsGroup": 3000, "supplementalGroups": [4000]}, {"fsGroup": 77}]
)
def test_they_hold_on_a_node_through_restarts(
    kubesim_node: Callable[..., kubesim.Node], context: dict[str, Any], policy: str, profile: str
) -> None:
    node = kubesim_node(profile=profile)
    node.advance("10s")
    node.apply(manifest(command=["false"], supplementalGroupsPolicy=policy, **context))
    node.advance("60s")
    found = node.pod("default/p")

    assert found["status"]["containerStatuses"][0]["restartCount"] >= 2
    assert found["status"]["containerStatuses"][0]["user"]["linux"]["uid"] == context.get("runAsUser", 0)
    primary_gid_is_in_groups(found)
    strict_adds_nothing(found)
    identity_is_stable(node.versions("default/p"))


def test_a_primary_gid_that_is_missing() -> None:
    with pytest.raises(
        ExpectationFailed, match=r"^n/p container a: the primary gid 3000 is not in its groups \[4000\]$"
    ):
        primary_gid_is_in_groups(pod(groups=[4000]))
    with pytest.raises(ExpectationFailed, match=r"is not in its groups \[\]$"):
        primary_gid_is_in_groups(pod())
    with pytest.raises(ExpectationFailed, match="primary gid 0"):
        primary_gid_is_in_groups(pod(gid=0, groups=[1]))


def test_containerd_leaves_root_out_under_strict() -> None:
    primary_gid_is_in_groups(pod(uid=0, gid=0, groups=[5], supplementalGroupsPolicy="Strict"))


def test_strict_with_a_group_of_the_image() -> None:
    with pytest.raises(
        ExpectationFailed, match=r"groups \[50000\] are not among the named ones \[5, 4000\] and .* 3000$"
    ):
        strict_adds_nothing(
            pod(
                groups=[5, 3000, 4000, 50000],
                supplementalGroups=[4000],
                fsGroup=5,
                supplementalGroupsPolicy="Strict",
            )
        )


def test_merge_may_add() -> None:
    strict_adds_nothing(pod(groups=[3000, 50000]))
    strict_adds_nothing(pod(groups=[3000, 50000], supplementalGroupsPolicy="Merge"))


def version(t: float, groups: list[int] | None) -> dict[str, Any]:
    status = pod(groups=groups)["status"] if groups is not None else {"containerStatuses": [{"name": "a"}]}
    return {"t": t, "status": status}


def test_an_identity_that_changes() -> None:
    identity_is_stable([version(0, None), version(1, [3000]), version(2, None), version(3, [3000])])
    with pytest.raises(
        ExpectationFailed, match=r"container a: its identity was .*\[1\].* at 1\.000 s and is .*\[2\].* 3"
    ):
        identity_is_stable([version(1, [1]), version(2, None), version(3.5, [2])])


def test_a_pod_without_status_passes() -> None:
    empty = {"metadata": {"name": "p"}, "spec": {}, "status": {}}
    primary_gid_is_in_groups(empty)
    strict_adds_nothing(empty)
    identity_is_stable([])
