"""Kills the pods of a node group by group.

Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go, killPods.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kubesim.kernel import Kernel, Task, timeout
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_shutdown_timeline import ShutdownPod, ShutdownStep, ShutdownTimeline, grace_reason
from kubesim.kubelet.status_generation import PodStatusFunc, ended_by_kubelet
from kubesim.policy.shutdown_groups import (
    TERMINATED_MESSAGE,
    TERMINATED_REASON,
    Period,
    group_by_priority,
    shutdown_grace_seconds,
)

SECOND_NS = 10**9

TERMINATED_STATUS = ended_by_kubelet(
    reason=TERMINATED_REASON, message=TERMINATED_MESSAGE, condition_message=TERMINATED_MESSAGE
)
"""What a shutdown makes of a pod's status: Failed unless Succeeded, reason, message, DisruptionTarget."""


class KillPod(Protocol):
    """Ends a pod and waits for it."""

    async def __call__(
        self, uid: str, *, grace_seconds: int | None, status_func: PodStatusFunc | None = None, is_evicted: bool = False
    ) -> bool:
        """False when it took longer than 1.5 times the grace (at least 10 s); the pod then ends in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownCollaborators:
    """The kubelet around the shutdown manager."""

    active_pods: Callable[[], Sequence[ShutdownPod]]
    """Pods that are not terminal, static ones included."""
    kill_pod: KillPod
    wait_unmounted: Callable[[Sequence[str]], Awaitable[None]]
    """Returns once no volume of these pods (uids) is mounted; is cancelled when the group's time is up."""
    sync_node_status: Callable[[], object]
    """Starts an update of the node's status and does not wait for it."""


class PodGroupKiller:
    """Kills groups in ascending priority. What still ends when a group's time is up goes on in the background."""

    def __init__(
        self, kernel: Kernel, around: ShutdownCollaborators, *, klog: Klog, timeline: ShutdownTimeline
    ) -> None:
        self._kernel = kernel
        self._around = around
        self._klog = klog
        self._timeline = timeline
        self._tasks: list[Task[Any]] = []

    async def kill_all(self, pods: Sequence[ShutdownPod], periods: Sequence[Period]) -> None:
        """Kill the pods; groups without pods take no time, time that a group leaves is not passed on."""
        by_uid = {pod.uid: pod for pod in pods}
        for band, seconds, uids in group_by_priority(periods, [(pod.uid, pod.priority) for pod in pods]):
            await self._kill_group([by_uid[uid] for uid in uids], band=band, seconds=seconds)

    def stop(self) -> None:
        """Forget what still goes on, as the end of the process does."""
        for task in self._tasks:
            task.cancel()

    async def _kill_group(self, members: Sequence[ShutdownPod], *, band: int, seconds: int) -> None:
        names = ", ".join(pod.key for pod in members)
        group = f"group {band}"
        self._timeline.add(ShutdownStep.GROUP_BEGINS, group, band=band, grace_seconds=seconds, reason=names)
        started_ns = self._kernel.now_ns
        kills = [self._spawn(self._kill(pod, band=band, seconds=seconds), f"kill {pod.key}") for pod in members]
        deadline_ns = started_ns + seconds * SECOND_NS
        all_gone = self._spawn(self._wait_gone(members, kills, band=band, deadline_ns=deadline_ns), f"{group} gone")
        try:
            async with timeout(seconds * SECOND_NS):
                await all_gone.join()
        except TimeoutError:
            self._klog.info("Shutdown manager pod killing time out", verbosity=1, gracePeriod=seconds, priority=band)
            running = ", ".join(pod.key for pod, kill in zip(members, kills, strict=True) if not kill.is_done)
            reason = f"still ending in the background: {running}" if running else "all pods ended, volumes are mounted"
            self._timeline.add(ShutdownStep.GROUP_TIME_UP, group, band=band, grace_seconds=seconds, reason=reason)
            return
        self._klog.info(
            "Done waiting for all pods in group to terminate", verbosity=1, gracePeriod=seconds, priority=band
        )
        used = (self._kernel.now_ns - started_ns) / SECOND_NS
        reason = f"all pods ended and their volumes are unmounted after {used:g} s of {seconds} s"
        self._timeline.add(ShutdownStep.GROUP_DONE, group, band=band, grace_seconds=seconds, reason=reason)

    async def _kill(self, pod: ShutdownPod, *, band: int, seconds: int) -> None:
        grace_seconds = shutdown_grace_seconds(pod_seconds=pod.grace_seconds, group_seconds=seconds)
        self._klog.info(
            "Shutdown manager killing pod with gracePeriod", verbosity=1, pod=pod.key, gracePeriod=grace_seconds
        )
        reason = grace_reason(pod, band=band, group_seconds=seconds)
        self._timeline.add(ShutdownStep.KILL_BEGINS, pod.key, band=band, grace_seconds=grace_seconds, reason=reason)
        if await self._around.kill_pod(pod.uid, grace_seconds=grace_seconds, status_func=TERMINATED_STATUS):
            self._klog.info("Shutdown manager finished killing pod", verbosity=1, pod=pod.key)
            self._timeline.add(ShutdownStep.POD_ENDED, pod.key, band=band)
            return
        error = "timeout waiting to kill pod"
        self._klog.info("Shutdown manager failed killing pod", verbosity=1, pod=pod.key, err=error)
        self._timeline.add(ShutdownStep.POD_NOT_ENDED, pod.key, band=band, reason=error)

    async def _wait_gone(
        self, members: Sequence[ShutdownPod], kills: Sequence[Task[None]], *, band: int, deadline_ns: int
    ) -> None:
        for kill in kills:
            await kill.join()
        try:
            # Volumes get what is left of the group's time; after it, one look.
            async with timeout(max(deadline_ns - self._kernel.now_ns, 0)):
                await self._around.wait_unmounted([pod.uid for pod in members])
        except TimeoutError:
            self._klog.error(
                "Failed while waiting for all the volumes belonging to Pods in this group to unmount",
                err="context deadline exceeded",
                pods=[pod.key for pod in members],
            )
            names = ", ".join(pod.key for pod in members)
            self._timeline.add(ShutdownStep.STILL_MOUNTED, f"group {band}", band=band, reason=names)

    def _spawn(self, coroutine: Any, name: str) -> Task[None]:
        task: Task[None] = self._kernel.spawn(coroutine, name=f"node shutdown: {name}")
        self._tasks.append(task)
        return task
