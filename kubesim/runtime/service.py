"""`Runtime`: a container runtime on the kernel, behind the `Cri` protocol.

    runtime = Runtime(kernel, profile=load_profile("containerd-2.3"), catalogue=load_catalogue([]),
                      host_files=MemoryHostFiles())
    response = await runtime.call(methods.VERSION, api.VersionRequest())

A call runs in the task of its caller: cancelling that task cancels the call, and nothing half made is left. Refusals
are CriErrors. Any other exception is a bug of kubesim and surfaces to whoever drives the call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from kubesim.cri.errors import Code, CriError, unimplemented
from kubesim.cri.methods import METHODS, Method
from kubesim.cri.protocol import Again, uncounted
from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue, repository
from kubesim.images.image import Image
from kubesim.kernel import Cancelled, Kernel, Task
from kubesim.kernel.task import current_task
from kubesim.policy.runtime_profile import CgroupDriver, RuntimeProfile
from kubesim.policy.runtime_profile_rpcs import is_stream_empty, rpc_refusals
from kubesim.runtime import control
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.artifact_images import as_kept
from kubesim.runtime.container_status import container_row
from kubesim.runtime.daemon import Daemon, Features
from kubesim.runtime.events import Backlog, EventHub
from kubesim.runtime.handlers import HANDLERS, LEGACY_HANDLERS, QUESTIONS, STREAM_HANDLERS, Answer
from kubesim.runtime.image_store import ImageStore
from kubesim.runtime.image_transfer import ImageTransfers, PullProgress
from kubesim.runtime.image_usage import disk_bytes
from kubesim.runtime.network import PodNetwork, parse_pod_ipv6_cidr
from kubesim.runtime.object_store import ObjectStore
from kubesim.runtime.pending_streams import PendingStreams
from kubesim.runtime.pod_ports import PodPorts
from kubesim.runtime.rate_limit import RateLimit
from kubesim.runtime.refusal import ErrorTexts
from kubesim.runtime.remote_images import RemoteImages
from kubesim.runtime.sandbox_status import sandbox_row
from kubesim.runtime.state_changes import StateChanges, StateKind
from kubesim.runtime.state_records import SavedState
from kubesim.runtime.state_restore import restore
from kubesim.runtime.stats import working_set_bytes
from kubesim.runtime.timings import Timings
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles
from kubesim.userland.network.node_network import NodeNetwork
from kubesim.userland.processes.process import ProcessTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatistics:
    """How much a runtime holds."""

    sandboxes: int
    containers: int
    running: int
    images: int
    event_streams: int


class Runtime:
    """One runtime on one node. It is a `Cri`; the other methods are for tests, scenarios and `kubesim ctl`."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        profile: RuntimeProfile,
        catalogue: Catalogue,
        host_files: HostFiles,
        cgroup_driver: CgroupDriver | None = None,
        timings: Timings | None = None,
        image_fs_path: str | None = None,
        hostname: str = "node",
        os: str = "linux",
        changes: StateChanges | None = None,
        saved: SavedState | None = None,
        pod_ports: PodPorts | None = None,
        pod_ipv6_cidr: str | None = None,
        remote_images: RemoteImages | None = None,
    ) -> None:
        """A runtime with nothing but the images of the catalogue that are present from the start.

        `cgroup_driver` None is the profile's. `timings` None is `Timings.instant()`. `image_fs_path` is the mount point
        in ImageFsInfo, which a real kubelet looks at on the disk. `os` is `linux` or `windows`. What a restart must not
        lose is noted in `changes`; `saved` is what an earlier runtime noted: InputError when it cannot be read or needs
        an image that nobody has. `pod_ports` are addresses and ports of a real machine for pods; None: there is no
        outside. `pod_ipv6_cidr` such as `fd00:88::/64` gives pods a second address, in the emulated world only;
        InputError says why a network cannot be it. `remote_images` has what no fixture holds.
        """
        _check_choices(os, cgroup_driver)
        node_network = _node_network(pod_ports, pod_ipv6_cidr)
        images = ImageStore(profile.images, pause_image=profile.pause_image, changes=changes)
        self._daemon = Daemon(
            kernel=kernel,
            profile=profile,
            texts=ErrorTexts(profile.texts, profile.wording),
            catalogue=catalogue,
            images=images,
            transfers=_transfers(kernel, images, profile),
            host_files=host_files,
            own_files=MemoryHostFiles(now_ns=lambda: kernel.now_ns),
            processes=_processes(kernel, host_files, hostname, node_network),
            network=PodNetwork(str(node_network.pod_subnet), ipv6_subnet=node_network.ipv6_subnet),
            pod_ports=pod_ports,
            remote_images=remote_images,
            events=EventHub(kernel, backlog=_backlog(profile)),
            features=_features(profile),
            cgroup_driver=cgroup_driver or profile.cgroup_driver,
            timings=timings or Timings.instant(),
            image_fs_path=image_fs_path or profile.images.filesystem_path,
            metric_pods=RateLimit(kernel, per_second=profile.statistics.metric_pods_per_second),
            hostname=hostname,
            os=os,
            pending_streams=PendingStreams(kernel),
            sandboxes=ObjectStore(profile.list_order, make_row=lambda sandbox, rows: sandbox_row(rows, sandbox)),
            containers=ObjectStore(
                profile.list_order,
                make_row=lambda container, rows: container_row(
                    rows, container, profile.containers, image_id=images.shown_id(container.image)
                ),
            ),
            changes=changes,
        )
        _seed_images(self._daemon, seeded=frozenset() if saved is None else restore(self._daemon, saved))
        self._ready_at_ns = kernel.now_ns
        self._refused = rpc_refusals(profile)
        self._questions = {METHODS[name]: ask for name, ask in QUESTIONS.items() if name not in self._refused}
        self._calls: dict[Task[object], None] = {}
        self._restart = Cancelled("the runtime restarts")

    @property
    def daemon(self) -> Daemon:
        """What a streaming server works on: see `exec_session`, `attach` and `pending_streams`."""
        return self._daemon

    # -- Cri ----------------------------------------------------------------------------------------------

    def call(self, method: Method, request: Message) -> Coroutine[Any, Any, Message]:
        """Answer a call. Raises CriError when it is refused."""
        return self._answer(method, request, _message)

    def call_encoded(self, method: Method, request: Message) -> Coroutine[Any, Any, bytes]:
        """Answer a call with the serialised response. Raises CriError when it is refused."""
        return self._answer(method, request, _encoded)

    def repeat(self, _method: Method, _request: Message) -> Again:
        """Calls that are answered as before, without asking: nothing here counts calls."""
        return uncounted

    def ask(self, method: Method, request: Message) -> bytes | None:
        """Answer a question with the serialised response. Raises CriError where it fails.

        None for other calls, for those of an older version of the CRI, and for what this runtime does not serve.
        """
        question = self._questions.get(method)
        if question is None:
            return None
        if self._daemon.kernel.now_ns < self._ready_at_ns:
            self._check_served(method)
        answer = question(self._daemon, request)
        return answer if isinstance(answer, bytes) else answer.SerializeToString()

    def peek(self, method: Method, request: Message) -> bytes | None:
        """`ask`: nothing here counts calls. None where that would be refused."""
        try:
            return self.ask(method, request)
        except CriError:
            return None

    async def _answer(self, method: Method, request: Message, given: Callable[[Method, Answer], T]) -> T:
        if method.name in self._refused or self._daemon.kernel.now_ns < self._ready_at_ns:
            self._check_served(method)
        if method.api_version == "v1":
            question = QUESTIONS.get(method.name)
            if question is not None:
                return given(method, question(self._daemon, request))
            handler = HANDLERS.get(method.name)
        else:
            handler = LEGACY_HANDLERS.get(method.name)
        if handler is None:
            raise unimplemented(f"method {method.name} not implemented")
        task = current_task()
        restart = self._restart
        self._calls[task] = None
        try:
            call = handler(self._daemon, request)
            del request  # the handler may need it for less long than the call lasts
            return given(method, await call)
        except Cancelled as cancelled:
            if cancelled is restart:
                raise self._daemon.refuse(say.CONNECTION_LOST) from None
            raise
        finally:
            self._calls.pop(task, None)

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        """Answer a call with a stream. Raises CriError when it is refused, or ends badly."""
        self._check_served(method)
        if is_stream_empty(self._daemon.profile, method.name):
            return
        handler = STREAM_HANDLERS.get(method.name)
        if handler is None:
            raise unimplemented(f"method {method.name} not implemented")
        async for message in handler(self._daemon, request):
            yield message

    async def stream_encoded(self, method: Method, request: Message) -> AsyncIterator[bytes]:
        """As `stream`; events are serialised once for all who listen."""
        if method.name == "GetContainerEvents":
            self._check_served(method)
            if not is_stream_empty(self._daemon.profile, method.name):
                async for encoded in self._daemon.events.listen():
                    yield encoded
            return
        async for message in self.stream(method, request):
            yield message.SerializeToString()

    def _check_served(self, method: Method) -> None:
        daemon = self._daemon
        is_starting = daemon.kernel.now_ns < self._ready_at_ns
        if is_starting and daemon.profile.while_starting == "refuses-connections":
            raise daemon.refuse(say.NOT_LISTENING)
        refusal = self._refused.get(method.name)
        if refusal is not None:
            raise CriError(Code[refusal.code], refusal.message)
        if is_starting:
            raise daemon.refuse(say.NOT_INITIALIZED)

    # -- control ------------------------------------------------------------------------------------------

    @property
    def profile(self) -> RuntimeProfile:
        """Which runtime this is."""
        return self._daemon.profile

    @property
    def cgroup_driver(self) -> str:
        """`systemd` or `cgroupfs`."""
        return self._daemon.cgroup_driver

    def exit_container(
        self, container_id: str, exit_code: int = 0, *, signal: int = 0, is_oom_killed: bool = False
    ) -> None:
        """End the first process of a running container: with an exit code, by a signal, or by the OOM killer."""
        control.exit_container(self._daemon, container_id, exit_code, signal=signal, is_oom_killed=is_oom_killed)

    def set_feature(self, name: str, value: bool) -> None:
        """Change what Status says, and what the runtime does: a field of `Features`. Raises InputError for others."""
        control.set_feature(self._daemon, name, value)

    def tag_image(self, reference: str, target: str) -> None:
        """Let the registries give out the image of `target` under the name `reference` from now on."""
        control.tag_image(self._daemon, reference, target)

    def add_image(self, image: Image, *, is_present: bool = True) -> None:
        """Put an image into the registries, and on the node unless told otherwise."""
        control.add_image(self._daemon, image, is_present=is_present)

    def disk_bytes(self) -> int:
        """What images and containers take on the disk of the node."""
        return disk_bytes(self._daemon)

    def memory_bytes(self) -> int:
        """The working set of all containers that run."""
        return working_set_bytes(self._daemon)

    def images_in_use(self) -> list[Image]:
        """The images on the node, and those that containers still have."""
        daemon = self._daemon
        of_containers = [image for one in daemon.containers for image in (one.image, *one.volume_images)]
        return [*(present.image for present in daemon.images), *of_containers]

    def pulls(self) -> tuple[PullProgress, ...]:
        """What is being pulled, and how far it is. The CRI has no way to ask: real runtimes write it to their log."""
        return self._daemon.transfers.progress()

    def restart(self, *, downtime_ns: int = 0) -> None:
        """Restart the daemon: streams end, calls in progress fail, and calls fail until `downtime_ns` have passed.

        Sandboxes, containers and their processes live on, as under shims and conmon.
        """
        daemon = self._daemon
        self._ready_at_ns = daemon.kernel.now_ns + downtime_ns
        daemon.events.cut_off_all(daemon.refuse(say.CONNECTION_LOST))
        daemon.deprecations.clear()
        restart, self._restart = self._restart, Cancelled("the runtime restarts")
        for task in [*self._calls, *daemon.creations]:
            task.cancel(restart)

    def statistics(self) -> RuntimeStatistics:
        """A snapshot of how much there is."""
        daemon = self._daemon
        return RuntimeStatistics(
            sandboxes=len(daemon.sandboxes),
            containers=len(daemon.containers),
            running=sum(container.life.is_running for container in daemon.containers),
            images=len(daemon.images),
            event_streams=daemon.events.listeners_count,
        )


def _message(method: Method, answer: Answer) -> Message:
    return method.response_type.FromString(answer) if isinstance(answer, bytes) else answer


def _encoded(_method: Method, answer: Answer) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


def _check_choices(os: str, cgroup_driver: str | None) -> None:
    if os not in ("linux", "windows"):
        raise InputError(f"unknown operating system {os!r}", where="os", hint="linux or windows")
    if cgroup_driver not in (None, "systemd", "cgroupfs"):
        raise InputError(f"unknown cgroup driver {cgroup_driver!r}", where="cgroup_driver", hint="systemd or cgroupfs")


def _seed_images(daemon: Daemon, *, seeded: frozenset[str]) -> None:
    """Put the images on the node that fixtures declare present, except `seeded`: those were put there once before."""
    for image in daemon.catalogue.images():
        if not image.is_present or image.id in seeded or _is_pause_of_another(image, daemon.profile):
            continue
        daemon.images.add(as_kept(daemon, image), image.references)
        if daemon.changes is not None:
            daemon.changes.note(StateKind.SEEDED, image.id, image)


def _is_pause_of_another(image: Image, profile: RuntimeProfile) -> bool:
    """Whether it is a pause image, but not this runtime's: the fixtures hold those of all profiles."""
    repositories = {repository(reference) for reference in image.references}
    return repository(profile.pause_image) in repositories and profile.pause_image not in image.references


def _node_network(pod_ports: PodPorts | None, pod_ipv6_cidr: str | None) -> NodeNetwork:
    """The networks of pods: addresses of the real machine when there are some, and IPv6 when it is asked for."""
    ipv6 = None if pod_ipv6_cidr is None else parse_pod_ipv6_cidr(pod_ipv6_cidr, where="pod_ipv6_cidr")
    if pod_ports is None:
        return NodeNetwork(ipv6_subnet=ipv6)
    return NodeNetwork(node_ip=pod_ports.node_ip, pod_subnet=pod_ports.cidr, ipv6_subnet=ipv6)


def _transfers(kernel: Kernel, images: ImageStore, profile: RuntimeProfile) -> ImageTransfers:
    """No pull is going on yet."""
    return ImageTransfers(
        kernel,
        has_blob=images.has_blob,
        shares_content=profile.images.concurrent_pulls == "share-content",
        progress_timeout_seconds=profile.images.pull_progress_timeout_seconds,
    )


def _processes(kernel: Kernel, host_files: HostFiles, hostname: str, network: NodeNetwork) -> ProcessTable:
    """No processes yet, on a node whose network shows the real one's sockets where there is a real one."""
    processes = ProcessTable(kernel, hostname=hostname, network=network)
    network.host_table = lambda name: host_files.read(f"/proc/net/{name}")
    return processes


def _backlog(profile: RuntimeProfile) -> Backlog:
    """A runtime that sends no events keeps none."""
    is_served = profile.rpcs["GetContainerEvents"] == "served"
    return profile.statistics.event_backlog if is_served else "none"


def _features(profile: RuntimeProfile) -> Features:
    switches = profile.status
    return Features(
        supplemental_groups_policy=bool(switches.supplemental_groups_policy),
        user_namespaces_host_network=bool(switches.user_namespaces_host_network),
        recursive_read_only_mounts=profile.containers.recursive_read_only_mounts,
        user_namespaces=switches.user_namespaces,
    )
