"""Removes what ended containers and sandboxes leave in the runtime.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_gc.go and pkg/kubelet/pod_container_deletor.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.cri.errors import CriError
from kubesim.kernel import sleep
from kubesim.kubelet.container_kill import KillPodFailed
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import EventRecorder, node_reference
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.model import k8s_v1 as v1

CONTAINER_GC_NS = 60_000_000_000


class ContainerGarbage:
    """The collector of one kubelet process."""

    def __init__(
        self,
        recorder: EventRecorder,
        runtime_pods: RuntimePods,
        dead: DeadContainers,
        cache: PodCache,
        pods: Mapping[str, v1.Pod],
        node_name: str,
        has_ended: Callable[[str], bool],
    ) -> None:
        """`has_ended` says of a pod by uid whether nothing of it runs any more."""
        self._recorder = recorder
        self._node = node_reference(node_name)
        self._runtime_pods = runtime_pods
        self._dead = dead
        self._cache = cache
        self._pods = pods
        self._has_ended = has_ended

    async def run(self) -> None:
        """Once a minute: remove dead containers beyond the newest of each name, and sandboxes beyond the newest."""
        while True:
            await sleep(CONTAINER_GC_NS)
            try:
                await self._runtime_pods.list_all()
            except CriError as error:
                # Only the lists count: a removal that fails is written to the log.
                self._recorder.event(self._node, "Warning", "ContainerGCFailed", error.go_text)
                continue
            for uid in list(self._pods):
                await self.remove_older(uid, sandboxes=True)

    async def remove_older(self, uid: str, *, sandboxes: bool = False) -> None:
        """Remove the dead containers of a pod beyond the newest of each name."""
        try:
            await self._dead.remove_older(self._cache.get(uid))
            if sandboxes:
                await self._dead.remove_older_sandboxes(self._cache.get(uid))
        except CriError:
            # The runtime is away or busy; the next round asks again.
            return

    async def remove_ended_pods(self) -> None:
        """Remove the containers and sandboxes of pods that have ended, though the API still has them.

        Mirrors GarbageCollect with evictNonDeletedPods.
        """
        for uid in list(self._pods):
            if self._has_ended(uid):
                await self._dead.remove_pod(self._cache.get(uid))


def ignore_runtime_errors(task: object) -> None:
    """A clean-up that the runtime refused is tried again by housekeeping; other errors are bugs."""
    error = getattr(task, "error", None)
    if error is not None and not isinstance(error, CriError | KillPodFailed):
        raise error
