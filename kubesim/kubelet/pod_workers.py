"""Pod workers: one task per pod, which carries it from syncing over terminating to terminated.

    SYNC ──(deletion, terminal phase, kill, sync says so)──> TERMINATING ──(containers stopped)──> TERMINATED ──> done

It never goes back. Each step waits until the pod cache is newer than the end of the step before.
Mirrors kubelet: pkg/kubelet/pod_workers.go (UpdatePod, podWorkerLoop, completeSync, completeWork).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from kubesim.kernel import Cancelled, Event, Kernel, Promise, Task, timeout
from kubesim.kubelet.event_recorder import WARNING, EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_views import is_static, pod_key
from kubesim.kubelet.pod_work import PodWork, WorkType
from kubesim.kubelet.static_pod_turns import StaticPodTurns
from kubesim.kubelet.status_generation import PodStatusFunc
from kubesim.kubelet.sync_error import SyncError
from kubesim.kubelet.vain_sync import VainSync
from kubesim.model.k8s_v1 import Pod
from kubesim.policy.grace_period import effective_grace, kill_wait_seconds
from kubesim.policy.pod_view import RuntimePod, RuntimeState
from kubesim.policy.resync import JITTER_FACTOR, RESYNC_NS, RETRY_NS, retry_delay_ns

SECOND_NS = 1_000_000_000

EXCEEDED_GRACE_PERIOD = "Container runtime did not kill the pod within specified grace period."


class PodSyncer(Protocol):
    """What a worker does in each of its three states, and when the runtime does not say what state that is."""

    def status_unknown(self, pod: Pod, error: Exception) -> None:
        """The cache has an error instead of the pod."""

    async def sync_pod(self, work: PodWork, runtime: RuntimePod) -> bool:
        """One sync; True when the pod is done for good. Raises SyncError."""

    def in_vain(self, work: PodWork) -> VainSync | None:
        """What a sync of the pod would do now, if that is in vain."""

    async def sync_terminating_pod(self, work: PodWork, runtime: RuntimePod) -> None:
        """Stop everything. Raises SyncError."""

    async def sync_terminated_pod(self, pod: Pod, runtime: RuntimePod) -> None:
        """Release what the pod held. Raises SyncError."""


class PodWorkers:
    """All workers by pod uid."""

    def __init__(
        self,
        kernel: Kernel,
        cache: PodCache,
        syncer: PodSyncer,
        recorder: EventRecorder,
        *,
        allocated: Callable[[Pod], Pod],
        on_stopped: Callable[[str], object] = lambda _: None,
        resync_ns: int = RESYNC_NS,
    ) -> None:
        """`allocated` gives a pod its resources, `on_stopped(uid)` hears of its end, `resync_ns` is syncFrequency."""
        self._allocated = allocated
        self._kernel, self._cache, self._syncer = kernel, cache, syncer
        self._recorder = recorder
        self._on_stopped = on_stopped
        self._resync_ns = resync_ns
        self._prng = kernel.random.fork("pod workers")
        self._work: dict[str, PodWork] = {}
        self._wake: dict[str, Event] = {}
        self._tasks: dict[str, Task[None]] = {}
        self._due_ns: dict[str, int] = {}
        self._turns = StaticPodTurns(self._is_over)

    @property
    def work(self) -> Mapping[str, PodWork]:
        """The pods that have a worker, by uid."""
        return self._work

    def add(self, pod: Pod) -> None:
        """A pod is new in the configuration. One that is still ending under its uid starts again when that is done."""
        work = self._work.get(pod.metadata.uid)
        if work is not None and work.terminating_at_ns is not None:
            work.is_restart_requested = True
        else:
            self.update(pod)

    def update(self, pod: Pod) -> None:
        """A pod is new or changed: sync it, or end it when it is deleted or its phase is terminal."""
        uid = pod.metadata.uid
        work = self._work.get(uid)
        if work is None:
            work = self._work[uid] = self._new_work(pod)
            self._wake[uid] = Event()
            if is_static(pod):
                self._turns.arrive(pod)
            self._tasks[uid] = self._kernel.spawn(self._run(uid), name=f"pod worker {pod_key(pod)}")
        if work.is_finished:
            return
        work.newest = pod
        work.pending = self._allocated(pod)
        if pod.metadata.deletion_timestamp is not None or pod.status.phase in {"Succeeded", "Failed"}:
            self._begin_termination(work)
        self._wake[uid].set()

    def _new_work(self, pod: Pod) -> PodWork:
        """A pod that ended under an earlier kubelet process has nothing left to stop: only its last status is due.

        Mirrors UpdatePod: isPodStatusCacheTerminal.
        """
        work = PodWork(newest=pod, seen_ns=self._kernel.now_ns)
        runtime = self._cache.get(pod.metadata.uid)
        is_over = not any(one.state is RuntimeState.RUNNING for one in runtime.containers) and not any(
            one.is_ready for one in runtime.sandboxes
        )
        if pod.status.phase in {"Succeeded", "Failed"} and is_over:
            work.terminating_at_ns = work.terminated_at_ns = self._kernel.now_ns
            work.containers_stopped.resolve(None)
        return work

    def kill(
        self,
        uid: str,
        *,
        grace_seconds: int | None = None,
        status_func: PodStatusFunc | None = None,
        is_evicted: bool = False,
    ) -> Promise[None]:
        """End a pod; the promise is kept once no container of it runs. Unknown pods are done already."""
        work = self._work.get(uid)
        if work is None or work.terminated_at_ns is not None:
            done: Promise[None] = Promise()
            done.resolve(None)
            return done
        if status_func is not None:
            work.status_func = status_func
        work.is_evicted = work.is_evicted or is_evicted
        self._begin_termination(work, override_seconds=grace_seconds)
        self.wake(uid)
        return work.containers_stopped

    async def kill_and_wait(
        self, uid: str, *, grace_seconds: int | None, status_func: PodStatusFunc | None = None, is_evicted: bool = False
    ) -> bool:
        """`kill`, and wait for it; False when it took longer than 1.5 times the grace period (at least 10 s).

        Mirrors kubelet: pkg/kubelet/pod_workers.go, killPodNow.
        """
        work = self._work.get(uid)
        done = self.kill(uid, grace_seconds=grace_seconds, status_func=status_func, is_evicted=is_evicted)
        wait_seconds = kill_wait_seconds(
            override_seconds=grace_seconds,
            pod_seconds=work.newest.spec.termination_grace_period_seconds if work is not None else None,
        )
        try:
            async with timeout(wait_seconds * SECOND_NS):
                await done.wait()
        except TimeoutError:
            if work is not None:
                self._recorder.event(pod_reference(work.pod), WARNING, "ExceededGracePeriod", EXCEEDED_GRACE_PERIOD)
            return False
        return True

    def refresh(self, pod: Pod) -> None:
        """The API's copy of a pod changed in a way that asks for no work: its status. The next wake brings it along."""
        work = self._work.get(pod.metadata.uid)
        if work is not None and not work.is_finished:
            work.newest = pod

    def wake(self, uid: str) -> None:
        """Sync a pod now: something about it changed in the runtime."""
        work = self._work.get(uid)
        if work is not None:
            work.pending = self._allocated(work.newest)
            self._wake[uid].set()

    def tick(self) -> None:
        """Sync the pods whose time has come. The kubelet's loop calls it once a second, so nothing is retried sooner.

        Mirrors kubelet: pkg/kubelet/kubelet.go, syncLoopIteration (syncCh) and getPodsToSync.
        """
        now_ns = self._kernel.now_ns
        for uid in [uid for uid, due_ns in self._due_ns.items() if due_ns <= now_ns]:
            del self._due_ns[uid]
            self.wake(uid)

    def pass_tick(self, *, relisted_ns: int) -> bool:
        """What `tick` and the workers do, if all syncs that are due are in vain; else nothing, and the answer is False.

        The PLEG has relisted at `relisted_ns`, though the cache may not know of it yet.
        """
        now_ns = self._kernel.now_ns
        syncs: list[tuple[str, PodWork, VainSync]] = []
        for uid, due_ns in self._due_ns.items():
            if due_ns <= now_ns:
                work = self._work[uid]
                vain = self._syncer.in_vain(work)
                if vain is None or not (relisted_ns > work.synced_ns or self._cache.is_newer_than(uid, work.synced_ns)):
                    return False
                syncs.append((uid, work, vain))
        if not self._recorder.has_room(sum([len(vain.events) for _, _, vain in syncs])):
            return False
        for uid, work, vain in syncs:
            for said in vain.events:
                self._recorder.say_again(said)
            vain.activity = self._kernel.activity
            work.in_vain, work.synced_ns = vain, now_ns
            del self._due_ns[uid]
            self._due_ns[uid] = now_ns + self._delay_ns(
                now_ns, has_failed=bool(vain.error), retry_at_ns=vain.retry_at_ns
            )
        return True

    @property
    def next_due_ns(self) -> int:
        """When the next pod is to be synced though nothing happens."""
        return min(self._due_ns.values(), default=sys.maxsize)

    def could_have_running_containers(self, uid: str) -> bool:
        """Whether containers of the pod may still run. Mirrors CouldHaveRunningContainers."""
        work = self._work.get(uid)
        return work is not None and work.terminated_at_ns is None

    def has_ended(self, uid: str) -> bool:
        """Whether nothing of a pod runs any more."""
        work = self._work.get(uid)
        return work is None or work.terminated_at_ns is not None

    def is_termination_requested(self, uid: str) -> bool:
        """Whether the pod is being ended or has ended."""
        work = self._work.get(uid)
        return work is not None and work.terminating_at_ns is not None

    def stop(self) -> None:
        """The kubelet process ends: workers stop where they are. Containers stay as they are."""
        for uid in list(self._tasks):
            self._tasks[uid].cancel()
            self.drop(uid)

    def drop(self, uid: str) -> None:
        """Forget the worker of a pod that is gone."""
        self._work.pop(uid, None)
        self._wake.pop(uid, None)
        self._due_ns.pop(uid, None)
        self._turns.release(uid)
        task = self._tasks.pop(uid, None)
        if task is not None:
            task.cancel()

    async def wait_finished(self, uid: str) -> None:
        """Return once the pod's worker has nothing left to do."""
        task = self._tasks.get(uid)
        if task is not None and not task.is_done:
            await task.join()

    def is_static_pod_terminating(self, name: str) -> bool:
        """Whether a static pod with that full name is being ended. Mirrors IsPodForMirrorPodTerminatingByFullName."""
        work = self._work.get(self._turns.started(name) or "")
        return work is not None and work.terminating_at_ns is not None and work.terminated_at_ns is None

    def _is_over(self, uid: str) -> bool:
        work = self._work.get(uid)
        return work is None or work.terminating_at_ns is not None

    def _end_unstarted(self, work: PodWork) -> None:
        """A static pod that is to end before it could start. Mirrors cleanupUnstartedPod."""
        work.terminated_at_ns = self._kernel.now_ns
        work.is_finished = True
        work.containers_stopped.resolve(None)
        self._on_stopped(work.pod.metadata.uid)

    def _begin_termination(self, work: PodWork, *, override_seconds: int | None = None) -> None:
        if work.terminating_at_ns is None:
            work.terminating_at_ns = self._kernel.now_ns
            if work.is_interruptible:
                # UpdatePod cancels the context of the running sync, but only its wait for volumes looks at that: a pull
                # or a hook keeps the worker busy until it ends.
                work.cut_off = Cancelled("the pod is to be ended")
                self._tasks[work.newest.metadata.uid].cancel(work.cut_off)
        work.grace_seconds = effective_grace(
            previous_seconds=work.grace_seconds or 0,
            deletion_seconds=work.newest.metadata.deletion_grace_period_seconds,
            override_seconds=override_seconds,
            pod_seconds=work.newest.spec.termination_grace_period_seconds,
        ).seconds

    async def _run(self, uid: str) -> None:
        wake, work = self._wake[uid], self._work[uid]
        while not work.is_finished:
            await wake.wait()
            wake.clear()
            if not work.is_started and is_static(work.pod):
                if work.terminating_at_ns is not None:
                    self._end_unstarted(work)
                    return
                if not self._turns.may_start(work.pod):
                    self._due_ns[uid] = self._kernel.now_ns + self._jittered(RETRY_NS)
                    continue
                work.is_started = True
            step = work.take()
            entry = await self._cache.newer_than(uid, work.synced_ns)
            runtime = entry.pod
            if work.work_type is not step:
                step = work.take()
            scheduled = self._kernel.sequence
            try:
                if entry.error is not None:
                    work.in_vain = None
                    self._syncer.status_unknown(work.pod, entry.error)
                    raise SyncError(str(entry.error)) from entry.error
                moved = await self._step(step, work, runtime)
                delay_ns = 0 if moved else self._delay_ns(self._kernel.now_ns, has_failed=False)
            except SyncError as error:
                moved = False
                delay_ns = self._delay_ns(
                    self._kernel.now_ns,
                    has_failed=True,
                    retry_at_ns=error.retry_at_ns,
                    is_network_not_ready=error.is_network_not_ready,
                )
            if moved:
                # The next state begins as soon as the cache has seen what this one did, without a tick. It has the same
                # pod, unless another one is waiting already.
                wake.set()
            else:
                work.rest()
            work.synced_ns = self._kernel.now_ns
            if not work.is_finished:
                self._due_ns[uid] = work.synced_ns + delay_ns
            self._look_back(work, wake, scheduled)

    def _look_back(self, work: PodWork, wake: Event, scheduled: int) -> None:
        """A sync that had nothing to do, and scheduled nothing but the write of a status, is nothing that happened.

        When the next one is due, the loop's tick asks.
        """
        if work.in_vain is None:
            return
        if self._kernel.sequence == scheduled + work.in_vain.writes:
            if not wake.is_set:
                self._kernel.discount(1)
            # Else the worker goes on, and waits for the next look of the PLEG: that is something that happens.
            work.in_vain.activity = self._kernel.activity
        else:
            work.in_vain = None

    async def _step(self, step: WorkType, work: PodWork, runtime: RuntimePod) -> bool:
        """Do one step; True when the worker moved on to the next state."""
        match step:
            case WorkType.SYNC:
                work.is_started = True
                try:
                    is_over = await self._syncer.sync_pod(work, runtime)
                except Cancelled as cancelled:
                    if cancelled is not work.cut_off:
                        raise
                    return True
                if work.is_wanted_again:
                    work.is_wanted_again = False
                    # The same pod once more, even when a newer copy waits, such as one that is to be deleted.
                    work.pending = work.pod
                    self._wake[work.pod.metadata.uid].set()
                if is_over:
                    self._begin_termination(work)
                return work.work_type is not WorkType.SYNC
            case WorkType.TERMINATING:
                work.in_vain = None
                await self._syncer.sync_terminating_pod(work, runtime)
                work.terminated_at_ns = self._kernel.now_ns
                self._on_stopped(work.pod.metadata.uid)
                work.containers_stopped.resolve(None)
                return True
            case WorkType.TERMINATED:
                work.in_vain = None
                await self._syncer.sync_terminated_pod(work.pod, runtime)
                work.is_finished = True
                self._turns.release(work.pod.metadata.uid)
                return False

    def _delay_ns(
        self, now_ns: int, *, has_failed: bool, retry_at_ns: int | None = None, is_network_not_ready: bool = False
    ) -> int:
        """Until the next sync of a pod, after one that ended like that."""
        if not has_failed:
            return self._jittered(self._resync_ns)
        delay_ns = retry_delay_ns(
            now_ns=now_ns, retry_at_ns=retry_at_ns, is_network_not_ready=is_network_not_ready, resync_ns=self._resync_ns
        )
        return max(self._jittered(delay_ns), 1)

    def _jittered(self, duration_ns: int) -> int:
        return self._prng.jittered(duration_ns, JITTER_FACTOR)
