"""The pod lifecycle event generator: relists the runtime and says which pods changed.

    list ──> compare with the record ──> inspect what changed ──> cache ──> tell
                       ^                        |
                       +── the record stays ────+ it failed: the next relist finds the same changes

Mirrors kubelet: pkg/kubelet/pleg/generic.go (workerLoopIteration, Relist, relistPod, reconcilePodRecord, updateCache).
With the gate PLEGOnDemandRelist a pod worker that changed something asks for a relist of its pod at once
(pkg/kubelet/kubelet.go, SyncPod); that does not move the beat of the relists of all pods.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum, auto

from kubesim.cri.errors import CriError
from kubesim.kernel import Beat, Idle, Kernel, Looks, sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.mutex import Mutex
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import ListedPod, Listing, RuntimePods
from kubesim.kubelet.work_metrics import PLEG_LAST_SEEN, PLEG_RELIST_DURATION, PLEG_RELIST_INTERVAL
from kubesim.model.duration import format_duration
from kubesim.model.frozen_records import replace
from kubesim.policy.pleg_events import PlegEvent, pleg_state, pod_changes, told_events
from kubesim.policy.pod_view import RuntimePod

SECOND_NS = 1_000_000_000
RELIST_PERIOD_NS = 1_000_000_000
RELIST_UNHEALTHY_NS = 180_000_000_000
ON_DEMAND_DELAY_NS = 1_000_000
REQUESTS_MAX = 200


class _Refresh(Enum):
    """How a look at one pod ended."""

    DONE = auto()
    FAILED = auto()
    OUTRUN = auto()
    """An event of the runtime was faster: what the cache has is newer than this look."""


class Pleg:
    """Relists in a loop; `on_event` is called for every change once the cache shows it."""

    def __init__(
        self,
        kernel: Kernel,
        runtime_pods: RuntimePods,
        cache: PodCache,
        on_event: Callable[[PlegEvent], object],
        *,
        klog: Klog,
        metrics: Metrics,
        period_ns: int = RELIST_PERIOD_NS,
        unhealthy_ns: int = RELIST_UNHEALTHY_NS,
    ) -> None:
        self._kernel = kernel
        self._runtime_pods = runtime_pods
        self._is_steady = runtime_pods.is_steady
        self._cache = cache
        self._on_event = on_event
        self._klog = klog
        self._metrics = metrics
        self._period_ns = period_ns
        self._unhealthy_ns = unhealthy_ns
        self._mutex = Mutex()
        self._records: dict[str, Mapping[str, str]] = {}
        """What was told of each pod: states by container or sandbox id."""
        self._relisted: Listing | None = None
        self._reinspect: set[str] = set()
        self._requests: deque[tuple[str, int]] = deque()
        self._beat = Beat(kernel, is_last=True)
        # Whoever waits for news of a pod waits for the next relist.
        self._idle = Idle(note=self._relist_again, until_ns=lambda: 0 if cache.is_awaited else sys.maxsize)
        self._is_in_vain = False
        """Whether the last relist found nothing."""
        self._is_calm = False
        """Whether the next one will find nothing, if nothing happens."""
        self._punctual_count = 0
        """Relists that came a period after the one before and took no time, since somebody read the metrics."""
        metrics.before_reading(self._count_punctual)
        self.last_relist_ns: int | None = None
        self._noted_ns = 0
        """The last one in vain. The beat goes on from there, whoever asked for another one meanwhile."""
        self._seen_ns: int | None = None
        """The last relist that a health check saw."""
        self._checked_ns = 0

    def request_relist(self, uid: str) -> None:
        """Look at one pod now instead of at the end of the period."""
        if len(self._requests) == REQUESTS_MAX:
            self._klog.error("Relist request channel full; dropping relist request", podUID=uid)
            return
        self._requests.append((uid, self._kernel.now_ns))
        self._beat.wake()

    def relist_every(self, *, period_ns: int, unhealthy_ns: int) -> None:
        """Another beat from now on; the relist that is due then comes at once."""
        self._count_punctual()
        self._period_ns, self._unhealthy_ns = period_ns, unhealthy_ns
        self._beat.wake()

    def request_reinspect(self, uid: str) -> None:
        """Ask the runtime about a pod in the next relist, even if no container changes its state; a sync follows."""
        self._reinspect.add(uid)

    def healthy(self) -> str:
        """Empty when healthy, else the text of the node's Ready condition."""
        if self.last_relist_ns is None:
            return "pleg has yet to be successful"
        age_ns = self._kernel.now_ns - self.last_relist_ns
        if age_ns > self._unhealthy_ns:
            threshold = format_duration(self._unhealthy_ns)
            return f"pleg was last seen active {format_duration(age_ns)} ago; threshold is {threshold}"
        return ""

    def note_check(self) -> None:
        """A check of the kubelet asks now whether it is `healthy`: which relist that saw is a metric."""
        self._seen_ns, self._checked_ns = self.last_relist_ns, self._kernel.now_ns

    def checked_again(self, looks: Looks) -> None:
        """Checks that found it as well as before, because nothing has happened since."""
        self._checked_ns = max(self._checked_ns, looks.series.last_ns)

    def well_until_ns(self) -> int:
        """When `healthy` says something else though nothing happens: the next relist may change that, or is in vain."""
        if self.last_relist_ns is None:
            return sys.maxsize
        until_ns, next_ns = self.last_relist_ns + self._unhealthy_ns + 1, self._beat.next_ns
        return until_ns if next_ns is None or next_ns >= until_ns else sys.maxsize

    def relisted_before_now_ns(self) -> int:
        """When the last relist before this instant was, those in vain that nobody was told of yet included."""
        if self.last_relist_ns is None:
            return -1
        before_ns, next_ns = self._kernel.now_ns - 1, self._beat.next_ns
        if next_ns is None or before_ns < next_ns or not self._beat.is_idle:
            return self.last_relist_ns
        return next_ns + (before_ns - next_ns) // self._period_ns * self._period_ns

    @property
    def uids(self) -> tuple[str, ...]:
        """The pods that the runtime showed in the last relist."""
        return tuple(self._records)

    async def run(self) -> None:
        """Relist for ever."""
        while True:
            await self.relist()
            await self._serve_requests(self._kernel.now_ns)

    async def _serve_requests(self, since_ns: int) -> None:
        """Until the next relist of all is due."""
        while (left_ns := since_ns + self._period_ns - self._kernel.now_ns) > 0:
            if not self._requests:
                is_calm = self._is_calm and self._kernel.now_ns == since_ns
                await self._beat.wait(
                    left_ns, self._idle if is_calm else None, found_nothing=is_calm and self._is_in_vain
                )
                since_ns = max(since_ns, self._noted_ns)
                continue
            uid, asked_ns = self._requests.popleft()
            if self.last_relist_ns is None or asked_ns >= self.last_relist_ns:
                # The request has a way to go. A relist of the very instant would not be newer than the sync that asked.
                await sleep(ON_DEMAND_DELAY_NS)
                await self.relist_pod(uid)

    async def relist(self) -> None:
        """One pass: list, compare, refresh the cache of what changed, and tell."""
        async with self._mutex:
            before_ns, start_ns = self.last_relist_ns, self._kernel.now_ns
            self._note_seen()
            await self._relist(start_ns)
            took_ns = self._kernel.now_ns - start_ns
            if before_ns is not None and start_ns - before_ns == self._period_ns and took_ns == 0:
                self._punctual_count += 1
                return
            if before_ns is not None:
                self._metrics.observe(PLEG_RELIST_INTERVAL, (start_ns - before_ns) / SECOND_NS)
            self._metrics.observe(PLEG_RELIST_DURATION, took_ns / SECOND_NS)

    async def _relist(self, start_ns: int) -> None:
        self._is_in_vain = self._is_calm = False
        try:
            listing = await self._runtime_pods.list_all()
        except CriError as error:
            # The runtime is down: nothing is known to have changed, and the health check will say so in time.
            self._klog.error("GenericPLEG: Unable to retrieve pods", err=error.go_text)
            return
        self.last_relist_ns = start_ns
        is_same, is_awaited = listing is self._relisted and not self._reinspect, self._cache.is_awaited
        if not is_same:
            pods = listing.pods()
            for uid in self._to_reconcile(listing, pods):
                await self._reconcile(uid, pods.get(uid), start_ns)
        self._cache.relisted(start_ns)
        if self._is_steady:
            self._is_calm = is_calm = not self._reinspect and not self._cache.is_awaited
            self._is_in_vain = is_calm and is_same and not is_awaited

    def _relist_again(self, looks: Looks) -> None:
        """Relists that find what the last one found, because nothing has happened since."""
        series = looks.series
        self._punctual_count += series.times
        self._runtime_pods.list_again(looks)
        self.last_relist_ns = self._noted_ns = series.last_ns
        self._cache.relisted(series.last_ns)

    def _count_punctual(self) -> None:
        """Most relists are punctual, and there may be a day of them before somebody reads."""
        self._note_seen()
        if self._punctual_count:
            self._metrics.observe(PLEG_RELIST_INTERVAL, self._period_ns / SECOND_NS, self._punctual_count)
            self._metrics.observe(PLEG_RELIST_DURATION, 0, self._punctual_count)
            self._punctual_count = 0
        if self._seen_ns is not None:
            self._metrics.put(PLEG_LAST_SEEN, self._seen_ns // SECOND_NS)

    def _note_seen(self) -> None:
        """Which relist the last check saw, if that was one in vain: those since the last note are a period apart."""
        if self.last_relist_ns is not None:
            # One at the instant of a check comes after it.
            unseen = max((self.last_relist_ns - self._checked_ns) // self._period_ns + 1, 0)
            if unseen <= self._punctual_count:
                self._seen_ns = max(self._seen_ns or 0, self.last_relist_ns - unseen * self._period_ns)

    def _to_reconcile(self, listing: Listing, pods: Mapping[str, ListedPod]) -> list[str]:
        """The pods to look at: all, unless the runtime answered as the last time."""
        if listing is self._relisted:
            return [uid for uid in pods if uid in self._reinspect]
        self._relisted = listing
        return [*pods, *(uid for uid in self._records if uid not in pods)]

    async def relist_pod(self, uid: str) -> None:
        """The same for one pod."""
        async with self._mutex:
            start_ns = self._kernel.now_ns
            try:
                pod = await self._runtime_pods.list_pod(uid)
            except CriError as error:
                # The next relist of all pods tries again.
                self._klog.error("GenericPLEG: Unable to retrieve pod", err=error.go_text, podUID=uid)
                return
            if pod is None:
                self._klog.error("GenericPLEG: Unable to retrieve pod", err="pod not found", podUID=uid)
                return
            await self._reconcile(uid, pod, start_ns)
            # What was seen here may be gone again before the next relist of all, which then has to look.
            self._relisted = None
            self._cache.observed(uid, start_ns)

    async def _reconcile(self, uid: str, pod: ListedPod | None, start_ns: int) -> None:
        """Tell what changed in one pod, if it can be inspected: if not, the record stays for the next relist."""
        states = _states(pod) if pod is not None else {}
        changes = pod_changes(uid, self._records.get(uid, {}), states)
        if not changes and uid not in self._reinspect:
            return
        self._reinspect.discard(uid)
        match await self._refresh(uid, pod, start_ns):
            case _Refresh.FAILED:
                self._reinspect.add(uid)
                return
            case _Refresh.OUTRUN:
                return
            case _Refresh.DONE:
                pass
        if states:
            self._records[uid] = states
        else:
            self._records.pop(uid, None)
        for event in told_events(uid, changes):
            self._on_event(event)

    async def _refresh(self, uid: str, pod: ListedPod | None, start_ns: int) -> _Refresh:
        """Let the cache show the pod as it is now."""
        if pod is None:
            self._cache.delete(uid)
            return _Refresh.DONE
        try:
            status = await self._runtime_pods.inspect(pod)
        except CriError as error:
            self._klog.error("PLEG: Write status", err=error.go_text, pod=f"{pod.namespace}/{pod.name}")
            self._cache.set(uid, self._cache.get(uid), modified_ns=start_ns, error=error)
            return _Refresh.FAILED
        is_set = self._cache.set(uid, keep_ips(self._cache.get(uid), status), modified_ns=start_ns)
        return _Refresh.DONE if is_set else _Refresh.OUTRUN


def _states(pod: ListedPod) -> dict[str, str]:
    states = {one.id: pleg_state(one.state) for one in pod.containers}
    states.update({one.id: "running" if one.is_ready else "exited" for one in pod.sandboxes})
    return states


def keep_ips(old: RuntimePod, new: RuntimePod) -> RuntimePod:
    """The pod's addresses stay known after its sandbox died, until another sandbox is ready.

    Mirrors kubelet: pkg/kubelet/pleg/generic.go, getPodIPs.
    """
    if not new.sandboxes or any(one.is_ready for one in new.sandboxes) or new.sandboxes[0].ips:
        return new
    before = next((one.ips for one in old.sandboxes if one.ips), None)
    if before is None:
        return new
    return replace(new, sandboxes=(replace(new.sandboxes[0], ips=before), *new.sandboxes[1:]))
