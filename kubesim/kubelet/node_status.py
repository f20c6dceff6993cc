"""The Node object as its kubelet keeps it up to date.

    start ─> Status ─> register (100 ms) ─> status every 10 s, written on change or every 5 minutes
                       fast loop: every 100 ms until the node is ready once, at most 120 s
                       Status every 5 s; ListImages every 30 s

Mirrors kubelet: pkg/kubelet/kubelet_node_status.go and pkg/kubelet/kubelet.go (Run, fastStatusUpdateOnce).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from kubesim.cri.client import CriClient
from kubesim.kernel import Beat, Idle, Kernel, Looks, Task, sleep
from kubesim.kubelet.event_recorder import NORMAL, WARNING, EventRecorder, node_reference
from kubesim.kubelet.image_list import ImageList
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.mutex import Mutex
from kubesim.kubelet.node_description import ATTACH_DETACH_ANNOTATION, NodeDescription, identified
from kubesim.kubelet.node_status_fields import (
    condition_value,
    declared_features,
    is_ready,
    merged_conditions,
    node_addresses,
    node_features,
    node_images,
    node_system_info,
    runtime_handlers,
    with_heartbeats,
    without_heartbeats,
)
from kubesim.kubelet.node_status_settings import NodeReports, NodeStatusSettings
from kubesim.kubelet.outside import ApiClient
from kubesim.kubelet.runtime_state import RuntimeState
from kubesim.kubelet.runtime_version import RuntimeVersion
from kubesim.model import k8s_v1 as v1
from kubesim.policy.node_conditions import (
    DOWN_AFTER_NS,
    NodeHealth,
    network_error,
    node_conditions,
    runtime_errors,
    transition_events,
)

RUNTIME_CHECK_NS = 5_000_000_000
REGISTER_NS = 100_000_000
FAST_UPDATE_NS = 100_000_000
READY_GRACE_NS = 120_000_000_000
JITTER = 0.04


class NodeStatusUpdater:
    """Registers the node and writes its status."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        api_client: ApiClient,
        *,
        description: NodeDescription,
        settings: NodeStatusSettings,
        gates: Mapping[str, bool],
        runtime: RuntimeState,
        reports: NodeReports,
        recorder: EventRecorder,
        klog: Klog,
    ) -> None:
        self._kernel = kernel
        self._api = api_client
        self._description = description
        self._settings = settings
        self._gates = gates
        self._runtime = runtime
        self._reports = reports
        self._recorder = recorder
        self._klog = klog
        self._reference = node_reference(description.name)
        self._prng = kernel.random.fork("node status")
        self._identity = identified(description, kernel.random)
        self._mutex = Mutex()
        self._check = Beat(kernel)
        self._tasks: list[Task[Any]] = []
        self._images = ImageList(kernel, client, klog=klog)
        self._is_registered = False
        self._was_unschedulable = False
        self._has_reported_reboot = False
        self._last_report_ns: int | None = None
        self._extra_delay_ns = 0
        self._version = RuntimeVersion(client, klog=klog)
        self._stored: v1.Node | None = None
        """The node whose status was found to be as it is now, and what the status was made of."""
        self._stored_sources: tuple[object, ...] = ()

    # -- what others ask ------------------------------------------------------------------------------------

    def runtime_errors(self) -> list[str]:
        """Why the kubelet syncs no pod at all now; [] when it does."""
        self._reports.note_pleg_check()
        return self._runtime_errors()

    def _runtime_errors(self) -> list[str]:
        """The same, though nobody checks the runtime's health."""
        reports = self._reports
        return runtime_errors(self._runtime.health(reports.pleg_error(), reports.evented_pleg_error()))

    def network_error(self) -> str:
        """Why pods with a network of their own are not synced now; "" when they are."""
        return network_error(has_status=self._runtime.has_status, network_ready=self._runtime.network_ready)

    def well_until_ns(self) -> int:
        """When the health of node and runtime is another one though nothing happens: a next check may change that."""
        pleg_ns, synced_ns = self._reports.pleg_well_until_ns(), self._runtime.last_sync_ns
        if synced_ns is None:
            return pleg_ns
        until_ns, next_ns = synced_ns + DOWN_AFTER_NS, self._check.next_ns
        return min(pleg_ns, until_ns) if next_ns is None or next_ns >= until_ns else pleg_ns

    def own_node(self) -> v1.Node:
        """The node as the kubelet sees it without an API object: labels, taints, capacity and allocatable."""
        capacity = dict(self._description.all_capacity)
        node = self._new_node()
        return replace(
            node, status=replace(node.status, capacity=capacity, allocatable=self._description.allocatable(capacity))
        )

    # -- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: the node's Event `Starting`, then the loops."""
        self._recorder.event(self._reference, NORMAL, "Starting", "Starting kubelet.")
        if self._settings.cgroup_warning:
            self._recorder.event(self._reference, WARNING, "CgroupV1", self._settings.cgroup_warning)
        self._spawn(self._images.run(), "list images")
        self._spawn(self._regular_updates(), "regular updates")
        self._spawn(self._fast_updates(), "fast updates")
        self._spawn(self._check_runtime(), "check runtime")

    async def start_container_manager(self) -> None:
        """The runtime has come up: say what the container manager does.

        It looks at the node, as does what cleans up behind drivers of devices. Each makes one up while none is
        registered, and the conditions of a new node are Events.
        """
        for _ in range(2 if self._settings.cleans_up_devices else 1):
            if self._api.get_node() is None:
                await self._initial_node()
        for text in self._settings.enforced_allocatable:
            self._recorder.event(self._reference, NORMAL, "NodeAllocatableEnforced", text)

    def stop(self) -> None:
        """The kubelet process ends."""
        for task in self._tasks:
            task.cancel()

    def sync_now(self) -> None:
        """Start an update of the status now; does not wait for it."""
        self._tasks = [task for task in self._tasks if not task.is_done]
        self._spawn(self.sync(), "sync now")

    async def sync(self) -> bool:
        """Register the node if that is due, then write its status if it changed or was not written for long.

        True when it is as it was, and the next one need not be written before `_report_due_ns` either.
        """
        async with self._mutex:
            if self._settings.is_registering and not self._is_registered:
                await self._register()
            return await self._update()

    # -- loops ----------------------------------------------------------------------------------------------

    async def _regular_updates(self) -> None:
        # The runtime is asked first: a restarted kubelet must not report a node not ready that is.
        await self._runtime.update()
        beat = Beat(self._kernel)
        next_update_ns = partial(self._prng.jittered, self._settings.update_frequency_ns, JITTER)
        idle = Idle(
            note=self._update_again,
            until_ns=lambda: min(self._report_due_ns, self.well_until_ns()),
            period_ns=next_update_ns,
            still_holds=self._still_holds,
        )
        while True:
            is_in_vain = await self.sync() and self._version.is_steady
            await beat.wait(next_update_ns(), idle if is_in_vain else None)

    def _update_again(self, looks: Looks) -> None:
        """Updates that find the status as it is stored, until one is due that is written whatever it says."""
        self._version.ask_again(looks)
        self._reports.pleg_checked_again(looks)

    def _still_holds(self) -> bool:
        """Whether an update would find the status made of the same, and stored."""
        return (
            self._api.get_node() is self._stored
            and (self._version.expected(), *self._sources()) == self._stored_sources
        )

    async def _check_runtime(self) -> None:
        beat, idle = self._check, Idle(note=self._runtime.update_again, still_holds=self._runtime.still_holds)
        while True:
            is_in_vain = await self._runtime.update() and self._runtime.is_steady
            await beat.wait(RUNTIME_CHECK_NS, idle if is_in_vain else None)

    async def _fast_updates(self) -> None:
        give_up_ns = self._kernel.now_ns + READY_GRACE_NS
        while not await self._fast_update():
            if self._kernel.now_ns >= give_up_ns:
                self._klog.error("Node not becoming ready in time after startup")
                return
            await sleep(FAST_UPDATE_NS)

    async def _fast_update(self) -> bool:
        """Whether the node is ready. Asks the runtime out of turn, and writes only the news that it is."""
        async with self._mutex:
            node = self._api.get_node()
            if node is None:
                return False
            if is_ready(node.status):
                return True
            await self._runtime.update()
            status = await self._new_status(node)
            if not is_ready(status):
                return False
            self._klog.info("Fast updating node status as it just became ready")
            self._write(status)
            return True

    # -- one update -----------------------------------------------------------------------------------------

    async def _register(self) -> None:
        await sleep(REGISTER_NS)
        name = self._description.name
        node = await self._initial_node()
        self._klog.info("Attempting to register node", node=name)
        if self._api.get_node() is None:
            self._api.register_node(node)
        else:
            self._klog.info("Node was previously registered", node=name)
        self._klog.info("Successfully registered node", node=name)
        self._is_registered = True

    async def _initial_node(self) -> v1.Node:
        node = self._new_node()
        return replace(node, status=await self._new_status(node))

    def _new_node(self) -> v1.Node:
        metadata = v1.ObjectMeta(name=self._description.name, labels=self._description.all_labels)
        if self._settings.is_attach_detach_by_controller:
            metadata = replace(metadata, annotations={ATTACH_DETACH_ANNOTATION: "true"})
        spec = v1.NodeSpec(taints=list(self._description.taints), provider_id=self._description.provider_id)
        return v1.Node(metadata=metadata, spec=spec)

    async def _update(self) -> bool:
        node = self._api.get_node()
        if node is None:
            name = self._description.name
            text = f'error getting node "{name}": node "{name}" not found'
            self._klog.error("Unable to update node status", err=text)
            return False
        version = await self._version.ask()
        self._reports.note_pleg_check()
        sources = (version, *self._sources())
        if node is self._stored and sources == self._stored_sources:
            if self._kernel.now_ns >= self._report_due_ns:
                # Of the same sources comes the same status, at another time.
                self._extra_delay_ns = 0
                self._write(with_heartbeats(node.status, now_ns=self._kernel.now_ns))
                self._stored = self._api.get_node()
            return True
        status = self._status_of(node, version)
        self._note_schedulable(node)
        is_changed = without_heartbeats(status) != without_heartbeats(node.status)
        is_first = self._last_report_ns is None
        if not (is_changed or is_first or self._kernel.now_ns >= self._report_due_ns):
            self._stored, self._stored_sources = node, sources
            return True
        # After a real change the next unchanged report comes at a random time, so that nodes do not report together.
        is_news = is_changed or is_first
        spread_ns = int(self._settings.report_frequency_ns * (self._prng.fraction() - 0.5)) if is_news else 0
        self._extra_delay_ns = spread_ns
        self._write(status)
        self._stored, self._stored_sources = self._api.get_node(), sources
        # Nobody's next look finds another node when only its heartbeats are new.
        return not is_news

    @property
    def _report_due_ns(self) -> int:
        """When the status is written although it is as it was."""
        return (self._last_report_ns or 0) + self._settings.report_frequency_ns + self._extra_delay_ns

    def _write(self, status: v1.NodeStatus) -> None:
        self._api.patch_node_status(status)
        self._last_report_ns = self._kernel.now_ns

    def _sources(self) -> tuple[object, ...]:
        """What a status is made of beside the version of the runtime, and what never changes."""
        return (
            self._runtime_errors(),
            self.network_error(),
            self._reports.storage_error(),
            self._reports.is_shutting_down(),
            self._reports.pressures(),
            self._images.newest,
            self._runtime.handlers,
            self._runtime.features,
            self._reports.volumes_in_use(),
        )

    async def _new_status(self, node: v1.Node) -> v1.NodeStatus:
        version = await self._version.ask()
        self._reports.note_pleg_check()
        return self._status_of(node, version)

    def _status_of(self, node: v1.Node, runtime_version: str) -> v1.NodeStatus:
        """The status as it is now, on top of what the API server has. Records the Events of conditions that changed."""
        old, description = node.status, self._description
        capacity = {**old.capacity, **description.all_capacity}
        node_info = node_system_info(description, self._identity, runtime_version, gates=self._gates)
        self._note_reboot(old.node_info.boot_id, node_info.boot_id)
        old_conditions = [condition_value(one) for one in old.conditions]
        conditions = node_conditions(
            self._health(frozenset(capacity)), pressures=self._reports.pressures(), old=old_conditions
        )
        for reason in transition_events(old_conditions, conditions):
            self._event(reason)
        handlers = runtime_handlers(self._runtime.handlers, gates=self._gates, minor=description.minor)
        features = node_features(self._runtime.features, gates=self._gates)
        return replace(
            old,
            addresses=node_addresses(description),
            capacity=capacity,
            allocatable=description.allocatable(capacity),
            node_info=node_info,
            daemon_endpoints=v1.NodeDaemonEndpoints(kubelet_endpoint=v1.DaemonEndpoint(port=self._settings.port)),
            images=node_images(self._images.newest, images_max=self._settings.images_max),
            runtime_handlers=old.runtime_handlers if handlers is None else handlers,
            features=old.features if features is None else features,
            conditions=merged_conditions(old.conditions, conditions),
            volumes_in_use=list(self._reports.volumes_in_use()),
            declared_features=declared_features(self._runtime.features, gates=self._gates),
        )

    def _health(self, capacity: frozenset[str] = frozenset()) -> NodeHealth:
        return NodeHealth(
            now_ns=self._kernel.now_ns,
            last_runtime_sync_ns=self._runtime.last_sync_ns,
            has_status=self._runtime.has_status,
            runtime_ready=self._runtime.runtime_ready,
            network_ready=self._runtime.network_ready,
            pleg_error=self._reports.pleg_error(),
            evented_pleg_error=self._reports.evented_pleg_error(),
            storage_error=self._reports.storage_error(),
            is_shutting_down=self._reports.is_shutting_down(),
            isolates_storage=self._settings.isolates_storage,
            capacity=capacity,
        )

    # -- events ---------------------------------------------------------------------------------------------

    def _note_reboot(self, old_boot_id: str, boot_id: str) -> None:
        if old_boot_id and old_boot_id != boot_id and not self._has_reported_reboot:
            self._has_reported_reboot = True
            message = f"Node {self._description.name} has been rebooted, boot id: {boot_id}"
            self._recorder.event(self._reference, WARNING, "Rebooted", message)

    def _note_schedulable(self, node: v1.Node) -> None:
        if self._was_unschedulable != node.spec.unschedulable:
            self._was_unschedulable = node.spec.unschedulable
            self._event("NodeNotSchedulable" if node.spec.unschedulable else "NodeSchedulable")

    def _event(self, reason: str) -> None:
        message = f"Node {self._description.name} status is now: {reason}"
        self._recorder.event(self._reference, NORMAL, reason, message)

    def _spawn(self, coroutine: Any, name: str) -> None:
        self._tasks.append(self._kernel.spawn(coroutine, name=f"node status: {name}"))
