"""Sets up the volumes of pods: a sync waits for the first time, and asks for fresh files at every later one.

Mirrors kubelet: pkg/kubelet/volumemanager/volume_manager.go (WaitForAttachAndMount),
pkg/kubelet/volumemanager/cache/actual_state_of_world.go (MarkRemountRequired) and
pkg/util/goroutinemap/exponentialbackoff (the reconciler's tries).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.kernel import Kernel, Task, sleep, timeout
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.sync_error import SyncError
from kubesim.kubelet.volumes import PodVolumes, config_plugin, mounted_volumes
from kubesim.model import k8s_v1 as v1

MOUNT_POLL_NS = 300_000_000
"""How often WaitForAttachAndMount looks; a pod with a mounted volume waits for the first look."""
MOUNT_TIMEOUT_NS = 123_000_000_000
FIRST_MOUNT_NS = 200_000_000
"""Two loops of 100 ms lie before the first try: the populator of the wanted volumes and the reconciler."""
MOUNT_DELAY_NS = 500_000_000
MOUNT_DELAY_MAX_NS = 122_000_000_000


@dataclass(slots=True, kw_only=True)
class _Remount:
    """A pod whose files are being made anew: as the last sync saw it."""

    pod: v1.Pod
    task: Task[None] | None = None


class VolumeManager:
    """Knows which pods have their volumes."""

    def __init__(self, kernel: Kernel, recorder: EventRecorder, volumes: PodVolumes) -> None:
        self._kernel = kernel
        self._recorder = recorder
        self._volumes = volumes
        self._mounted: set[str] = set()
        self._mounts: dict[str, Task[None]] = {}
        self._remounts: dict[str, _Remount] = {}

    async def wait(self, pod: v1.Pod) -> None:
        """Wait until the volumes are there, as the sync of a kubelet waits for its volume manager.

        Raises SyncError after two minutes; the tries go on meanwhile.
        """
        uid = pod.metadata.uid
        if uid in self._mounted:
            self._remount(pod)
            return
        if not pod.spec.volumes or not mounted_volumes(pod):
            return
        began_ns = self._kernel.now_ns
        if uid not in self._mounts:
            self._mounts[uid] = self._kernel.spawn(self._set_up(pod), name=f"mount volumes of {uid}")
        try:
            async with timeout(MOUNT_TIMEOUT_NS):
                await self._mounts[uid].join()
        except TimeoutError as error:
            failing = " ".join(sorted(self._volumes.set_up(pod)))
            # Since 1.27 no event tells of it: the error is one of an ended wait, and those are left out.
            raise SyncError(
                f"unmounted volumes=[{failing}], unattached volumes=[], failed to process volumes=[]: "
                "context deadline exceeded"
            ) from error
        # The sync looks every 300 ms, counted from its own begin; the first time at once.
        await sleep(-(self._kernel.now_ns - began_ns) % MOUNT_POLL_NS)

    async def _set_up(self, pod: v1.Pod) -> None:
        """The reconciler tries at its own times, whether or not a sync waits."""
        delay_ns = MOUNT_DELAY_NS
        await sleep(FIRST_MOUNT_NS)
        while failures := self._volumes.set_up(pod):
            self._tell(pod, failures)
            await sleep(delay_ns)
            delay_ns = min(2 * delay_ns, MOUNT_DELAY_MAX_NS)
        self._mounted.add(pod.metadata.uid)
        del self._mounts[pod.metadata.uid]

    def forget(self, uid: str) -> None:
        """The pod needs its volumes no longer."""
        self._mounted.discard(uid)
        mount = self._mounts.pop(uid, None)
        if mount is not None:
            mount.cancel()
        remount = self._remounts.pop(uid, None)
        if remount is not None and remount.task is not None:
            remount.task.cancel()

    def stop(self) -> None:
        """The kubelet ends."""
        for uid in [*self._mounts, *self._remounts]:
            self.forget(uid)

    def _remount(self, pod: v1.Pod) -> None:
        """Make the files of ConfigMaps and the like anew; nobody waits for that."""
        uid = pod.metadata.uid
        if uid in self._remounts:
            self._remounts[uid].pod = pod
        elif any(config_plugin(volume) for volume in pod.spec.volumes):
            remount = self._remounts[uid] = _Remount(pod=pod)
            remount.task = self._kernel.spawn(self._set_up_again(uid, remount), name=f"remount volumes of {uid}")

    async def _set_up_again(self, uid: str, remount: _Remount) -> None:
        delay_ns = MOUNT_DELAY_NS
        await sleep(FIRST_MOUNT_NS)
        while failures := self._volumes.set_up_again(remount.pod):
            self._tell(remount.pod, failures)
            await sleep(delay_ns)
            delay_ns = min(2 * delay_ns, MOUNT_DELAY_MAX_NS)
        del self._remounts[uid]

    def _tell(self, pod: v1.Pod, failures: Mapping[str, str]) -> None:
        for text in failures.values():
            self._recorder.event(pod_reference(pod), "Warning", "FailedMount", text)
