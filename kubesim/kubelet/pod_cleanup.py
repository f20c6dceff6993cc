"""Removes what is left of pods: dead containers, pods that are gone, and what runs for nobody.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (HandlePodCleanups), pkg/kubelet/kubelet.go (HandlePodRemoves,
cleanUpContainersInPod) and pkg/kubelet/pod_workers.go (SyncKnownPods).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from kubesim.cri.errors import CriError
from kubesim.kernel import Beat, Cancelled, Idle, Kernel, Task, sleep
from kubesim.kubelet.container_kill import KillPodFailed
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import WARNING, EventRecorder
from kubesim.kubelet.event_reference import EventReference
from kubesim.kubelet.metrics import RESTARTED_PODS, Metrics
from kubesim.kubelet.mirror_pods import MirrorPods
from kubesim.kubelet.mutex import Mutex
from kubesim.kubelet.orphan_pods import OrphanPods
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pleg import Pleg
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_views import is_static
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.kubelet.status_manager import StatusManager
from kubesim.kubelet.volumes import PodVolumes
from kubesim.model import k8s_v1 as v1
from kubesim.policy.container_garbage import older_containers, older_sandboxes
from kubesim.policy.eviction_order import EVICTED_REASON
from kubesim.policy.pod_view import RuntimePod

CONTAINER_GC_NS = 60_000_000_000
LOG_REMOVAL_NS = 1_000_000


class PodCleanup:
    """What is due when pods end. The engine lends its parts, and tells which pods it has."""

    def __init__(
        self,
        kernel: Kernel,
        workers: PodWorkers,
        statuses: StatusManager,
        mirrors: MirrorPods,
        orphans: OrphanPods,
        pleg: Pleg,
        cache: PodCache,
        runtime_pods: RuntimePods,
        volumes: PodVolumes,
        dead: DeadContainers,
        host_files: HostFiles,
        directories: PodDirectories,
        metrics: Metrics,
        recorder: EventRecorder,
        node: EventReference,
        *,
        pods: Mapping[str, v1.Pod],
        forget: Callable[[str], object],
        restart: Callable[[v1.Pod], object],
    ) -> None:
        """`forget` drops what is remembered of a pod by its uid, `restart` takes one up as if it were new."""
        self._kernel = kernel
        self._workers = workers
        self._statuses = statuses
        self._mirrors = mirrors
        self._orphans = orphans
        self._pleg = pleg
        self._cache = cache
        self._runtime_pods = runtime_pods
        self._volumes = volumes
        self._host_files = host_files
        self._directories = directories
        self._metrics = metrics
        self._recorder = recorder
        self._node = node
        self._pods = pods
        self._forget = forget
        self._restart = restart
        self._dead = dead
        self._removing = Mutex()
        """The containers that one event after the other names are removed one after the other."""
        self._chores: dict[Task[None], None] = {}
        self.has_looked = False
        """Whether housekeeping has been done: every pod of the configuration that may run has a worker by then."""

    def stop(self) -> None:
        """The kubelet process ends: what it was about to remove is left to the next one."""
        for chore in list(self._chores):
            chore.cancel()

    def removed(self, uid: str, pod: v1.Pod | None) -> None:
        """A pod is gone from the configuration: it is ended if it still runs, and what it left is removed."""
        work = self._workers.work.get(uid)
        if work is not None and not work.is_finished:
            self._workers.kill(uid)
        if pod is not None and is_static(pod):
            self._start(self._clean_up_static(uid, pod), f"clean up {uid}")
        else:
            self._statuses.forget(uid)
            self._start(self._clean_up(uid, pod), f"clean up {uid}")

    def container_died(self, uid: str) -> None:
        """A container of a pod ended: an older one of its name may go, and of an evicted pod this one as well."""
        if uid in self._pods:
            self._start(self._remove_older_containers(uid), f"remove dead containers of {uid}")

    def reconciled(self, pod: v1.Pod) -> None:
        """The API has a new status of a pod. Nothing is kept of one that it shows as evicted.

        Mirrors kubelet: pkg/kubelet/kubelet.go (HandlePodReconcile) and pkg/kubelet/eviction/helpers.go (PodIsEvicted).
        """
        uid = pod.metadata.uid
        if (pod.status.phase, pod.status.reason) == ("Failed", EVICTED_REASON):
            self._start(self._remove_ended(self._cache.get(uid)), f"remove dead containers of {uid}")

    async def remove_ended(self, uid: str) -> None:
        """Remove what the runtime still has of a pod that has ended, though it is still in the configuration."""
        await self._dead.remove_pod(self._cache.get(uid))

    def housekeeping(self) -> None:
        """Every two seconds: whatever nobody else brings to its end."""
        self.has_looked = True
        for uid, work in list(self._workers.work.items()):
            if work.is_restart_requested and work.is_finished and uid in self._pods:
                # The pod was removed and came again with the same uid: its history is over, it starts like a new one.
                self._workers.drop(uid)
                self._metrics.increase(RESTARTED_PODS, static="true" if is_static(work.pod) else "")
                self._restart(self._pods[uid])
            elif uid not in self._pods:
                self._workers.wake(uid)
        self._mirrors.remove_orphans(self._workers.is_static_pod_terminating)
        self._end_orphans()

    async def run_container_gc(self) -> None:
        """Once a minute: remove dead containers beyond the newest of each name, and sandboxes beyond the newest."""
        # A collection that finds nothing dead, because nothing has happened since the last, still lists.
        idle = Idle(note=self._runtime_pods.list_again, still_holds=self._would_collect_nothing)
        beat, is_in_vain = Beat(self._kernel), False
        while True:
            await beat.wait(CONTAINER_GC_NS, idle if is_in_vain else None)
            is_in_vain = False
            try:
                await self._runtime_pods.list_all()
            except CriError as error:
                # Only the lists count: a removal that fails is written to the log.
                self._recorder.event(self._node, WARNING, "ContainerGCFailed", error.go_text)
                continue
            removed = [await self._remove_older(uid, sandboxes=True) for uid in list(self._pods)]
            removed += [await self._remove_left(uid) for uid in self._gone()]
            is_in_vain = self._runtime_pods.is_steady and not any(removed)

    def _gone(self) -> list[str]:
        """The pods that only the runtime still has: they are known once housekeeping has been done."""
        if not self.has_looked:
            return []
        return [uid for uid in self._pleg.uids if uid not in self._pods and uid not in self._workers.work]

    def _would_collect_nothing(self) -> bool:
        """Whether a collection would give the same lists, and find nothing to remove."""
        if self._gone() or not self._runtime_pods.still_lists():
            return False
        work = self._workers.work
        for uid in self._pods:
            runtime = self._cache.get(uid)
            if (uid in work and work[uid].is_evicted) or older_containers(runtime) or older_sandboxes(runtime):
                return False
        return True

    async def _clean_up(self, uid: str, pod: v1.Pod | None) -> None:
        work = self._workers.work.get(uid)
        if work is not None:
            await work.containers_stopped.wait()
        self._forget(uid)
        async with self._removing:
            pass  # A runtime removes no sandbox one of whose containers is just being removed.
        try:
            async with self._removing:
                is_gone = await self._dead.remove_pod(await self._runtime_pods.pod_status(uid))
            if pod is not None:
                if is_gone:
                    self._volumes.tear_down(pod)
                # Upstream's collection of garbage does that within a minute (evictPodLogsDirectories).
                self._host_files.remove(self._directories.logs(pod))
        finally:
            # When the runtime refused, the pod's directory is still there, and housekeeping ends the rest as an orphan.
            self._workers.drop(uid)

    async def _clean_up_static(self, uid: str, pod: v1.Pod) -> None:
        """The mirror shows how the pod ends, and its worker keeps others of its name from starting until then."""
        await self._workers.wait_finished(uid)
        if uid not in self._pods:
            self._statuses.forget(uid)
            await self._clean_up(uid, pod)

    async def _remove_older_containers(self, uid: str) -> None:
        # The worker of the pod has heard of it before; and upstream looks for the container's log first, to remove it.
        await sleep(LOG_REMOVAL_NS)
        async with self._removing:
            if uid in self._pods:
                await self._remove_older(uid)

    async def _remove_ended(self, runtime: RuntimePod) -> None:
        async with self._removing:
            await self._dead.remove_ended(runtime, sandboxes=False)

    async def _remove_older(self, uid: str, *, sandboxes: bool = False) -> bool:
        """Whether there was something to remove. Of an evicted pod nothing is kept, and in time its logs go as well."""
        try:
            if uid in self._workers.work and self._workers.work[uid].is_evicted:
                if sandboxes:
                    self._host_files.remove(self._directories.logs(self._pods[uid]))
                return await self._dead.remove_ended(self._cache.get(uid), sandboxes=sandboxes)
            is_found = await self._dead.remove_older(self._cache.get(uid))
            if sandboxes:
                is_found |= await self._dead.remove_older_sandboxes(self._cache.get(uid))
        except CriError:
            # The runtime is away or busy; the next round asks again.
            return True
        return is_found

    async def _remove_left(self, uid: str) -> bool:
        """Whether there was something to remove of a pod that is gone: the runtime refused when its time had come."""
        try:
            return await self._dead.remove_ended(self._cache.get(uid), sandboxes=True)
        except CriError:
            return True

    def _end_orphans(self) -> None:
        """What a housekeeping does about pods of the runtime that no worker knows.

        Among them is a pod that ran under an earlier process, and that this one did not admit.
        """
        for uid in self._pleg.uids:
            if uid not in self._workers.work and self._host_files.kind(self._directories.pod(uid)) == "directory":
                self._orphans.end(uid)

    def _start(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        chore = self._kernel.spawn(coroutine, name=name)
        self._chores[chore] = None
        chore.watch(self._ended)

    def _ended(self, chore: Task[None]) -> None:
        """A clean-up that the runtime refused is tried again by housekeeping; other errors are bugs."""
        self._chores.pop(chore, None)
        if chore.error is not None and not isinstance(chore.error, CriError | KillPodFailed | Cancelled):
            raise chore.error
