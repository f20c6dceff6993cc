"""The kubelet: one process, from its start to its end, over one runtime and one API server.

Mirrors kubelet: cmd/kubelet/app/server.go (run) and pkg/kubelet/kubelet.go (NewMainKubelet, Run).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.cri.protocol import Cri
from kubesim.kernel import Kernel, Task, sleep
from kubesim.kubelet.admission import NodeSituation, admission_refusal
from kubesim.kubelet.cgroup_discovery import discover_cgroup_driver
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.eviction_manager import EvictionManager
from kubesim.kubelet.eviction_setup import eviction_manager
from kubesim.kubelet.image_gc import ImageGarbageCollector
from kubesim.kubelet.image_pull_records import ImagePullRecords
from kubesim.kubelet.instrumented_cri import InstrumentedCri
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.kubelet_start import check_node_allocatable, checked_configuration, pull_records
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.node_configuration import (
    configured,
    event_rate,
    image_policy,
    node_settings,
    node_status_settings,
    pull_limits,
)
from kubesim.kubelet.node_description import NodeDescription
from kubesim.kubelet.node_shutdown import NodeShutdownManager
from kubesim.kubelet.node_shutdown_setup import shutdown_manager
from kubesim.kubelet.node_shutdown_timeline import ShutdownEntry
from kubesim.kubelet.node_status import NodeStatusUpdater
from kubesim.kubelet.node_status_settings import NodeReports
from kubesim.kubelet.outside import ApiClient
from kubesim.kubelet.pod_admission import PodAdmission
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.pod_engine import PodEngine
from kubesim.kubelet.pod_gauges import PodGauges
from kubesim.kubelet.pod_sources import PodSources
from kubesim.kubelet.preemption import Preemption
from kubesim.kubelet.runtime_state import RuntimeState
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.kubelet.static_pod_decode import StaticPodDecoder
from kubesim.kubelet.user_namespaces import pod_user_namespaces
from kubesim.model import k8s_v1 as v1
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import KubeletConfiguration, effective
from kubesim.policy.admission import Rejection
from kubesim.policy.crash_loop_backoff import crash_loop_policy
from kubesim.policy.feature_gates import gate_enabled, resolve_gates
from kubesim.policy.node_conditions import storage_error
from kubesim.policy.sysctl_admission import sysctl_allowlist

REGISTRATION_POLL_NS = 10_000_000


class Kubelet:
    """One kubelet process. `start` brings it up, `stop` ends it; containers live on without it."""

    def __init__(
        self,
        kernel: Kernel,
        cri: Cri,
        *,
        api: ApiClient,
        host: KubeletHost,
        version: str,
        config: KubeletConfiguration,
        fixes: frozenset[str] = frozenset(),
    ) -> None:
        self.version = version
        self.gates: Mapping[str, bool] = resolve_gates(version, config.feature_gates)
        self.metrics = Metrics(self.gates)
        self.klog = Klog(kernel)
        self._kernel = kernel
        self._client = CriClient(InstrumentedCri(cri, kernel, self.metrics))
        self._api = api
        self._host = host
        self._config = config
        self._fixes = fixes
        self._cgroup_driver = config.cgroup_driver
        self._recorder = EventRecorder(kernel, api, node_name=host.name, rate=event_rate(config))
        self._directories = PodDirectories(
            root=host.root_directory, pod_logs=config.pod_logs_dir, is_windows=host.os == "windows"
        )
        self._sysctls = sysctl_allowlist(
            minor=self._description().minor, unsafe=config.allowed_unsafe_sysctls, is_linux=host.os == "linux"
        )
        self._tasks: list[Task[Any]] = []
        self._engine: PodEngine | None = None
        self._sources: PodSources | None = None
        self._evictions: EvictionManager | None = None
        self._shutdown: NodeShutdownManager | None = None
        self._status: NodeStatusUpdater | None = None

    # -- life -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bring the kubelet up: until it is, no pod is taken. Raises KubeletStartError."""
        self._config = checked_configuration(
            self._config,
            self._host,
            self._description(),
            version=self.version,
            gates=self.gates,
            klog=self.klog,
        )
        try:
            version = await self._client.version(api.VersionRequest(version=""))
        except CriError as error:
            raise KubeletStartError(
                f"failed to run Kubelet: validate service connection: validate CRI v1 runtime API: {error.go_text}"
            ) from error
        decision = await discover_cgroup_driver(
            self._client,
            configured=self._config.cgroup_driver,
            gates=self.gates,
            metrics=self.metrics,
            klog=self.klog,
        )
        self._cgroup_driver = decision.driver
        check_node_allocatable(self._description(), klog=self.klog)
        self._host.files.make_dirs(self._host.root_directory)
        records = None
        if gate_enabled(self.gates, "KubeletEnsureSecretPulledImages"):
            records = await pull_records(self._kernel, self._client, self._host, self._config, klog=self.klog)
        self._compose(version.runtime_name, records)
        while self._config.register_node and self._api.get_node() is None:
            # Nobody places a pod on a node that the API does not know yet.
            await sleep(REGISTRATION_POLL_NS)

    def _compose(self, runtime_name: str, records: ImagePullRecords | None) -> None:
        state = RuntimeState(self._kernel, self._client, klog=self.klog, on_ready=self._runtime_ready)
        user_namespaces = pod_user_namespaces(
            self._kernel,
            self._host.files,
            self._directories,
            self._config,
            handlers=lambda: state.handlers,
            gates=self.gates,
            os=self._host.os,
        )
        engine = self._engine = PodEngine(
            self._kernel,
            self._client,
            self._api,
            self._recorder,
            self._host.files,
            node_settings(
                self._config,
                self._host,
                self._description(),
                cgroup_driver=self._cgroup_driver,
                gates=self.gates,
                fixes=self._fixes,
            ),
            self._directories,
            self.metrics,
            user_namespaces,
            network=self._host.network,
            klog=self.klog,
            runtime_name=runtime_name,
            pull_limits=pull_limits(self._config),
            pull_records=records,
            backoff_policy=crash_loop_policy(self.gates, max_restart_period_ns=self._max_restart_period_ns()),
            answers=self._answers(state),
            host_cgroups=self._host.pod_cgroups,
        )
        PodGauges(self.metrics, engine)
        sources = self._sources = PodSources(self._kernel, engine, self._pod_admission(engine))
        self._shutdown = shutdown_manager(
            self._kernel,
            engine,
            self._host,
            self._config,
            gates=self.gates,
            sync_node_status=lambda: self._status.sync_now() if self._status is not None else None,
            recorder=self._recorder,
            metrics=self.metrics,
            klog=self.klog,
        )
        self._start_status(state, engine)
        for loop, name in engine.loops():
            self._spawn(loop, name)
        self._start_sources(sources)
        self._start_image_gc(engine, records)

    def _start_status(self, state: RuntimeState, engine: PodEngine) -> None:
        self._status = NodeStatusUpdater(
            self._kernel,
            self._client,
            self._api,
            description=self._description(),
            settings=node_status_settings(
                self._config,
                os=self._host.os,
                cgroup_version=self._host.cgroup_version,
                minor=self._description().minor,
                gates=self.gates,
            ),
            gates=self.gates,
            runtime=state,
            reports=NodeReports(
                note_pleg_check=engine.pleg.note_check,
                pleg_checked_again=engine.pleg.checked_again,
                pleg_error=engine.pleg.healthy,
                pleg_well_until_ns=engine.pleg.well_until_ns,
                evented_pleg_error=engine.loop.evented_pleg_error,
                is_shutting_down=lambda: self._shutdown is not None and self._shutdown.is_shutting_down,
                pressures=self._pressures,
                storage_error=lambda: storage_error(is_registered=self._api.get_node() is not None),
            ),
            recorder=self._recorder,
            klog=self.klog,
        )
        self._status.start()

    def _start_sources(self, sources: PodSources) -> None:
        decoder = StaticPodDecoder(node_name=self._host.name, strategy=self._host.strategy, gates=self.gates)
        sources.start(self._host, self._config, decoder, klog=self.klog, spawn=self._spawn)

    def _answers(self, state: RuntimeState) -> NodeAnswers:
        return NodeAnswers(
            supports_rro=state.supports_rro,
            runtime_errors=lambda: self._status.runtime_errors() if self._status is not None else [],
            well_until_ns=lambda: self._status.well_until_ns() if self._status is not None else 0,
            network_error=lambda: self._status.network_error() if self._status is not None else "",
            allocatable=lambda: (self._api.get_node() or self._unregistered_node()).status.allocatable,
            admission_refusal=lambda pod: admission_refusal(
                pod, self._situation(self._running_engine(), without=pod.metadata.uid)
            ),
            room_for_resize=self._room_for_resize,
        )

    async def _room_for_resize(self, pod: v1.Pod, settle: Callable[[Rejection | None], object]) -> None:
        await self.sources.admission.room_for_resize(pod, settle)

    def _pod_admission(self, engine: PodEngine) -> PodAdmission:
        preemption = Preemption(
            engine.workers.kill_and_wait,
            recorder=self._recorder,
            metrics=self.metrics,
            klog=self.klog,
            gates=self.gates,
        )
        return PodAdmission(
            engine, preemption, self.metrics, situation=lambda: self._situation(engine), spawn=self._spawn
        )

    def _start_image_gc(self, engine: PodEngine, records: ImagePullRecords | None) -> None:
        """On a machine of its own: a guest on somebody's runtime leaves the images alone."""
        if self._host.disk is None:
            return
        collector = ImageGarbageCollector(
            self._kernel,
            self._client,
            self._recorder,
            self._host.disk,
            node_name=self._host.name,
            policy=image_policy(self._config),
            pull_records=records,
            gates=self.gates,
            metrics=self.metrics,
            klog=self.klog,
            is_measured=self._host.os != "linux",
        )
        self._spawn(collector.run(), "image gc")
        self._spawn(collector.run_detection(), "detect images")
        self._evictions = eviction_manager(
            self._kernel,
            self._client,
            engine,
            collector,
            self._host,
            self._config,
            description=self._description(),
            directories=self._directories,
            gates=self.gates,
            recorder=self._recorder,
            metrics=self.metrics,
            klog=self.klog,
            # A kubelet that registers no node counts as one without an API server, which makes its node up.
            has_node=lambda: not self._config.register_node or self._api.get_node() is not None,
        )

    async def _runtime_ready(self) -> None:
        """The runtime answered well for the first time: what depends on it starts now."""
        if self._status is not None:
            await self._status.start_container_manager()
        if self._evictions is not None:
            self._spawn(self._evictions.run(), "evictions")
        if self._shutdown is not None:
            await self._shutdown.start()

    def stop(self) -> None:
        """The process ends: nothing of it runs any more."""
        for task in self._tasks:
            task.cancel()
        if self._shutdown is not None:
            self._shutdown.stop()
        if self._status is not None:
            self._status.stop()
        if self._engine is not None:
            self._engine.stop()
        self._recorder.stop()

    # -- pods -------------------------------------------------------------------------------------------------

    @property
    def sources(self) -> PodSources:
        """Who is told of pods: by the API server, and of files by whoever writes them."""
        if self._sources is None:
            raise RuntimeError("the kubelet has not started")
        return self._sources

    def _situation(self, engine: PodEngine, *, without: str = "") -> NodeSituation:
        """The node as a pod meets it; `without` is the uid of one that is there and does not count."""
        return NodeSituation(
            node=self._api.get_node() or self._unregistered_node(),
            os=self._host.os,
            active_pods=engine.active.without(without) if without else engine.active,
            pressures=self._pressures(),
            is_shutting_down=self._shutdown is not None and self._shutdown.is_shutting_down,
            kubelet_version=self.version,
            gates=self.gates,
            sysctls=self._sysctls,
        )

    def _pressures(self) -> tuple[str, ...]:
        return self._evictions.pressures if self._evictions is not None else ()

    def _unregistered_node(self) -> v1.Node:
        """What a kubelet that registers no Node admits pods by: its own idea of the machine."""
        if self._status is None:
            raise RuntimeError("the kubelet has not started")
        return self._status.own_node()

    # -- what can be seen ---------------------------------------------------------------------------------------

    @property
    def cgroup_driver(self) -> str:
        """The effective cgroup driver."""
        return self._cgroup_driver

    @property
    def timeline(self) -> Sequence[ShutdownEntry]:
        """What a node shutdown did to which pod, and why."""
        return self._shutdown.timeline if self._shutdown is not None else ()

    def pods(self) -> list[v1.Pod]:
        """What /pods shows: the pods of this kubelet's configuration, static ones with their status."""
        engine = self._running_engine()
        return [engine.shown(pod) for pod in engine.pods.values()]

    def configz(self) -> dict[str, Any]:
        """The effective configuration, as /configz shows it under `kubeletconfig`."""
        return {**effective(self._config), "cgroupDriver": self._cgroup_driver}

    # -- parts --------------------------------------------------------------------------------------------------

    def _running_engine(self) -> PodEngine:
        if self._engine is None:
            raise RuntimeError("the kubelet has not started")
        return self._engine

    def _description(self) -> NodeDescription:
        description = NodeDescription(
            name=self._host.name,
            os=self._host.os,
            kubelet_version=self.version,
            hostname=self._host.name,
            internal_ips=(self._host.ip,),
            labels=self._host.labels,
            capacity=self._host.capacity,
        )
        return configured(description, self._config)

    def _max_restart_period_ns(self) -> int | None:
        period = self._config.crash_loop_back_off.max_container_restart_period
        return None if period is None else parse_duration(period)

    def _spawn(self, coroutine: Any, name: str) -> None:
        self._tasks.append(self._kernel.spawn(coroutine, name=name))
