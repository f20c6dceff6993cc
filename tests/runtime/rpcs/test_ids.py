"""Ids in every RPC that takes one: whole, short, of nothing, of several things, and empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubesim.cri import Code, api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
OF_NOTHING = ("123e4567-e89b-12d3-a456-426614174000", "0" * 64, "zz", "no such id")
SHARED = 17
"""So many ids of hex digits cannot all begin differently."""


@dataclass(frozen=True)
class Rpc:
    """How to ask by an id, and the codes of the runtimes for one that nothing has. None is OK."""

    ask: Callable[[Any, str], Any]
    containerd: Code | None
    crio: Code | None
    crio_other: Mapping[str, Code] = field(default_factory=dict)
    """Where CRI-O tells ambiguous or empty ones from missing ones."""

    def code(self, profile: str, case: str) -> Code | None:
        """What it answers to an id that is `missing`, `ambiguous` or `empty`."""
        if profile == CONTAINERD:
            # Only the error for a missing id has a code; the others are those of the index.
            return self.containerd if case == "missing" else Code.UNKNOWN
        return self.crio_other.get(case, self.crio)


def of_pod(call: str, request: Any, **fields: Any) -> Callable[[Any, str], Any]:
    return lambda node, pod: getattr(node.cri, call)(request(pod_sandbox_id=pod, **fields))


def of_container(call: str, request: Any, **fields: Any) -> Callable[[Any, str], Any]:
    return lambda node, ctr: getattr(node.cri, call)(request(container_id=ctr, **fields))


NOT_FOUND, UNKNOWN = Code.NOT_FOUND, Code.UNKNOWN
LIMITS = api.LinuxContainerResources(cpu_shares=7)
POD_RPCS = {
    "StopPodSandbox": Rpc(
        of_pod("stop_pod_sandbox", api.StopPodSandboxRequest), None, None, crio_other={"empty": UNKNOWN}
    ),
    "RemovePodSandbox": Rpc(
        of_pod("remove_pod_sandbox", api.RemovePodSandboxRequest), None, None, crio_other={"empty": UNKNOWN}
    ),
    "PodSandboxStatus": Rpc(of_pod("pod_sandbox_status", api.PodSandboxStatusRequest), NOT_FOUND, NOT_FOUND),
    "CreateContainer": Rpc(
        lambda node, pod: node.creating(pod, node.container_config("true", name="new")), NOT_FOUND, UNKNOWN
    ),
    "PodSandboxStats": Rpc(of_pod("pod_sandbox_stats", api.PodSandboxStatsRequest), NOT_FOUND, UNKNOWN),
    "UpdatePodSandboxResources": Rpc(
        of_pod("update_pod_sandbox_resources", api.UpdatePodSandboxResourcesRequest, resources=LIMITS),
        NOT_FOUND,
        NOT_FOUND,
    ),
    # CRI-O looks when the URL is opened; it only wants to have some id.
    "PortForward": Rpc(
        of_pod("port_forward", api.PortForwardRequest, port=[80]), NOT_FOUND, None, crio_other={"empty": UNKNOWN}
    ),
}
CONTAINER_RPCS = {
    "StartContainer": Rpc(of_container("start_container", api.StartContainerRequest), NOT_FOUND, NOT_FOUND),
    "StopContainer": Rpc(
        of_container("stop_container", api.StopContainerRequest),
        None,
        None,
        crio_other={"ambiguous": NOT_FOUND, "empty": NOT_FOUND},
    ),
    "RemoveContainer": Rpc(
        of_container("remove_container", api.RemoveContainerRequest),
        None,
        None,
        crio_other={"ambiguous": NOT_FOUND, "empty": NOT_FOUND},
    ),
    "ContainerStatus": Rpc(of_container("container_status", api.ContainerStatusRequest), NOT_FOUND, NOT_FOUND),
    "UpdateContainerResources": Rpc(
        of_container("update_container_resources", api.UpdateContainerResourcesRequest, linux=LIMITS),
        NOT_FOUND,
        UNKNOWN,
    ),
    "ReopenContainerLog": Rpc(of_container("reopen_container_log", api.ReopenContainerLogRequest), NOT_FOUND, UNKNOWN),
    "ExecSync": Rpc(of_container("exec_sync", api.ExecSyncRequest, cmd=["true"]), NOT_FOUND, NOT_FOUND),
    "Exec": Rpc(of_container("exec", api.ExecRequest, cmd=["true"], stdout=True), NOT_FOUND, UNKNOWN),
    "Attach": Rpc(of_container("attach", api.AttachRequest, stdout=True), NOT_FOUND, UNKNOWN),
    "ContainerStats": Rpc(of_container("container_stats", api.ContainerStatsRequest), NOT_FOUND, UNKNOWN),
    "CheckpointContainer": Rpc(
        of_container("checkpoint_container", api.CheckpointContainerRequest, location="/checkpoints/c.tar"),
        NOT_FOUND,
        NOT_FOUND,
    ),
}
RPCS = POD_RPCS | CONTAINER_RPCS


@pytest.fixture
def busy(new_node: Any) -> Callable[[str], Any]:
    """A maker of nodes with so many pods and containers that some ids begin alike, and URLs for streams."""

    def make(profile: str) -> Any:
        node = new_node(profile)
        node.runtime._daemon.streaming_url = "http://127.0.0.1:40000"
        node.files.make_dirs("/checkpoints")
        for number in range(SHARED):
            config = node.pod_config(f"p{number}")
            node.start(node.run_pod(config), "sleep", "1000", pod_config=config)
        return node

    return make


def ids(node: Any, rpc: str) -> list[str]:
    rows = node.pods() if rpc in POD_RPCS else node.containers()
    return [row.id for row in rows]


def shared_prefix(some: list[str]) -> str:
    first = [full_id[0] for full_id in some]
    return next(digit for digit in first if first.count(digit) > 1)


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
@pytest.mark.parametrize("rpc", RPCS)
def test_ids_that_stand_for_nothing(busy: Any, rpc: str, profile: str) -> None:
    node = busy(profile)
    before = (node.pods(), node.containers())
    asked = [("missing", text) for text in (*OF_NOTHING, ids(node, rpc)[0] + "0")]
    asked += [("ambiguous", shared_prefix(ids(node, rpc))), ("empty", "")]
    for case, text in asked:
        expected = RPCS[rpc].code(profile, case)
        if expected is None:
            node.do(RPCS[rpc].ask(node, text))
        else:
            assert node.refused(RPCS[rpc].ask(node, text)).code is expected, (case, text)
    assert (node.pods(), node.containers()) == before, "nothing was stopped, removed or changed"


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
@pytest.mark.parametrize("rpc", RPCS)
def test_a_short_id_is_as_good_as_the_whole(busy: Any, rpc: str, profile: str) -> None:
    """Each node is the other's twin, so that the answers can be compared whole."""
    answers = []
    for length in (64, 13):
        node = busy(profile)
        if rpc == "StartContainer":
            config = node.pod_config("p0")
            text = node.create(ids(node, "StopPodSandbox")[0], node.container_config("true", name="new"), config)
        else:
            text = ids(node, rpc)[0]
        answer = node.do(RPCS[rpc].ask(node, text[:length]))
        shown = [row.SerializeToString(deterministic=True) for row in (*node.pods(), *node.containers())]
        answers.append((type(answer), shown))
        if rpc in ("PodSandboxStatus", "ContainerStatus"):
            assert answer.status.id == text
        elif rpc in ("PodSandboxStats", "ContainerStats"):
            assert answer.stats.attributes.id == text
    assert answers[0] == answers[1]


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_lists_take_short_ids_and_find_nothing_by_what_stands_for_nothing(busy: Any, profile: str) -> None:
    node = busy(profile)
    pods, containers = ids(node, "StopPodSandbox"), ids(node, "StopContainer")
    stats = {
        "pods": lambda text: (
            node.do(
                node.cri.list_pod_sandbox_stats(
                    api.ListPodSandboxStatsRequest(filter=api.PodSandboxStatsFilter(id=text))
                )
            ).stats
        ),
        "containers": lambda text: (
            node.do(
                node.cri.list_container_stats(api.ListContainerStatsRequest(filter=api.ContainerStatsFilter(id=text)))
            ).stats
        ),
    }
    for text in (*OF_NOTHING, shared_prefix(pods)):
        assert node.pods(id=text) == []
        assert node.containers(pod_sandbox_id=text) == []
        assert list(stats["pods"](text)) == []
    for text in (*OF_NOTHING, shared_prefix(containers)):
        assert node.containers(id=text) == []
        assert list(stats["containers"](text)) == []
    for length in (13, 64):
        assert [row.id for row in node.pods(id=pods[0][:length])] == [pods[0]]
        assert [row.id for row in node.containers(id=containers[0][:length])] == [containers[0]]
        assert [row.attributes.id for row in stats["pods"](pods[0][:length])] == [pods[0]]
        assert [row.attributes.id for row in stats["containers"](containers[0][:length])] == [containers[0]]
    assert (len(node.pods(id="")), len(node.containers(id=""))) == (SHARED, SHARED), "an empty id is no filter"
