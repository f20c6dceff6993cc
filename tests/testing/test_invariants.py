"""The invariants: they hold on emulated nodes, and each can be broken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubesim
from kubesim.errors import ExpectationFailed, InputError
from kubesim.testing.invariants import (
    check_node,
    identity_is_stable,
    primary_gid_is_in_groups,
    setuid_is_not_reported,
    strict_adds_nothing,
)

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
    check_node(node)


def test_a_primary_gid_that_is_missing() -> None:
    with pytest.raises(
        ExpectationFailed, match=r"^n/p container a: the primary gid 3000 is not in its groups \[4000\]$"
    ):
        primary_gid_is_in_groups(pod(groups=[4000]))
    with pytest.raises(ExpectationFailed, match=r"is not in its groups \[\]$"):
        primary_gid_is_in_groups(pod())
    with pytest.raises(ExpectationFailed, match="primary gid 0"):
        primary_gid_is_in_groups(pod(gid=0, groups=[1]))


def test_a_kubelet_always_names_a_user_so_strict_is_no_excuse() -> None:
    with pytest.raises(ExpectationFailed, match="primary gid 0"):
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


class Pods:
    """A node with pods that were made up."""

    def __init__(self, *pods: dict[str, Any], versions: list[dict[str, Any]] | None = None) -> None:
        self._pods = list(pods)
        self._versions = versions or []

    def pods(self) -> list[dict[str, Any]]:
        return self._pods

    def versions(self, key: str) -> list[dict[str, Any]]:
        assert key == "n/p"
        return self._versions


GOOD = pod(groups=[3000])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Pods(GOOD, pod(groups=[4000])), "n/p container a: the primary gid 3000"),
        (Pods(GOOD, pod(groups=[3000, 7], supplementalGroupsPolicy="Strict")), "Strict, but groups"),
        (Pods(GOOD, versions=[version(1, [1]), version(2, [2])]), "its identity was"),
    ],
)
def test_of_a_node_every_pod_is_looked_at(node: Pods, message: str) -> None:
    check_node(Pods())
    check_node(Pods(GOOD, versions=[version(1, [1])]))
    with pytest.raises(ExpectationFailed, match=message):
        check_node(node)


def test_containers_of_every_kind_count() -> None:
    for kind in ("initContainerStatuses", "ephemeralContainerStatuses"):
        bad = pod(groups=[1])
        bad["status"][kind] = bad["status"].pop("containerStatuses")
        with pytest.raises(ExpectationFailed, match="container a"):
            primary_gid_is_in_groups(bad)


def process(uid: int, gid: int, groups: list[int]) -> str:
    """/proc/PID/status, as much of it as matters."""
    ids = f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\n"
    return (
        f"Name:\tdaemon\nUmask:\t0022\n{ids}FDSize:\t64\nGroups:\t{''.join(f'{one} ' for one in groups)}\nNSpid:\t1\n"
    )


def test_a_process_that_became_another_is_not_followed() -> None:
    versions = [version(0, None), version(1, [3000]), version(2, [3000])]

    setuid_is_not_reported(versions, process(123, 123, [124]), container="a")
    setuid_is_not_reported(versions, process(1000, 3000, [3000, 5]).encode(), container="a")
    with pytest.raises(ExpectationFailed, match=r"^container a: its process did not change its ids"):
        setuid_is_not_reported(versions, process(1000, 3000, [3000]), container="a")
    with pytest.raises(ExpectationFailed, match=r"started as .*\[3000\].*, and its status followed .*\[124\]"):
        setuid_is_not_reported([*versions, version(3, [124])], process(123, 123, [124]), container="a")
    with pytest.raises(InputError, match="container b: no version of the pod has its identity"):
        setuid_is_not_reported(versions, process(1, 1, []), container="b")
    for text in ("", "Uid:\t1\t1\t1\t1\n", process(1, 1, []).replace("Groups", "Group")):
        with pytest.raises(InputError, match="process_status: no /proc/PID/status"):
            setuid_is_not_reported(versions, text, container="a")


DAEMON = """
apiVersion: kubesim/v1
kind: Image
metadata: {name: "example.com/daemon:1"}
spec:
  entrypoint: [/daemon]
  files:
    /bin/: {userland: busybox}
    /etc/passwd: "root:x:0:0::/root:/bin/sh\\n"
    /etc/group: "root:x:0:root\\n"
  programs:
    /daemon:
      script:
        identity: [{groups: [124], gid: 123, uid: 123, at: 10s}]
"""


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_a_daemon_that_drops_its_privileges(
    kubesim_node: Callable[..., kubesim.Node], tmp_path: Path, profile: str
) -> None:
    (tmp_path / "daemon.yaml").write_text(DAEMON)
    node = kubesim_node(profile=profile, images=[tmp_path / "daemon.yaml"])
    own = manifest()
    own["spec"]["containers"][0]["image"] = "example.com/daemon:1"
    node.apply(own)

    def process_status() -> bytes:
        return node.exec("default/p", ["cat", "/proc/1/status"]).stdout

    node.advance("5s")
    with pytest.raises(ExpectationFailed, match="did not change its ids"):
        setuid_is_not_reported(node.versions("default/p"), process_status(), container="a")
    node.advance("15s")
    setuid_is_not_reported(node.versions("default/p"), process_status(), container="a")
    check_node(node)
