"""Graceful node shutdown: from the warning of the host to the moment the kubelet lets it go on.

    warning ─> Event, flag up (Ready False, no pod admitted) ─> state file ─> groups, lowest priority first ─> let go

The flag is in memory only: a kubelet that restarts in the middle of a shutdown forgets it
(kubernetes/kubernetes#122674). What the host warns with differs by platform: `node_shutdown_linux`,
`node_shutdown_windows`.

Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go, nodeshutdown_manager_linux.go (NewManager,
processShutdownEvent) and storage.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import NORMAL, EventRecorder, node_reference
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import SHUTDOWN_END, SHUTDOWN_START, Metrics
from kubesim.kubelet.node_shutdown_error import ShutdownUnavailable
from kubesim.kubelet.node_shutdown_groups import PodGroupKiller, ShutdownCollaborators
from kubesim.kubelet.node_shutdown_linux import LinuxShutdownWatch
from kubesim.kubelet.node_shutdown_timeline import ShutdownEntry, ShutdownStep, ShutdownTimeline
from kubesim.kubelet.node_shutdown_windows import WindowsShutdownWatch
from kubesim.kubelet.outside import HostFiles, Logind, ServiceControlManager
from kubesim.model.duration import format_duration
from kubesim.model.timestamps import format_rfc3339_nano, parse_rfc3339
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.shutdown_groups import Period, ShutdownConfig, shutdown_periods

SECOND_NS = 10**9

EVENT_REASON = "Shutdown"
STATE_FILE = "graceful_node_shutdown_state"
SHUTDOWN_ERROR = "node is shutting down"
"""The text in the node's Ready condition."""

_ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownHost:
    """The host around a kubelet: its files, and the one of the two services that its platform has."""

    files: HostFiles
    root_directory: str = "/var/lib/kubelet"
    logind: Logind | None = None
    service_control_manager: ServiceControlManager | None = None


class NodeShutdownManager:
    """Handles shutdowns of the node when the configuration asks for it; otherwise does nothing."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        config: ShutdownConfig,
        os: str,
        gates: Mapping[str, bool],
        node_name: str,
        host: ShutdownHost,
        around: ShutdownCollaborators,
        recorder: EventRecorder,
        metrics: Metrics,
        klog: Klog,
    ) -> None:
        self._kernel = kernel
        self._gates = gates
        self._node = node_reference(node_name)
        self._host = host
        self._around = around
        self._recorder = recorder
        self._metrics = metrics
        self._klog = klog
        self._timeline = ShutdownTimeline(kernel)
        self._killer = PodGroupKiller(kernel, around, klog=klog, timeline=self._timeline)
        self._is_shutting_down = False
        self._has_state_file = gate_enabled(gates, "GracefulNodeShutdownBasedOnPodPriority")
        self.periods: Sequence[Period] = shutdown_periods(config, os=os, gates=gates)
        self._watch = self._new_watch(os) if self.periods else None
        if self._watch is not None:
            self._log_creation(config)
        elif os == "windows":
            self._log_disabled()

    # -- what others ask ------------------------------------------------------------------------------------

    @property
    def is_enabled(self) -> bool:
        """Whether the configuration and the gates ask for graceful shutdowns."""
        return self._watch is not None

    @property
    def is_shutting_down(self) -> bool:
        """Whether pods are refused and the node is not ready. `policy.admission` words the refusal."""
        return self._is_shutting_down

    @property
    def error(self) -> str:
        """What the Ready condition says about it; "" when the node is not shutting down."""
        return SHUTDOWN_ERROR if self._is_shutting_down else ""

    @property
    def timeline(self) -> Sequence[ShutdownEntry]:
        """Who was killed when, and why."""
        return self._timeline.entries

    # -- life -----------------------------------------------------------------------------------------------

    async def start(self) -> bool:
        """Begin to watch the host; returns whether it does. A failure is only logged: the kubelet goes on without."""
        if self._watch is None:
            return False
        try:
            await self._watch.start()
        except ShutdownUnavailable as error:
            self._klog.error("Failed to start node shutdown manager", err=str(error))
            return False
        self._load_state()
        return True

    def stop(self) -> None:
        """The kubelet process ends: the lock is released and nothing is watched or killed any more."""
        if self._watch is not None:
            self._watch.stop()
        self._killer.stop()

    # -- a shutdown -----------------------------------------------------------------------------------------

    async def _shutdown(self, word: str) -> None:
        message = f"Shutdown manager detected {word} event"
        self._recorder.event(self._node, NORMAL, EVENT_REASON, message)
        self._timeline.add(ShutdownStep.DETECTED, self._node.name, reason=message)
        self._is_shutting_down = True
        self._around.sync_node_status()
        self._klog.info(f"Shutdown manager processing {word} event", verbosity=1)
        pods = self._around.active_pods()
        start_ns = self._kernel.now_ns
        self._store_state(start_ns, None)
        await self._killer.kill_all(pods, self.periods)
        self._store_state(start_ns, self._kernel.now_ns)
        self._timeline.add(ShutdownStep.COMPLETED, self._node.name, reason="every group is done or out of time")

    async def _linux_shutdown(self) -> None:
        await self._shutdown("shutdown")

    async def _windows_shutdown(self) -> None:
        await self._shutdown("preshutdown")

    def _cancelled(self) -> None:
        message = "Shutdown manager detected shutdown cancellation"
        self._recorder.event(self._node, NORMAL, EVENT_REASON, message)
        self._timeline.add(ShutdownStep.CANCELLED, self._node.name, reason=message)
        # Ready comes back with the next regular update: a cancellation triggers none.
        self._is_shutting_down = False

    # -- state file and metrics -----------------------------------------------------------------------------

    @property
    def _state_path(self) -> str:
        return f"{self._host.root_directory}/{STATE_FILE}"

    def _store_state(self, start_ns: int, end_ns: int | None) -> None:
        if not self._has_state_file:
            return
        end_time = _ZERO_TIME if end_ns is None else format_rfc3339_nano(end_ns)
        state = {"startTime": format_rfc3339_nano(start_ns), "endTime": end_time}
        self._host.files.write(self._state_path, json.dumps(state, separators=(",", ":")).encode())
        if end_ns is None:
            self._metrics.put(SHUTDOWN_START, start_ns // SECOND_NS)
        self._metrics.put(SHUTDOWN_END, 0 if end_ns is None else end_ns // SECOND_NS)

    def _load_state(self) -> None:
        content = self._host.files.read(self._state_path) if self._has_state_file else None
        if content is None:
            return
        try:
            state = json.loads(content)
            times = {metric: str(state.get(key, _ZERO_TIME)) for key, metric in _STATE_METRICS.items()}
            seconds = {metric: parse_rfc3339(text) // SECOND_NS for metric, text in times.items() if text != _ZERO_TIME}
        except (ValueError, AttributeError, InputError) as error:
            self._klog.error("Failed to load graceful shutdown state", err=str(error))
            return
        for metric, value in seconds.items():
            self._metrics.put(metric, value)

    # -- construction ---------------------------------------------------------------------------------------

    def _new_watch(self, os: str) -> LinuxShutdownWatch | WindowsShutdownWatch:
        requested_seconds = sum(seconds for _, seconds in self.periods)
        if os == "windows":
            if self._host.service_control_manager is None:
                raise InputError("graceful shutdown on Windows needs a service control manager", where="host")
            return WindowsShutdownWatch(
                self._kernel,
                self._host.service_control_manager,
                klog=self._klog,
                requested_seconds=requested_seconds,
                on_shutdown=self._windows_shutdown,
            )
        if self._host.logind is None:
            raise InputError("graceful shutdown on Linux needs a logind", where="host")
        return LinuxShutdownWatch(
            self._kernel,
            self._host.logind,
            klog=self._klog,
            requested_seconds=requested_seconds,
            on_shutdown=self._linux_shutdown,
            on_cancel=self._cancelled,
        )

    def _log_creation(self, config: ShutdownConfig) -> None:
        self._klog.info(
            "Creating node shutdown manager",
            shutdownGracePeriodRequested=format_duration(config.grace_period_ns),
            shutdownGracePeriodCriticalPods=format_duration(config.grace_period_critical_pods_ns),
            shutdownGracePeriodByPodPriority=[
                {"Priority": priority, "ShutdownGracePeriodSeconds": seconds} for priority, seconds in self.periods
            ],
        )

    def _log_disabled(self) -> None:
        is_on = gate_enabled(self._gates, "WindowsGracefulNodeShutdown")
        why = "no shutdown grace period is configured" if is_on else "the feature gate is not enabled"
        self._klog.info(f"Node shutdown manager is disabled as {why}")


_STATE_METRICS = {"startTime": SHUTDOWN_START, "endTime": SHUTDOWN_END}
