"""Removes what has ended: dead containers beyond the newest of each name, and all of a pod that is gone.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go (pruneInitContainersBeforeStart,
purgeInitContainers, removeContainer), pkg/kubelet/pod_container_deletor.go and kuberuntime_gc.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.policy.container_garbage import ended_containers, ended_sandboxes, older_containers, older_sandboxes
from kubesim.policy.pod_view import PodView, RuntimeContainer, RuntimePod, RuntimeSandbox, RuntimeState


class DeadContainers:
    """Removal of containers and sandboxes. A runtime that refuses is asked again at the next occasion."""

    def __init__(self, client: CriClient, host_files: HostFiles) -> None:
        self._client = client
        self._host_files = host_files

    async def prune_init_containers(self, view: PodView, runtime: RuntimePod) -> None:
        """Keep the newest exited init container of each name."""
        for spec in view.init_containers:
            exited = [one for one in runtime.containers if one.name == spec.name and _has_ended(one)]
            await self._remove(exited[1:])

    async def remove_init_containers(self, view: PodView, runtime: RuntimePod) -> None:
        """Remove all init containers: the pod starts over in a new sandbox."""
        names = {one.name for one in view.init_containers}
        await self._remove(one for one in runtime.containers if one.name in names)

    async def remove_older(self, runtime: RuntimePod) -> bool:
        """Keep one dead container of each name; whether there were more."""
        surplus = older_containers(runtime)
        await self._remove(surplus)
        return bool(surplus)

    async def remove_older_sandboxes(self, runtime: RuntimePod) -> bool:
        """Keep the newest sandbox of a pod, and those that still run or hold a container; whether there were others."""
        surplus = older_sandboxes(runtime)
        await self._remove_sandboxes(surplus)
        return bool(surplus)

    async def remove_ended(self, runtime: RuntimePod, *, sandboxes: bool) -> bool:
        """Keep only what runs, and with `sandboxes` the sandboxes that run or hold it; whether there was more.

        So it goes for what is left of a pod that is gone, and for an evicted one, whose status keeps what is to be
        known of it.
        """
        dead_containers = ended_containers(runtime)
        dead_sandboxes = ended_sandboxes(runtime) if sandboxes else []
        await self._remove(dead_containers)
        await self._remove_sandboxes(dead_sandboxes)
        return bool(dead_containers or dead_sandboxes)

    async def remove_pod(self, runtime: RuntimePod) -> bool:
        """Remove everything of a pod that no longer exists; whether its sandboxes are gone."""
        await self._remove(ended_containers(runtime))
        return await self._remove_sandboxes(runtime.sandboxes)

    async def _remove_sandboxes(self, sandboxes: Iterable[RuntimeSandbox]) -> bool:
        are_gone = True
        for sandbox in sandboxes:
            try:
                # The kubelet has stopped it before; upstream stops it again, for the rare case that it has not.
                await self._client.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=sandbox.id))
                await self._client.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id))
            except CriError:
                are_gone = False  # upstream writes it to the log; the next occasion tries again
        return are_gone

    async def _remove(self, containers: Iterable[RuntimeContainer]) -> None:
        for container in containers:
            try:
                await self._remove_with_log(bare_id(container.id))
            except (CriError, OSError):
                continue  # upstream writes it to the log; the next occasion tries again

    async def _remove_with_log(self, container_id: str) -> None:
        """Remove a container and before it its log, with what was rotated away of it. Raises CriError and OSError.

        The kubelet asks once where the log is, and once more for the name of the link that older collectors of logs
        follow. There are no such links here.
        """
        question = api.ContainerStatusRequest(container_id=container_id)
        path = (await self._client.container_status(question)).status.log_path
        remove_logs(self._host_files, path)
        await self._client.call_encoded(methods.CONTAINER_STATUS, question)
        await self._client.remove_container(api.RemoveContainerRequest(container_id=container_id))


def remove_logs(files: HostFiles, path: str) -> None:
    """Remove a log and all files whose names begin with its name. Raises OSError.

    Mirrors kubelet: pkg/kubelet/logs/container_log_manager.go, Clean.
    """
    folder, _, name = path.replace("\\", "/").rpartition("/")
    if not name or files.kind(folder) != "directory":
        return
    for found in files.list_dir(folder):
        if found.startswith(name):
            files.remove(f"{folder}/{found}")


def _has_ended(container: RuntimeContainer) -> bool:
    return container.state in {RuntimeState.EXITED, RuntimeState.UNKNOWN}
