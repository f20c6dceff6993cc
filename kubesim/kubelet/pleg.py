"""The pod lifecycle event generator: relists the runtime and says which pods changed.

Mirrors kubelet: pkg/kubelet/pleg/generic.go (workerLoopIteration, Relist, relistPod, computeEvents, updateCache). With
the gate PLEGOnDemandRelist a pod worker that changed something asks for a relist of its pod at once
(pkg/kubelet/kubelet.go, SyncPod); that does not move the beat of the relists of all pods.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from kubesim.cri.errors import CriError
from kubesim.kernel import Event, Kernel, sleep, timeout
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import ListedPod, RuntimePods
from kubesim.model.duration import format_duration
from kubesim.policy.pod_view import RuntimePod, RuntimeState

RELIST_PERIOD_NS = 1_000_000_000
RELIST_UNHEALTHY_NS = 180_000_000_000
ON_DEMAND_DELAY_NS = 1_000_000


class PlegEventKind(StrEnum):
    """What happened to a container or sandbox."""

    STARTED = "ContainerStarted"
    DIED = "ContainerDied"
    REMOVED = "ContainerRemoved"
    CHANGED = "ContainerChanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlegEvent:
    """One change of one container or sandbox of a pod."""

    uid: str
    kind: PlegEventKind
    container_id: str


_NON_EXISTENT = "non-existent"


def pleg_state(state: RuntimeState) -> str:
    """A container's state as the PLEG compares it; one that was only created is not known yet."""
    return {RuntimeState.RUNNING: "running", RuntimeState.EXITED: "exited"}.get(state, "unknown")


def lifecycle_event(uid: str, container_id: str, old: str, new: str) -> tuple[PlegEvent, ...]:
    """The events of one container between two relists. Mirrors generateEvents."""

    def event(kind: PlegEventKind) -> PlegEvent:
        return PlegEvent(uid=uid, kind=kind, container_id=container_id)

    if old == new:
        return ()
    if new == "running":
        return (event(PlegEventKind.STARTED),)
    if new == "exited":
        return (event(PlegEventKind.DIED),)
    if new == "unknown":
        return (event(PlegEventKind.CHANGED),)
    if old == "exited":
        return (event(PlegEventKind.REMOVED),)
    return (event(PlegEventKind.DIED), event(PlegEventKind.REMOVED))


class Pleg:
    """Relists in a loop; `on_event` is called for every change once the cache shows it."""

    def __init__(
        self,
        kernel: Kernel,
        runtime_pods: RuntimePods,
        cache: PodCache,
        on_event: Callable[[PlegEvent], object],
        *,
        period_ns: int = RELIST_PERIOD_NS,
    ) -> None:
        self._kernel = kernel
        self._runtime_pods = runtime_pods
        self._cache = cache
        self._on_event = on_event
        self._period_ns = period_ns
        self._states: dict[str, dict[str, str]] = {}
        self._reinspect: set[str] = set()
        self._requests: deque[tuple[str, int]] = deque()
        self._wanted = Event()
        self.last_relist_ns: int | None = None

    def request_relist(self, uid: str) -> None:
        """Look at one pod now instead of at the end of the period."""
        self._requests.append((uid, self._kernel.now_ns))
        self._wanted.set()

    def healthy(self) -> str:
        """Empty when healthy, else the text of the node's Ready condition."""
        if self.last_relist_ns is None:
            return "pleg has yet to be successful"
        age_ns = self._kernel.now_ns - self.last_relist_ns
        if age_ns > RELIST_UNHEALTHY_NS:
            threshold = format_duration(RELIST_UNHEALTHY_NS)
            return f"pleg was last seen active {format_duration(age_ns)} ago; threshold is {threshold}"
        return ""

    @property
    def uids(self) -> tuple[str, ...]:
        """The pods that the runtime showed in the last relist."""
        return tuple(self._states)

    async def run(self) -> None:
        """Relist for ever."""
        while True:
            await self.relist()
            await self._serve_requests(self._kernel.now_ns + self._period_ns)

    async def _serve_requests(self, until_ns: int) -> None:
        while (left_ns := until_ns - self._kernel.now_ns) > 0:
            if not self._requests:
                self._wanted.clear()
                try:
                    async with timeout(left_ns):
                        await self._wanted.wait()
                except TimeoutError:
                    return
            uid, asked_ns = self._requests.popleft()
            if self.last_relist_ns is None or asked_ns >= self.last_relist_ns:
                # The request has a way to go. A relist of the very instant would not be newer than the sync that asked.
                await sleep(ON_DEMAND_DELAY_NS)
                await self.relist_pod(uid)

    async def relist(self) -> None:
        """One pass: list, compare, refresh the cache of what changed, and tell."""
        start_ns = self._kernel.now_ns
        try:
            pods = await self._runtime_pods.list_all()
        except CriError:
            # The runtime is down: nothing is known to have changed, and the health check will say so in time.
            return
        self.last_relist_ns = start_ns
        events = self._compare(pods, [*pods, *(uid for uid in self._states if uid not in pods)])
        uids = [*events, *sorted(self._reinspect - events.keys())]
        self._reinspect = {uid for uid in uids if not await self._refresh(uid, pods.get(uid), start_ns)}
        self._cache.relisted(start_ns)
        for uid, changes in events.items():
            self._tell(uid, changes)

    async def relist_pod(self, uid: str) -> None:
        """The same for one pod."""
        start_ns = self._kernel.now_ns
        try:
            pod = await self._runtime_pods.list_pod(uid)
        except CriError:
            # The next relist of all pods tries again.
            return
        events = self._compare({uid: pod} if pod is not None else {}, [uid])
        if events or uid in self._reinspect:
            self._reinspect.discard(uid)
            if not await self._refresh(uid, pod, start_ns):
                self._reinspect.add(uid)
        self._cache.observed(uid, start_ns)
        self._tell(uid, events.get(uid, []))

    def _tell(self, uid: str, changes: Iterable[PlegEvent]) -> None:
        if uid in self._reinspect:
            return
        for change in changes:
            # A removal needs no sync: the kubelet removed it itself.
            if change.kind is not PlegEventKind.REMOVED:
                self._on_event(change)

    def _compare(self, pods: Mapping[str, ListedPod], uids: Iterable[str]) -> dict[str, list[PlegEvent]]:
        events: dict[str, list[PlegEvent]] = {}
        for uid in uids:
            old = self._states.get(uid, {})
            new = _states(pods[uid]) if uid in pods else {}
            changes = [
                event
                for one in [*new, *(gone for gone in old if gone not in new)]
                for event in lifecycle_event(uid, one, old.get(one, _NON_EXISTENT), new.get(one, _NON_EXISTENT))
            ]
            if changes:
                events[uid] = changes
            if new:
                self._states[uid] = new
            else:
                self._states.pop(uid, None)
        return events

    async def _refresh(self, uid: str, pod: ListedPod | None, start_ns: int) -> bool:
        if pod is None:
            self._cache.delete(uid)
            return True
        try:
            status = await self._runtime_pods.inspect(pod)
        except CriError as error:
            self._cache.set(uid, self._cache.get(uid), modified_ns=start_ns, error=error)
            return False
        self._cache.set(uid, keep_ips(self._cache.get(uid), status), modified_ns=start_ns)
        return True


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
