"""All probe workers of a kubelet, and what their results change.

Mirrors kubelet: pkg/kubelet/prober/prober_manager.go, and pkg/kubelet/kubelet.go (syncLoopIteration, the three probe
updates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kubesim.kernel import Kernel, Task
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.pod_views import pod_view
from kubesim.kubelet.probe_results import ProbeResults
from kubesim.kubelet.probe_worker import SECOND_NS, ProbeWorker
from kubesim.kubelet.prober import Prober
from kubesim.kubelet.status_manager import StatusManager
from kubesim.model import k8s_v1 as v1
from kubesim.policy.container_readiness import KubeletStart
from kubesim.policy.pod_view import ContainerSpecView, PodView, ProbeResult, ProbeState, RuntimePod
from kubesim.policy.probe_worker import ProbeKind, WorkerSpec, WorkerSurroundings, first_delay_ns

_WorkerKey = tuple[str, ProbeKind]


class ProbeManager:
    """Makes and ends the workers of pods. `sync_pod(uid)` is called when a result asks for a sync."""

    def __init__(
        self,
        kernel: Kernel,
        prober: Prober,
        statuses: StatusManager,
        metrics: Metrics,
        *,
        gates: Mapping[str, bool],
        sync_pod: Callable[[str], object],
    ) -> None:
        self._kernel = kernel
        self._prober = prober
        self._statuses = statuses
        self._metrics = metrics
        self._gates = gates
        self._sync_pod = sync_pod
        self._started_at_ns = kernel.now_ns
        self._start_of_ready = KubeletStart(started_at_ns=kernel.now_ns, was_pod_ready=True)
        self._start_of_unready = KubeletStart(started_at_ns=kernel.now_ns)
        self._prng = kernel.random.fork("probes")
        self._results = {
            ProbeKind.STARTUP: ProbeResults(kernel, self._startup_changed),
            ProbeKind.READINESS: ProbeResults(kernel, self._readiness_changed),
            ProbeKind.LIVENESS: ProbeResults(kernel, self._liveness_changed),
        }
        self._workers: dict[str, dict[_WorkerKey, ProbeWorker]] = {}
        self._tasks: dict[Task[None], None] = {}

    # -- pods -------------------------------------------------------------------------------------------------

    def add_pod(self, pod: v1.Pod) -> None:
        """Make the workers of a pod. It is called in every sync: a worker that is there already is the end of it."""
        uid = pod.metadata.uid
        view = None
        for container, kind, probe in _probes(pod):
            if (container.name, kind) in self._workers.get(uid, {}):
                return
            view = view or pod_view(pod)
            spec = next(one for one in (*view.containers, *view.init_containers) if one.name == container.name)
            self._add(pod, container, probe, _worker_spec(kind, view, spec, probe))

    def stop_liveness_and_startup(self, pod: v1.Pod) -> None:
        """The pod is being ended. Workers of sidecars go on, as do those of readiness."""
        workers = self._workers.get(pod.metadata.uid, {})
        for container in pod.spec.containers:
            for kind in (ProbeKind.LIVENESS, ProbeKind.STARTUP):
                worker = workers.get((container.name, kind))
                if worker is not None:
                    worker.stop()

    def remove_pod(self, uid: str) -> None:
        """The pod's containers are gone, or the pod is."""
        for worker in self._workers.get(uid, {}).values():
            worker.stop()

    def stop(self) -> None:
        """The kubelet's process ends."""
        for task in list(self._tasks):
            task.cancel()

    # -- what is known ----------------------------------------------------------------------------------------

    def states(self, uid: str, runtime: RuntimePod) -> Mapping[str, ProbeState]:
        """Workers and results by container, for the newest container of each name. Only probed containers are there."""
        workers = self._workers.get(uid)
        if not workers:
            return {}
        found = {}
        for name in dict.fromkeys(name for name, _ in workers):
            newest = runtime.newest(name)
            container_id = newest.id if newest is not None else ""
            found[name] = ProbeState(
                has_startup_worker=(name, ProbeKind.STARTUP) in workers,
                has_readiness_worker=(name, ProbeKind.READINESS) in workers,
                startup=self._results[ProbeKind.STARTUP].get(container_id),
                readiness=self._results[ProbeKind.READINESS].get(container_id),
                liveness=self._results[ProbeKind.LIVENESS].get(container_id),
            )
        return found

    def kubelet_start(self, pod: v1.Pod) -> KubeletStart:
        """What the readiness of containers that are older than this process depends on."""
        for one in pod.status.conditions:
            if one.type == "Ready" and one.status == "True":
                return self._start_of_ready
        return self._start_of_unready

    def trigger_readiness(self, uid: str, name: str) -> None:
        """A status was made in which the container is not ready: look again at once."""
        worker = self._workers.get(uid, {}).get((name, ProbeKind.READINESS))
        if worker is not None:
            worker.trigger()

    # -- workers ----------------------------------------------------------------------------------------------

    def _add(self, pod: v1.Pod, container: v1.Container, probe: v1.Probe, spec: WorkerSpec) -> None:
        uid, key = pod.metadata.uid, (container.name, spec.kind)
        worker = ProbeWorker(
            self._kernel,
            self._prober,
            self._results[spec.kind],
            self._metrics,
            pod,
            container,
            probe,
            spec,
            look=lambda: self._surroundings(uid),
            pod_ip=lambda: self._statuses.pod_ip(uid),
        )
        self._workers.setdefault(uid, {})[key] = worker
        delay_ns = first_delay_ns(
            probe.period_seconds * SECOND_NS,
            kubelet_age_ns=self._kernel.now_ns - self._started_at_ns,
            fraction=self._prng.fraction(),
        )
        name = f"{spec.kind} probe of {pod.metadata.namespace}/{pod.metadata.name}/{container.name}"
        task = self._kernel.spawn(worker.run(delay_ns), name=name)
        self._tasks[task] = None
        task.watch(lambda ended: self._ended(ended, uid, key))

    def _ended(self, task: Task[None], uid: str, key: _WorkerKey) -> None:
        self._tasks.pop(task, None)
        workers = self._workers.get(uid, {})
        workers.pop(key, None)
        if not workers:
            self._workers.pop(uid, None)

    def _surroundings(self, uid: str) -> WorkerSurroundings:
        return WorkerSurroundings(
            status=self._statuses.get(uid),
            now_ns=self._kernel.now_ns,
            kubelet_started_at_ns=self._started_at_ns,
            gates=self._gates,
        )

    # -- results ----------------------------------------------------------------------------------------------

    def _startup_changed(self, uid: str, container_id: str, result: ProbeResult) -> None:
        self._statuses.set_container_started(uid, container_id, started=result is ProbeResult.SUCCESS)
        self._sync_pod(uid)

    def _readiness_changed(self, uid: str, container_id: str, result: ProbeResult) -> None:
        self._statuses.set_container_ready(uid, container_id, ready=result is ProbeResult.SUCCESS)
        self._sync_pod(uid)

    def _liveness_changed(self, uid: str, _container_id: str, result: ProbeResult) -> None:
        if result is ProbeResult.FAILURE:
            self._sync_pod(uid)


def _probes(pod: v1.Pod) -> Iterator[tuple[v1.Container, ProbeKind, v1.Probe]]:
    """The probes of regular containers, then those of sidecars."""
    sidecars = [one for one in pod.spec.init_containers if one.restart_policy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        if container.startup_probe is container.readiness_probe is container.liveness_probe is None:
            continue
        for kind, probe in (
            (ProbeKind.STARTUP, container.startup_probe),
            (ProbeKind.READINESS, container.readiness_probe),
            (ProbeKind.LIVENESS, container.liveness_probe),
        ):
            if probe is not None:
                yield container, kind, probe


def _worker_spec(kind: ProbeKind, pod: PodView, container: ContainerSpecView, probe: v1.Probe) -> WorkerSpec:
    return WorkerSpec(
        kind=kind,
        pod=pod,
        container=container,
        initial_delay_seconds=probe.initial_delay_seconds,
        failure_threshold=probe.failure_threshold,
        success_threshold=probe.success_threshold,
    )
