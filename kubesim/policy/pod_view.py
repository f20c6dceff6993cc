"""The inputs that the status and action rules of the kubelet share.

Three sides meet in these values: what the spec asks (`PodView`, `ContainerSpecView`), what the runtime reported
(`RuntimePod`, `RuntimeContainer`, `RuntimeSandbox`), and what the API shows or showed (`PodStatusView`,
`ContainerStatusView`, `Condition`). The rules read and return nothing else.

Conventions: times are ns since the Unix epoch; `None` for a time is an absent time (JSON null), 0 is 1970. Enum
values are the words of the Kubernetes API. Lists keep the order of the spec, except the lists of a `RuntimePod`.

They are structs without cycles: a pod's life makes hundreds of them, in a fifth of the time of a dataclass, and
Python's collector does not look at them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from kubesim.policy.status_resources import RuntimeResources


class PodPhase(StrEnum):
    """status.phase of a pod."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"

    @property
    def is_terminal(self) -> bool:
        """Whether a pod in this phase never runs again."""
        return self in TERMINAL_PHASES


TERMINAL_PHASES = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED})
"""A pod in one of these never runs again."""


class ContainerKind(StrEnum):
    """Which list of the spec a container stands in; a sidecar is an init container with restartPolicy Always."""

    REGULAR = "regular"
    INIT = "init"
    SIDECAR = "sidecar"
    EPHEMERAL = "ephemeral"


class RuntimeState(StrEnum):
    """State of a container in the runtime (CRI ContainerState)."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


class NetworkMode(StrEnum):
    """Network namespace of a sandbox (CRI NamespaceMode): NODE for hostNetwork, else POD."""

    POD = "POD"
    NODE = "NODE"


class ProbeResult(StrEnum):
    """What the prober published last for one probe of one container."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class RestartRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a container's restartPolicyRules."""

    action: str  # Restart or RestartAllContainers
    operator: str  # In or NotIn
    exit_codes: tuple[int, ...]


class VolumeMountView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One volumeMount of a container spec."""

    name: str
    mount_path: str
    read_only: bool = False
    recursive_read_only: str | None = None  # Disabled, IfPossible or Enabled
    propagation: str | None = None  # None (the word), HostToContainer or Bidirectional


class ContainerSpecView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One container of the spec, as far as status and actions depend on it."""

    name: str
    kind: ContainerKind = ContainerKind.REGULAR
    image: str = ""
    restart_policy: str | None = None  # the container's own policy; None when unset
    restart_rules: tuple[RestartRule, ...] = ()
    has_startup_probe: bool = False
    has_readiness_probe: bool = False
    has_liveness_probe: bool = False
    hash: str = ""  # the hash the kubelet would write now; compared with RuntimeContainer.hash
    volume_mounts: tuple[VolumeMountView, ...] = ()

    @property
    def is_sidecar(self) -> bool:
        """Whether this is a restartable init container."""
        return self.kind is ContainerKind.SIDECAR


class PodView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pod of the kubelet's configuration, without its status."""

    name: str = ""
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    restart_policy: str = "Always"
    containers: tuple[ContainerSpecView, ...] = ()
    init_containers: tuple[ContainerSpecView, ...] = ()  # plain init containers and sidecars, in spec order
    ephemeral_containers: tuple[ContainerSpecView, ...] = ()
    image_volumes: tuple[str, ...] = ()  # the names of volumes with an image
    host_network: bool = False
    readiness_gates: tuple[str, ...] = ()
    is_static: bool = False
    is_deletion_requested: bool = False  # metadata.deletionTimestamp is set

    @property
    def display_name(self) -> str:
        """The pod's name in messages. Mirrors kubelet: pkg/kubelet/util/format/pod.go, Pod."""
        return f"{self.name}_{self.namespace}({self.uid})"


class LinuxUser(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The identity of a container's first process, as the runtime reports it."""

    uid: int
    gid: int
    supplemental_groups: tuple[int, ...] = ()


class ContainerUser(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """containerStatuses[].user; `linux=None` is an empty user object."""

    linux: LinuxUser | None = None


class ImageVolumeMount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mount with an image, as CRI ContainerStatus shows it: `image` and `image_ref` are those of its image spec."""

    container_path: str
    image: str
    image_ref: str = ""


class RuntimeContainer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One container as CRI ContainerStatus shows it."""

    name: str
    id: str  # "<runtime name>://<container id>"
    state: RuntimeState
    sandbox_id: str = ""
    created_at_ns: int = 0
    started_at_ns: int = 0
    finished_at_ns: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_ref: str = ""
    restart_count: int = 0
    hash: str = ""
    user: ContainerUser | None = None
    image_mounts: tuple[ImageVolumeMount, ...] = ()
    stop_signal: str | None = None  # None: the runtime does not say
    resources: RuntimeResources | None = None


class RuntimeSandbox(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One sandbox as CRI PodSandboxStatus shows it. `ips` is None when the answer has no network message."""

    id: str
    is_ready: bool
    attempt: int = 0
    created_at_ns: int = 0
    network_mode: NetworkMode = NetworkMode.POD
    ips: tuple[str, ...] | None = ()


class RuntimePod(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All the runtime knows of one pod. Both tuples are newest first (by creation time)."""

    sandboxes: tuple[RuntimeSandbox, ...] = ()
    containers: tuple[RuntimeContainer, ...] = ()

    def newest(self, name: str) -> RuntimeContainer | None:
        """The newest container of that name, or None."""
        for container in self.containers:
            if container.name == name:
                return container
        return None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the newest sandbox, but for empty ones; none without a sandbox."""
        return tuple(filter(None, self.sandboxes[0].ips or ())) if self.sandboxes else ()

    @property
    def active_sandbox_id(self) -> str | None:
        """Id of the newest sandbox when it is ready, else None."""
        return self.sandboxes[0].id if self.sandboxes and self.sandboxes[0].is_ready else None


class ProbeState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the prober knows of one container: its workers, and its last published results.

    A result is None until there is one for the container's present id.
    """

    has_startup_worker: bool = False
    has_readiness_worker: bool = False
    startup: ProbeResult | None = None
    readiness: ProbeResult | None = None
    liveness: ProbeResult | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """state.waiting of a container status."""

    reason: str = ""
    message: str = ""


class Running(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """state.running of a container status."""

    started_at_ns: int | None = None


class Terminated(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """state.terminated of a container status."""

    exit_code: int
    reason: str = ""
    message: str = ""
    started_at_ns: int | None = None
    finished_at_ns: int | None = None
    container_id: str = ""


ContainerState = Waiting | Running | Terminated


class VolumeMountStatus(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of containerStatuses[].volumeMounts; recursiveReadOnly is None when the mount is writable."""

    name: str
    mount_path: str
    read_only: bool = False
    recursive_read_only: str | None = None
    image_ref: str = ""
    """volumeStatus.image.imageRef of an image volume."""


class ContainerStatusView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a status list of the pod. `state=None` is a status object without any state."""

    name: str
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str = ""
    volume_mounts: tuple[VolumeMountStatus, ...] = ()
    user: ContainerUser | None = None
    stop_signal: str | None = None

    @property
    def last_terminated(self) -> Terminated | None:
        """lastState.terminated, or None."""
        return self.last_state if isinstance(self.last_state, Terminated) else None


class Condition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pod condition. `status` is "True", "False" or "Unknown"; absent texts are empty."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    last_transition_ns: int | None = None
    last_probe_ns: int | None = None


class PodStatusView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part of a pod status that the rules read: the API copy or the status manager's cached copy."""

    phase: PodPhase | None = None
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatusView, ...] = ()
    init_container_statuses: tuple[ContainerStatusView, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatusView, ...] = ()

    def condition(self, condition_type: str) -> Condition | None:
        """The condition of that type, or None."""
        for condition in self.conditions:
            if condition.type == condition_type:
                return condition
        return None


def status_of(statuses: tuple[ContainerStatusView, ...], name: str) -> ContainerStatusView | None:
    """The status entry of that container name, or None."""
    for status in statuses:
        if status.name == name:
            return status
    return None
