"""What a runtime holds and every handler works on: stores, profile, clock, processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kubesim.cri.errors import CriError
from kubesim.images.catalogue import Catalogue
from kubesim.kernel import Event, Kernel, Prng, Promise, Task, sleep
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.runtime.events import EventHub
from kubesim.runtime.image_store import ImageStore
from kubesim.runtime.image_transfer import ImageTransfers
from kubesim.runtime.kept_answers import KeptAnswers
from kubesim.runtime.names import NameRegistry
from kubesim.runtime.network import PodNetwork
from kubesim.runtime.object_store import ObjectStore
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.pending_streams import PendingStreams
from kubesim.runtime.pod_ports import PodPorts
from kubesim.runtime.rate_limit import RateLimit
from kubesim.runtime.refusal import ErrorTexts, Refusal
from kubesim.runtime.remote_images import RemoteImages
from kubesim.runtime.state_changes import StateChanges
from kubesim.runtime.timings import Timings
from kubesim.userland.files.file_system_stat import HostDisk
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles
from kubesim.userland.processes.process import ProcessTable


@dataclass(slots=True, kw_only=True)
class Features:
    """What the runtime says it can, and what `set_feature` may change while it runs."""

    supplemental_groups_policy: bool
    user_namespaces_host_network: bool
    recursive_read_only_mounts: bool
    user_namespaces: bool
    network_ready: bool = True

    def values(self) -> tuple[bool, ...]:
        """All of them, in the order of the fields."""
        return (
            self.supplemental_groups_policy,
            self.user_namespaces_host_network,
            self.recursive_read_only_mounts,
            self.user_namespaces,
            self.network_ready,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Daemon:
    """One runtime on one node."""

    kernel: Kernel
    profile: RuntimeProfile
    texts: ErrorTexts
    catalogue: Catalogue
    images: ImageStore
    transfers: ImageTransfers
    host_files: HostFiles
    own_files: MemoryHostFiles
    """The daemon's own directory: hostname, hosts, resolv.conf and /dev/shm of each sandbox. Never on the disk."""
    processes: ProcessTable
    events: EventHub
    features: Features
    cgroup_driver: str
    timings: Timings
    image_fs_path: str
    metric_pods: RateLimit
    """How many pods are read per second for metrics."""
    hostname: str
    """Of the node; a sandbox without one of its own has it."""
    os: str
    sandboxes: ObjectStore[Sandbox]
    containers: ObjectStore[Container]
    pending_streams: PendingStreams
    """Requests of Exec, Attach and PortForward whose URLs have not been opened."""
    streaming_url: str = ""
    """Where a streaming server listens, such as `http://127.0.0.1:40123`; empty: there is none."""
    sandbox_names: NameRegistry = field(default_factory=NameRegistry)
    container_names: NameRegistry = field(default_factory=NameRegistry)
    exited_statuses: KeptAnswers = field(default_factory=KeptAnswers)
    """Of containers that have ended."""
    sandbox_statuses: KeptAnswers = field(default_factory=KeptAnswers)
    own_answers: KeptAnswers = field(default_factory=KeptAnswers)
    """What it says of itself, by the RPC."""
    network: PodNetwork = field(default_factory=PodNetwork)
    pod_ports: PodPorts | None = None
    """The real machine's ports for pods; None: the world has no outside."""
    remote_images: RemoteImages | None = None
    """Where images come from that no fixture holds; None: from nowhere."""
    network_ready: Event = field(default_factory=Event)
    merged_pulls: dict[tuple[object, ...], Promise[str]] = field(default_factory=dict)
    """Pulls in progress that others wait for, by what these have in common."""
    failed_pulls: dict[str, int] = field(default_factory=dict)
    """Pulls that a fixture let fail so far, by reference."""
    deprecations: dict[str, str] = field(default_factory=dict)
    """Deprecated things that were used since the daemon started: what the runtime says of each, by its id."""
    creations: dict[Task[Any], None] = field(default_factory=dict)
    """Creations that would go on without their clients, oldest first: whoever ends all does so in an order."""
    pause_files: FileSystem | None = None
    """What the pause processes run from; None before the first of them."""
    last_time_ns: int = 0
    changes: StateChanges | None = None
    """Where changes are noted for whoever keeps them over a restart; None when nobody does."""
    clock: Callable[[], int] = field(init=False)
    """The present time, as the file systems ask for it: one function for all of them."""
    disk: Callable[[], HostDisk] = field(init=False)
    """What their writable layers lie on."""
    registry_pace: Prng = field(default_factory=lambda: Prng("registry"))
    """By how much its answers vary: the same in every run, because a seed is no matter of another machine."""

    def __post_init__(self) -> None:
        """The functions that all containers share."""
        kernel = self.kernel
        self.clock = lambda: kernel.now_ns
        self.disk = self.host_files.statfs

    def sandbox(self, prefix: str, row: Refusal) -> Sandbox:
        """The sandbox with this id or unique prefix of one. Raises the refusal of the given row."""
        found, match = self.sandboxes.find(prefix)
        if found is None:
            raise self.texts.refuse_lookup(row, noun="sandbox", prefix=prefix, match=match)
        return found

    def container(self, prefix: str, row: Refusal) -> Container:
        """The container with this id or unique prefix of one. Raises the refusal of the given row."""
        found, match = self.containers.find(prefix)
        if found is None:
            raise self.texts.refuse_lookup(row, noun="container", prefix=prefix, match=match)
        return found

    def refuse(self, row: Refusal, **facts: str | int | BaseException) -> CriError:
        """The error for a refusal, in this runtime's words."""
        return self.texts.refuse(row, code=None, **facts)

    async def spend(self, duration_ns: int) -> None:
        """Let a step take its time. A step without duration does not suspend."""
        if duration_ns > 0:
            await sleep(duration_ns)

    def creation_time_ns(self) -> int:
        """The present time, but later than the last one given: clients order sandboxes by their creation."""
        self.last_time_ns = max(self.kernel.now_ns, self.last_time_ns + 1)
        return self.last_time_ns

    def time_after_ns(self, earlier_ns: int) -> int:
        """The present time, but no earlier than what came before: a creation time may be some ns ahead of the clock."""
        return max(self.kernel.now_ns, earlier_ns)
