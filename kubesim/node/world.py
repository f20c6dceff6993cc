"""A kubelet with its API server and its host, around any `Cri`: the same in virtual and in real time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubesim.cri.protocol import Cri
from kubesim.errors import InputError
from kubesim.host.disk import Disk
from kubesim.host.logind import Logind
from kubesim.host.memory import Memory
from kubesim.host.service_control_manager import ServiceControlManager
from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.kubelet import Kubelet
from kubesim.kubelet.kubelet_host import ROOT_DIRECTORY, KubeletHost
from kubesim.kubelet.node_shutdown_timeline import ShutdownEntry
from kubesim.kubelet.outside import HostFiles, PodNetwork
from kubesim.middleware.deadlines import Deadlines
from kubesim.model import k8s_v1 as v1
from kubesim.model.duration import parse_duration
from kubesim.model.frozen_records import replace
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.node.api_server import ApiServer
from kubesim.node.pod_strategy import pod_strategy
from kubesim.policy.feature_gates import NEWEST_VERSION, resolve_gates
from kubesim.policy.pod_cgroup import PodCgroup
from kubesim.userland.files.fs_error import FsError

OPERATING_SYSTEMS = ("linux", "windows")
KUBELET_DEPENDENCIES = ("containerd",)
"""What the service `kubelet` depends on, on a Windows node: its runtime must not stop before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """One node: `config` is the effective KubeletConfiguration, `capacity` None a small cloud machine."""

    os: str = "linux"
    kubelet_version: str = NEWEST_VERSION
    config: KubeletConfiguration
    node_name: str = "node-1"
    node_ip: str = "192.0.2.2"
    capacity: Mapping[str, v1.Quantity] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    kubelet_fixes: frozenset[str] = frozenset()
    is_windows_service: bool = True
    root_directory: str = ROOT_DIRECTORY
    cgroup_version: int = 2


class World:
    """The parts of one node that outlive a kubelet process, and the kubelet that runs now."""

    def __init__(
        self,
        kernel: Kernel,
        cri: Cri,
        settings: WorldSettings,
        host_files: HostFiles,
        *,
        disk: Disk | None = None,
        memory: Memory | None = None,
        network: PodNetwork | None = None,
    ) -> None:
        """`disk`, `memory` and `network` None: the runtime is not this machine's own.

        Its images are left alone, and its pods are not reached: see `refuse_network_use`.
        """
        if settings.os not in OPERATING_SYSTEMS:
            raise InputError(f'unknown operating system "{settings.os}"', hint="use linux or windows")
        self.kernel = kernel
        self.settings = settings
        gates = resolve_gates(settings.kubelet_version, settings.config.feature_gates)
        self.strategy = pod_strategy(settings.kubelet_version, gates)
        self.api = ApiServer(kernel, node_name=settings.node_name, gates=gates, options=self.strategy.options)
        self.logind = Logind(kernel) if settings.os == "linux" else None
        self.service_control_manager = (
            ServiceControlManager(kernel, service=settings.is_windows_service, dependencies=KUBELET_DEPENDENCIES)
            if settings.os == "windows"
            else None
        )
        self._cri = cri
        self._host_files = host_files
        self.disk = disk
        self._memory = memory
        self._network = network
        self._pod_cgroups: dict[str, PodCgroup] = {}
        self._earlier_timelines: list[ShutdownEntry] = []
        if settings.config.static_pod_path and disk is not None:
            # A machine that is set up for static pods has their folder.
            host_files.make_dirs(settings.config.static_pod_path)
        self.kubelet = self._new_kubelet()

    async def start(self) -> None:
        """Start the kubelet and let it see the stored pods. Raises KubeletStartError."""
        await self.kubelet.start()
        self.api.connect(self.kubelet.sources)

    def stop(self) -> None:
        """End the kubelet process. Containers stay."""
        self.api.disconnect()
        self.kubelet.stop()

    async def start_again(self) -> None:
        """Start a new kubelet process, after `stop`, over the same runtime and API server."""
        self._earlier_timelines += self.kubelet.timeline
        self.kubelet = self._new_kubelet()
        await self.start()

    def write_file(self, path: str, content: bytes) -> None:
        """Somebody writes a file of the machine, or replaces it. Raises InputError where no file can be."""
        try:
            self._host_files.make_dirs(path.rpartition("/")[0])
            self._host_files.write(path, content)
        except FsError as error:
            raise InputError(error.strerror, where=path, hint="name a file") from error
        self._tell_of_file(path)

    def remove_file(self, path: str) -> None:
        """Somebody removes a file of the machine, or an empty folder. Raises InputError for what is not there."""
        if self._host_files.kind(path) is None:
            raise InputError("no such file on the machine", where=path)
        if self._host_files.kind(path) == "directory" and self._host_files.list_dir(path):
            raise InputError("a folder that is not empty is not removed", where=path, hint="name the files in it")
        self._host_files.remove(path)
        self._tell_of_file(path)

    def _tell_of_file(self, path: str) -> None:
        """A kubelet that does not run yet, or any more, looks at all files when it starts."""
        if self.api.is_connected:
            self.kubelet.sources.file_changed(path)

    async def shut_down(self) -> None:
        """The machine is asked to shut down; returns when it is off, or when that is cancelled.

        The API keeps what the kubelet has published until then. Raises InputError while a shutdown goes on already.
        """
        if self.logind is not None:
            await self.logind.prepare_for_shutdown()
        elif self.service_control_manager is not None:
            await self.service_control_manager.preshutdown()
        if self.is_off:
            # What the kubelet writes at the instant of the power-off still arrives.
            await sleep(0)
            self.stop()

    @property
    def is_off(self) -> bool:
        """Whether the machine has powered off: no kubelet runs, and nobody sees what the runtime still holds."""
        machine = self.logind or self.service_control_manager
        return machine is not None and machine.power_off_ns is not None

    def timeline(self) -> list[dict[str, Any]]:
        """What the host and the kubelet did in a shutdown, in order: time, who, what, to whom, why."""
        host = self.logind if self.logind is not None else self.service_control_manager
        rows: list[tuple[int, int, dict[str, Any]]] = []
        if host is not None:
            rows += [
                (
                    one.time_ns,
                    one.order,
                    {"actor": one.actor, "what": one.what, "subject": one.subject, "reason": one.reason},
                )
                for one in host.timeline
            ]
        rows += [
            (
                one.time_ns,
                one.order,
                {
                    "actor": "kubelet",
                    "what": str(one.step),
                    "subject": one.subject,
                    "band": one.band,
                    "grace_seconds": one.grace_seconds,
                    "reason": one.reason,
                },
            )
            for one in (*self._earlier_timelines, *self.kubelet.timeline)
        ]
        rows.sort(key=lambda row: row[:2])
        return [{"time_ns": time_ns, **row} for time_ns, _, row in rows]

    def _new_kubelet(self) -> Kubelet:
        settings = self.settings
        return Kubelet(
            self.kernel,
            Deadlines(self._cri, default_seconds=parse_duration(settings.config.runtime_request_timeout) / 1e9),
            api=self.api,
            host=KubeletHost(
                name=settings.node_name,
                ip=settings.node_ip,
                os=settings.os,
                files=self._host_files,
                disk=self.disk,
                memory=self._memory,
                network=self._network,
                logind=self.logind,
                service_control_manager=self.service_control_manager,
                root_directory=settings.root_directory,
                capacity=settings.capacity,
                labels=settings.labels,
                cgroup_version=settings.cgroup_version,
                pod_cgroups=self._pod_cgroups,
                strategy=replace(self.strategy, prepare=None),
            ),
            version=settings.kubelet_version,
            config=settings.config,
            fixes=settings.kubelet_fixes,
        )
