"""A worker: probes one container of a pod again and again, with one of its probes.

Mirrors kubelet: pkg/kubelet/prober/worker.go, run and doProbe.
"""

from __future__ import annotations

from collections.abc import Callable

from kubesim.kernel import Event, Kernel, sleep, timeout
from kubesim.kubelet.metrics import PROBES, Metrics
from kubesim.kubelet.probe_results import ProbeResults
from kubesim.kubelet.prober import Prober
from kubesim.kubelet.work_metrics import PROBE_DURATION
from kubesim.model import k8s_v1 as v1
from kubesim.policy.pod_view import ProbeResult
from kubesim.policy.probe_worker import (
    Publication,
    WorkerSpec,
    WorkerState,
    WorkerSurroundings,
    after_probe,
    before_probe,
)

SECOND_NS = 1_000_000_000


class ProbeWorker:
    """One worker. `run` it as a task; `stop` lets it end after the tick that is under way."""

    __slots__ = (
        "_container", "_is_stopped", "_is_triggered", "_kernel", "_look", "_metrics", "_pod", "_pod_ip", "_probe",
        "_prober", "_results", "_spec", "_state", "_wake",
    )  # fmt: skip

    def __init__(
        self,
        kernel: Kernel,
        prober: Prober,
        results: ProbeResults,
        metrics: Metrics,
        pod: v1.Pod,
        container: v1.Container,
        probe: v1.Probe,
        spec: WorkerSpec,
        *,
        look: Callable[[], WorkerSurroundings],
        pod_ip: Callable[[], str],
    ) -> None:
        """`look` gives what a tick sees, `pod_ip` the first address of the pod's cached status."""
        self._kernel = kernel
        self._prober = prober
        self._results = results
        self._metrics = metrics
        self._pod = pod
        self._container = container
        self._probe = probe
        self._spec = spec
        self._look = look
        self._pod_ip = pod_ip
        self._state = WorkerState()
        self._wake = Event()
        self._is_stopped = False
        self._is_triggered = False

    def stop(self) -> None:
        """End soon."""
        self._is_stopped = True
        self._wake.set()

    def trigger(self) -> None:
        """Probe at once, and count the periods from there."""
        self._is_triggered = True
        self._wake.set()

    async def run(self, first_delay_ns: int) -> None:
        """Tick until the worker is stopped, or its container has ended for good."""
        period_ns = self._probe.period_seconds * SECOND_NS
        if first_delay_ns:
            await sleep(first_delay_ns)
        next_ns = self._kernel.now_ns + period_ns
        try:
            while await self._tick():
                if await self._is_woken_before(next_ns):
                    if self._is_stopped:
                        return
                    self._is_triggered = False
                    next_ns = self._kernel.now_ns + period_ns
                else:
                    # A ticker keeps one tick for who is late, and drops the others.
                    next_ns += period_ns * ((self._kernel.now_ns - next_ns) // period_ns + 1)
        finally:
            self._end()

    async def _is_woken_before(self, time_ns: int) -> bool:
        """Whether the worker was stopped or triggered before its next tick was due."""
        self._wake.clear()
        if self._is_stopped or self._is_triggered:
            return True
        left_ns = time_ns - self._kernel.now_ns
        if left_ns <= 0:
            return False
        try:
            async with timeout(left_ns):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _tick(self) -> bool:
        """One tick; False when it was the last."""
        step = before_probe(self._spec, self._state, self._look())
        self._state = step.state
        self._publish(step.published)
        if step.ends or not step.probes:
            return not step.ends
        began_ns = self._kernel.now_ns
        result = await self._prober.probe(
            self._pod,
            self._container,
            self._spec.kind,
            self._probe,
            container_id=self._state.container_id,
            pod_ip=self._pod_ip(),
        )
        if result is not None:
            self._metrics.increase(PROBES, **self._labels(result))
            if result is ProbeResult.SUCCESS:
                seconds = (self._kernel.now_ns - began_ns) / SECOND_NS
                self._metrics.observe(PROBE_DURATION, seconds, **self._duration_labels())
            step = after_probe(self._spec, self._state, result)
            self._state = step.state
            self._publish(step.published)
        return True

    def _publish(self, published: tuple[Publication, ...]) -> None:
        for one in published:
            if one.result is None:
                self._results.remove(one.container_id)
            else:
                self._results.put(self._pod.metadata.uid, one.container_id, one.result)

    def _end(self) -> None:
        if self._state.container_id:
            self._results.remove(self._state.container_id)
        for result in (ProbeResult.SUCCESS, ProbeResult.FAILURE):
            self._metrics.remove(PROBES, **self._labels(result))
        self._metrics.remove(PROBE_DURATION, **self._duration_labels())

    def _labels(self, result: ProbeResult) -> dict[str, str]:
        outcome = "successful" if result is ProbeResult.SUCCESS else "failed"
        return {**self._duration_labels(), "result": outcome, "pod_uid": self._pod.metadata.uid}

    def _duration_labels(self) -> dict[str, str]:
        meta = self._pod.metadata
        return {
            "probe_type": self._spec.kind,
            "container": self._container.name,
            "pod": meta.name,
            "namespace": meta.namespace,
        }
