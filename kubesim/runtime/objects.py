"""Sandboxes and containers as the runtime keeps them.

What was asked for is kept as the bytes of the request's own messages (never changed but by the RPC that is there for
it), from which a message is read for whoever asks: one that lives takes five times the memory of its bytes. What
happened is the `life`, a value that only `apply` replaces. Whatever changes after `born` changes by a method of these
classes, which notes it for whoever keeps the state over a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubesim.cri import api
from kubesim.images.image import Image
from kubesim.kernel import Event, Timer
from kubesim.policy.seccomp import SeccompFilter
from kubesim.runtime import container_state, sandbox_state
from kubesim.runtime.account_files import AccountFileCopy
from kubesim.runtime.beginning import Beginning
from kubesim.runtime.checkpoint_archive import ContainerCheckpoint
from kubesim.runtime.container_log import ContainerLog
from kubesim.runtime.container_state import ContainerEvent, ContainerLife, Exited, Phase, ReportedState
from kubesim.runtime.container_streams import ContainerStreams
from kubesim.runtime.list_rows import ListedRow
from kubesim.runtime.process_plan import ContainerIdentity, ProcessPlan
from kubesim.runtime.sandbox_state import SandboxEvent, SandboxLife, SandboxPhase
from kubesim.runtime.state_changes import StateChanges, StateKind
from kubesim.runtime.usage import CpuSample, EndedUsage
from kubesim.userland.files.filesystem import FileSystem, HostSource, MountSpec, Namespaces
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.processes.process import Credentials, ExitStatus, Process

CRI_STATES: Mapping[ReportedState, api.ContainerState.ValueType] = {
    ReportedState.CREATED: api.CONTAINER_CREATED,
    ReportedState.RUNNING: api.CONTAINER_RUNNING,
    ReportedState.EXITED: api.CONTAINER_EXITED,
    ReportedState.UNKNOWN: api.CONTAINER_UNKNOWN,
}


def files_directory(sandbox_id: str) -> str:
    """Where the daemon keeps the files of a sandbox."""
    return f"/sandboxes/{sandbox_id}"


@dataclass(slots=True, kw_only=True, eq=False)
class Sandbox:
    """One pod sandbox."""

    id: str
    name: str
    """What it is reserved under in the registry of names."""
    encoded_config: bytes
    """The PodSandboxConfig that it was made from."""
    runtime_handler: str
    hostname: str
    file_sources: tuple[HostSource, ...] = ()
    """Its hostname, hosts, resolv.conf and /dev/shm as its containers bind them; filled by the first of them."""
    pause: Process | None
    """Pid 1 of the pod's own pid namespace. None in a sandbox that came back NOTREADY: it ended with its daemon."""
    pause_pid: int
    """The pause process's pid on the node, also when it has ended."""
    life: SandboxLife
    ip: str = ""
    """Empty with the node's network, and once the network is torn down."""
    additional_ips: tuple[str, ...] = ()
    """Of the other family, on a dual-stack node."""
    network: NetworkNamespace | None = None
    """What its processes see; None for the node's. Kept when it is torn down, for processes that outlive it."""
    overhead: api.LinuxContainerResources | None = None
    resources: api.LinuxContainerResources | None = None
    """What UpdatePodSandboxResources stored."""
    namespaces: Namespaces | None = None
    """What /proc of its containers shows, as the last of them had it."""
    containers: dict[str, Container] = field(default_factory=dict)
    mounted_images: frozenset[str] = frozenset()
    """Digests of the images it has mounted as volumes: until it is stopped, whatever becomes of its containers."""
    ended_usage: EndedUsage = field(default_factory=EndedUsage)
    """What its containers used that have ended."""
    cpu_sample: CpuSample | None = None
    """What the next rate of its stats is taken from."""
    row: ListedRow | None = None
    """In ListPodSandbox; None before it is there."""
    changes: StateChanges | None = None
    """Where changes are noted; None when nobody keeps them."""
    _moment: SandboxMoment | None = None
    """What it was like at the last look; `_note` gives it up."""

    def born(self, at_ns: int) -> None:
        """The sandbox exists from now on."""
        self.life = SandboxLife(created_at_ns=at_ns)
        self._note()

    def apply(self, event: SandboxEvent) -> None:
        """Take a step in the sandbox's life."""
        self.life = sandbox_state.step(self.life, event)
        if self.row is not None:
            self.row.show(self.cri_state)
        self._note()

    def enter_list(self, row: ListedRow) -> None:
        """Show the sandbox in ListPodSandbox from now on."""
        self.row = row

    def lose_address(self) -> None:
        """The network is torn down."""
        self.ip = ""
        self.additional_ips = ()
        self._note()

    def keep_resources(self, *, overhead: api.LinuxContainerResources, resources: api.LinuxContainerResources) -> None:
        """Store what UpdatePodSandboxResources brought."""
        self.overhead, self.resources = overhead, resources
        self._note()

    def _note(self) -> None:
        self._moment = None
        if self.changes is None:
            return
        if self.life.phase is SandboxPhase.REMOVED:
            self.changes.forget(StateKind.SANDBOX, self.id)
        else:
            self.changes.note(StateKind.SANDBOX, self.id, self)

    @property
    def files_directory(self) -> str:
        """Where the daemon keeps hostname, hosts, resolv.conf and /dev/shm, among its own files."""
        return files_directory(self.id)

    @property
    def config(self) -> api.PodSandboxConfig:
        """What was asked for, as a message of the caller's own."""
        return api.PodSandboxConfig.FromString(self.encoded_config)

    @property
    def labels(self) -> Mapping[str, str]:
        """What list calls select by."""
        return self.config.labels

    @property
    def cri_state(self) -> api.PodSandboxState.ValueType:
        """The state as the CRI shows it."""
        return api.SANDBOX_READY if self.life.is_ready else api.SANDBOX_NOTREADY

    @property
    def now(self) -> SandboxMoment:
        """What changes, as it is now: the same object as before, as long as nothing has changed."""
        moment = self._moment
        if moment is None:
            moment = self._moment = SandboxMoment(self.life, self.ip, self.additional_ips)
        return moment

    @property
    def ips(self) -> tuple[str, ...]:
        """All addresses, the first of them first; none when there is no network of its own."""
        return (self.ip, *self.additional_ips) if self.ip else ()

    @property
    def namespace_options(self) -> api.NamespaceOption:
        """Which namespaces the pod has; all of the pod's own unless said otherwise."""
        return self.config.linux.security_context.namespace_options

    @property
    def uses_node_network(self) -> bool:
        """Whether the pod lives in the node's network namespace."""
        return self.namespace_options.network == api.NODE


class SandboxMoment(NamedTuple):
    """What changes of a sandbox, as it was at some time."""

    life: SandboxLife
    ip: str
    additional_ips: tuple[str, ...]


class ContainerMoment(NamedTuple):
    """What changes of a container, as it was at some time."""

    life: ContainerLife
    encoded_resources: bytes
    encoded_windows_resources: bytes


@dataclass(slots=True, kw_only=True, eq=False)
class Container:
    """One container of a sandbox."""

    id: str
    name: str
    sandbox: Sandbox
    encoded_config: bytes
    """The ContainerConfig that it was made from."""
    image: Image
    """Held like a snapshot: the container outlives the removal of its image."""
    some_image_name: str
    """A name the image had when the container was made (CRI-O shows it ever after)."""
    image_ref: str
    """The repo digest, or the id without one, that the image had then."""
    plan: ProcessPlan
    identity: ContainerIdentity | None
    """None where the platform has no numeric users (Windows)."""
    encoded_mounts: tuple[bytes, ...] | None
    """Each a Mount, as the status shows them; None where it shows those of the request."""
    mount_specs: tuple[MountSpec, ...]
    """As the file system has them."""
    volume_images: tuple[Image, ...]
    """Images that are mounted."""
    stop_signal: int | None
    """Number of the signal that asks the first process to end; None when the image names one that does not exist."""
    reported_stop_signal: api.Signal.ValueType
    """The same as a value of enum Signal."""
    encoded_resources: bytes
    """The LinuxContainerResources that count now."""
    encoded_windows_resources: bytes
    """The WindowsContainerResources that count now."""
    log_path: str
    log: ContainerLog | None
    life: ContainerLife
    is_made_here: bool = False
    """False when a daemon before this one made it, which may have been another version."""
    beginning: Beginning | None = None
    """What is known of it from the container whose place it takes; None for the first of its place."""
    ended: Event = field(default_factory=Event)
    """Raised when the first process has ended."""
    account_files: tuple[AccountFileCopy, ...] = ()
    """The /etc/passwd and /etc/group that the runtime made and mounts over the image's."""
    seccomp_document: dict[str, Any] | None = None
    """The profile of the node's file, as it was when the container was made."""
    seccomp_filter: SeccompFilter | None = None
    """What that says, once the OCI runtime has read it."""
    credentials: Credentials | None = None
    """Who its processes are, once somebody has asked."""
    filesystem: FileSystem | None = None
    """Built when the OCI runtime does its part: with the first process, or before it."""
    process: Process | None = None
    streams: ContainerStreams | None = None
    """Descriptors 0 to 2 of the first process, and who is attached to them."""
    restored_from: ContainerCheckpoint | None = None
    """The checkpoint that it was made from."""
    forced_end: ExitStatus | None = None
    """How the first process is to be said to have ended, when somebody outside the CRI ended it."""
    is_stop_signalled: bool = False
    """A stop with a grace period has sent the signal; it is not sent twice."""
    kill_timer: Timer | None = None
    """When SIGKILL follows, where all stops of a container wait together."""
    cpu_sample: CpuSample | None = None
    """What the next rate of its stats is taken from."""
    row: ListedRow | None = None
    """In ListContainers; None before it is there."""
    changes: StateChanges | None = None
    """Where changes are noted; None when nobody keeps them."""
    _moment: ContainerMoment | None = None
    """What it was like at the last look; `_note` gives it up."""

    def born(self, at_ns: int) -> None:
        """The container exists from now on."""
        self.life = ContainerLife(created_at_ns=at_ns)
        self._note()

    def apply(self, event: ContainerEvent) -> None:
        """Take a step in the container's life, and wake who waits for its end."""
        self.life = container_state.step(self.life, event)
        if self.row is not None:
            self.row.show(self.cri_state)
        self._note()
        if isinstance(event, Exited):
            self.sandbox.ended_usage.add(
                container_id=self.id,
                started_at_ns=self.life.started_at_ns,
                finished_at_ns=self.life.finished_at_ns,
            )
        if self.life.phase is Phase.EXITED:
            self.ended.set()
        elif self.life.phase is Phase.REMOVED:
            # An event that nobody has heard yet may keep the container itself for minutes.
            self.process = self.filesystem = self.streams = None

    def enter_list(self, row: ListedRow) -> None:
        """Show the container in ListContainers from now on."""
        self.row = row

    def keep_resources(self, resources: api.LinuxContainerResources) -> None:
        """Replace the limits."""
        self.encoded_resources = resources.SerializeToString()
        self._note()

    def keep_windows_resources(self, resources: api.WindowsContainerResources) -> None:
        """Replace the limits of a node with Windows."""
        self.encoded_windows_resources = resources.SerializeToString()
        self._note()

    def _note(self) -> None:
        self._moment = None
        if self.changes is None:
            return
        if self.life.phase is Phase.REMOVED:
            self.changes.forget(StateKind.CONTAINER, self.id)
        else:
            self.changes.note(StateKind.CONTAINER, self.id, self)

    @property
    def config(self) -> api.ContainerConfig:
        """What was asked for, as a message of the caller's own."""
        return api.ContainerConfig.FromString(self.encoded_config)

    @property
    def mounts(self) -> Sequence[api.Mount]:
        """As the status shows them."""
        return self.mounts_of(self.config)

    def mounts_of(self, config: api.ContainerConfig) -> Sequence[api.Mount]:
        """The same for who has read the config already."""
        if self.encoded_mounts is None:
            return config.mounts
        return tuple(map(api.Mount.FromString, self.encoded_mounts))

    @property
    def resources(self) -> api.LinuxContainerResources:
        """What counts now, as a message of the caller's own."""
        return api.LinuxContainerResources.FromString(self.encoded_resources)

    @property
    def windows_resources(self) -> api.WindowsContainerResources:
        """The same of a node with Windows."""
        return api.WindowsContainerResources.FromString(self.encoded_windows_resources)

    @property
    def labels(self) -> Mapping[str, str]:
        """What list calls select by."""
        return self.config.labels

    @property
    def cri_state(self) -> api.ContainerState.ValueType:
        """The state as the CRI shows it."""
        return CRI_STATES[self.life.reported_state]

    @property
    def now(self) -> ContainerMoment:
        """What changes, as it is now: the same object as before, as long as nothing has changed."""
        moment = self._moment
        if moment is None:
            moment = self._moment = ContainerMoment(self.life, self.encoded_resources, self.encoded_windows_resources)
        return moment

    @property
    def is_live(self) -> bool:
        """Whether its first process runs; the life follows within the same instant."""
        return self.life.is_running and self.process is not None and self.process.status is None
