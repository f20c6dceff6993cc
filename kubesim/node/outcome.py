"""What a run of pods left behind: the pods, the node, what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.protocol import Cri
from kubesim.errors import InputError
from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.outside import HostFiles, PodNetwork
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.model import k8s_v1 as v1
from kubesim.node.sources import StoredObject
from kubesim.node.stored_objects import apply_object
from kubesim.node.unsupported import refuse_network_use
from kubesim.node.world import World, WorldSettings

POLL_NS = 50_000_000
"""How often the wait for the pods looks."""

DELETION_NS_MAX = 30_000_000_000
"""How long the deletion of the pods may take; what is still there then stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCommand:
    """A command to run in a pod's first container at the end of a run."""

    pod: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`pods` and `node` are v1 objects, JSON-ready; `outputs` are stdout and stderr of the commands, in order."""

    pods: list[dict[str, Any]]
    node: dict[str, Any]
    events: list[dict[str, Any]]
    cgroup_driver: str
    metrics: dict[str, float]
    outputs: list[str] = field(default_factory=list)


async def run_pods(
    kernel: Kernel,
    cri: Cri,
    settings: WorldSettings,
    host_files: HostFiles,
    pods: Sequence[v1.Pod],
    *,
    duration_ns: int,
    network: PodNetwork | None = None,
    objects: Sequence[StoredObject] = (),
    is_settled: Callable[[list[v1.Pod]], bool] | None = None,
    commands: Sequence[PodCommand] = (),
    keep: bool = False,
) -> Outcome:
    """Start a kubelet over `cri`, create the objects and pods, wait, run the commands, and look.

    The wait ends after `duration_ns`, or earlier once `is_settled(pods)`. Unless `keep`, the pods are deleted at the
    end with a grace of one second, and the runtime is left as it was. `network` is the kubelet's way to its pods.
    Raises KubeletStartError, and InputError before anything runs when two pods have the same name, or one needs a way
    to its ports and there is none.
    """
    _refuse_duplicates(pods)
    if network is None:
        for pod in pods:
            refuse_network_use(pod)
    world = World(kernel, cri, settings, host_files, network=network)
    await world.start()
    end_ns = kernel.now_ns + duration_ns
    for one in objects:
        apply_object(world.api, one)
    for pod in pods:
        world.api.create_pod(pod)
    while kernel.now_ns < end_ns:
        if is_settled is not None and is_settled([pod for _, pod in world.api.pods()]):
            break
        await sleep(min(POLL_NS, end_ns - kernel.now_ns))
    client = CriClient(cri)
    outputs = [await _output(client, world, command) for command in commands]
    node = world.api.get_node()
    outcome = Outcome(
        pods=[msgspec.to_builtins(pod) for _, pod in world.api.pods()],
        node=msgspec.to_builtins(node) if node is not None else {},
        events=[msgspec.to_builtins(event) for event in world.api.events],
        cgroup_driver=world.kubelet.cgroup_driver,
        metrics=dict(world.kubelet.metrics.as_dict()),
        outputs=outputs,
    )
    if not keep:
        await _delete_all(kernel, client, world)
    world.stop()
    return outcome


async def _output(client: CriClient, world: World, command: PodCommand) -> str:
    status = world.api.pod(command.pod).status.container_statuses[0]
    answer = await client.exec_sync(
        api.ExecSyncRequest(container_id=bare_id(status.container_id), cmd=list(command.command))
    )
    return (answer.stdout + answer.stderr).decode(errors="replace")


def _refuse_duplicates(pods: Sequence[v1.Pod]) -> None:
    seen: set[str] = set()
    for pod in pods:
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        if key in seen:
            raise InputError("two pods have this name", where=key, hint="give one of them another name or namespace")
        seen.add(key)


async def _delete_all(kernel: Kernel, client: CriClient, world: World) -> None:
    """Delete the pods, and wait until they are gone from the API and their sandboxes from the runtime."""
    uids = {pod.metadata.uid for _, pod in world.api.pods()}
    for key, _ in list(world.api.pods()):
        world.api.delete_pod(key, grace_seconds=1)
    end_ns = kernel.now_ns + DELETION_NS_MAX
    while kernel.now_ns < end_ns:
        if next(world.api.pods(), None) is None:
            # The API forgets a pod a moment before its sandbox is removed.
            answer = await client.list_pod_sandbox(api.ListPodSandboxRequest())
            if not any(sandbox.metadata.uid in uids for sandbox in answer.items):
                return
        await sleep(POLL_NS)


def all_settled(pods: list[v1.Pod]) -> bool:
    """Whether every pod runs, all its containers ready, or has ended."""
    return all(
        pod.status.phase in {"Succeeded", "Failed"}
        or any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)
        for pod in pods
    )
