"""Ends what runs for pods that nobody knows any more, such as those deleted while no kubelet ran.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, HandlePodCleanups, and pkg/kubelet/kubelet.go, SyncTerminatingRuntimePod:
runtime pods that no pod worker knows are killed with a grace of one second. A real kubelet ends every such pod of its
runtime; here only those that have a directory of this kubelet, because we may be a guest on a runtime that runs the
pods of others.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.container_kill import ContainerKiller, KillPodFailed
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.kubelet.event_recorder import WARNING, EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.pod_views import pod_view
from kubesim.kubelet.runtime_pods import ListedPod, RuntimePods
from kubesim.model import k8s_v1 as v1

GRACE_SECONDS = 1


class OrphanPods:
    """The pods that only the runtime knows. `forget(pod)` releases what such a pod held on the node."""

    def __init__(
        self,
        kernel: Kernel,
        recorder: EventRecorder,
        runtime_pods: RuntimePods,
        killer: ContainerKiller,
        dead: DeadContainers,
        *,
        forget: Callable[[v1.Pod], object],
    ) -> None:
        self._kernel = kernel
        self._recorder = recorder
        self._runtime_pods = runtime_pods
        self._killer = killer
        self._dead = dead
        self._forget = forget
        self._ending: set[str] = set()

    def __len__(self) -> int:
        return len(self._ending)

    def end(self, uid: str) -> None:
        """Begin to end a pod; nothing for one that is being ended. What fails is tried again by the next call."""
        if uid not in self._ending:
            self._ending.add(uid)
            self._kernel.spawn(self._end(uid), name=f"end orphan {uid}")

    async def _end(self, uid: str) -> None:
        try:
            listed = await self._runtime_pods.list_pod(uid)
            if listed is not None:
                await self._end_listed(listed)
        except CriError:
            # The runtime is away or busy: the pod is still there for the next housekeeping.
            return
        finally:
            self._ending.discard(uid)

    async def _end_listed(self, listed: ListedPod) -> None:
        pod = _as_api_pod(listed)
        runtime = await self._runtime_pods.inspect(listed)
        try:
            await self._killer.kill_pod(pod, pod_view(pod), runtime, GRACE_SECONDS)
        except KillPodFailed as error:
            self._recorder.event(pod_reference(pod), WARNING, "FailedKillPod", f"error killing pod: {error}")
            return
        if await self._dead.remove_pod(await self._runtime_pods.pod_status(listed.uid)):
            self._forget(pod)


def _as_api_pod(listed: ListedPod) -> v1.Pod:
    """What the runtime's lists tell of a pod: all its containers count as regular ones. Upstream Pod.ToAPIPod."""
    names = dict.fromkeys(one.name for one in listed.containers)
    return v1.Pod(
        metadata=v1.ObjectMeta(name=listed.name, namespace=listed.namespace, uid=listed.uid),
        spec=v1.PodSpec(containers=[v1.Container(name=name) for name in names]),
    )
