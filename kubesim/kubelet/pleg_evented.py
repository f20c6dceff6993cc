"""The PLEG that listens: the runtime says by itself what happens, and relists are rare.

The first listener of five that the runtime does not serve, or cuts off, is the last: from then on the pods are listed
every second again, for the life of the process.

Mirrors kubelet: pkg/kubelet/pleg/evented.go, and staging/src/k8s.io/cri-client/pkg/remote_runtime.go
(GetContainerEvents: a stream that ends is an error too).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel, Task, sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import EVENTED_PLEG_CONNECTIONS, EVENTED_PLEG_ERRORS, Metrics
from kubesim.kubelet.pleg import RELIST_PERIOD_NS, RELIST_UNHEALTHY_NS, Pleg, keep_ips
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pleg_events import ContainerEventKind, PlegEvent, streamed_events

EVENTED_RELIST_PERIOD_NS = 300_000_000_000
EVENTED_RELIST_UNHEALTHY_NS = 600_000_000_000
STREAMS_MAX = 5
CACHE_STAMP_NS = 5_000_000_000


class EventedPleg:
    """Listens to one runtime for as long as that works; `generic` relists meanwhile, and takes over afterwards."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        runtime_pods: RuntimePods,
        cache: PodCache,
        generic: Pleg,
        on_event: Callable[[PlegEvent], object],
        *,
        klog: Klog,
        metrics: Metrics,
    ) -> None:
        self._kernel = kernel
        self._client = client
        self._runtime_pods = runtime_pods
        self._cache = cache
        self._generic = generic
        self._on_event = on_event
        self._klog = klog
        self._metrics = metrics
        self._stamps: Task[None] | None = None
        self.is_in_use = False

    async def run(self) -> None:
        """Listen until it is given up."""
        self.is_in_use = True
        self._stamps = self._kernel.spawn(self._stamp(), name="evented pleg stamps the cache")
        for _ in range(STREAMS_MAX):
            reason = await self._listen()
            self._metrics.increase(EVENTED_PLEG_ERRORS)
            await self._generic.relist()
            self._klog.info("Evented PLEG: Failed to get container events, retrying: ", verbosity=4, err=reason)
        self._klog.info("Fall back to Generic PLEG relisting since Evented PLEG is not working", verbosity=4)
        self.stop()
        self._generic.relist_every(period_ns=RELIST_PERIOD_NS, unhealthy_ns=RELIST_UNHEALTHY_NS)

    def stop(self) -> None:
        """Nobody listens any more."""
        self.is_in_use = False
        if self._stamps is not None:
            self._stamps.cancel()

    async def _stamp(self) -> None:
        """As long as events come, what is not told has not changed: the cache is as new as the last stamp."""
        while True:
            self._cache.relisted(self._kernel.now_ns)
            await sleep(CACHE_STAMP_NS)

    async def _listen(self) -> str:
        """Take events until the stream ends; why it did."""
        try:
            is_first = True
            async for event in self._client.get_container_events(api.GetEventsRequest()):
                if is_first:
                    self._metrics.increase(EVENTED_PLEG_CONNECTIONS)
                    is_first = False
                self._take(event)
        except CriError as error:
            return error.go_text
        return "EOF"

    def _take(self, event: api.ContainerEventResponse) -> None:
        if not event.HasField("pod_sandbox_status") or not event.pod_sandbox_status.HasField("metadata"):
            # The last event of a sandbox: nobody knows any more whose it was. A relist finds out.
            message = (
                "Evented PLEG: received ContainerEventResponse with nil PodSandboxStatus or PodSandboxStatus.Metadata"
            )
            self._klog.error(message, containerEventResponse=event.container_id)
            return
        uid = event.pod_sandbox_status.metadata.uid
        kind = ContainerEventKind(api.ContainerEventType.Name(event.container_event_type))
        if kind is ContainerEventKind.DELETED:
            if event.container_id == event.pod_sandbox_status.id:
                self._cache.delete(uid)
        else:
            status = keep_ips(self._cache.get(uid), self._runtime_pods.of_event(event))
            if not self._cache.set(uid, status, modified_ns=event.created_at):
                return
        for told in streamed_events(uid, kind, event.container_id):
            self._on_event(told)


def plegs(
    kernel: Kernel,
    client: CriClient,
    runtime_pods: RuntimePods,
    cache: PodCache,
    on_event: Callable[[PlegEvent], object],
    klog: Klog,
    metrics: Metrics,
    *,
    gates: Mapping[str, bool],
) -> tuple[Pleg, EventedPleg | None]:
    """The PLEG that relists and, with the gate EventedPLEG, the one that listens."""
    if not gate_enabled(gates, "EventedPLEG"):
        return Pleg(kernel, runtime_pods, cache, on_event, klog=klog, metrics=metrics), None
    generic = Pleg(
        kernel,
        runtime_pods,
        cache,
        on_event,
        klog=klog,
        metrics=metrics,
        period_ns=EVENTED_RELIST_PERIOD_NS,
        unhealthy_ns=EVENTED_RELIST_UNHEALTHY_NS,
    )
    return generic, EventedPleg(kernel, client, runtime_pods, cache, generic, on_event, klog=klog, metrics=metrics)
