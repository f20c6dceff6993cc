"""What the kubelet needs from outside the runtime, as protocols. `node/` plugs in the emulated ones.

Calls of the API server are plain methods: the emulated one answers at once. What a real API server would add (latency,
conflicts, lost writes) belongs to whoever implements the protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from kubesim.kubelet.token_manager import ServiceAccountToken
from kubesim.model.k8s_v1 import ConfigMap, Event, Node, NodeStatus, Pod, PodStatus, Secret, Service
from kubesim.model.runtime_class import RuntimeClass
from kubesim.policy.http_get import HttpAnswer, HttpRequest
from kubesim.policy.probe_outcome import HealthAnswer


class ApiClient(Protocol):
    """The API server as a kubelet meets it."""

    def patch_pod_status(self, uid: str, status: PodStatus) -> Pod | None:
        """Write the status of a pod; the pod as stored afterwards, None when it is gone."""

    def delete_pod_now(self, uid: str) -> None:
        """DELETE with gracePeriodSeconds 0 and the uid as precondition."""

    def create_mirror_pod(self, pod: Pod) -> str:
        """Create the mirror pod of a static pod; empty, or why the API server did not."""

    def delete_mirror_pod(self, namespace: str, name: str, uid: str | None) -> bool:
        """DELETE with gracePeriodSeconds 0 of the pod with that uid, None being any; False when there is none."""

    def get_secret(self, namespace: str, name: str) -> Secret | None:
        """A Secret, None when there is none of this name."""

    def get_config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """A ConfigMap, None when there is none of this name."""

    def get_runtime_class(self, name: str) -> RuntimeClass | None:
        """A RuntimeClass, None when there is none of this name."""

    def create_token(self, pod: Pod, audiences: tuple[str, ...], expiration_seconds: int) -> ServiceAccountToken:
        """A token for the service account of a pod, bound to that pod."""

    def services(self) -> Sequence[Service]:
        """The Services of all namespaces."""

    def create_event(self, event: Event) -> None:
        """Store a new Event."""

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        """Change a stored Event; False when it is not there any more."""

    def get_node(self) -> Node | None:
        """This kubelet's Node object, None before it is registered."""

    def register_node(self, node: Node) -> None:
        """Create the Node object."""

    def patch_node_status(self, status: NodeStatus) -> None:
        """Write the status of the Node object."""


class FileAttributes(Protocol):
    """Who owns a file, and who may do what with it."""

    @property
    def mode(self) -> int:
        """Permission bits with setuid, setgid and sticky."""

    @property
    def gid(self) -> int:
        """The group."""


class HostFiles(Protocol):
    """Files of the host, as far as a kubelet touches them: pod directories and container logs."""

    def read(self, path: str) -> bytes | None:
        """Content of a file, None when there is none."""

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Create or replace a file."""

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        """Create a directory and its parents; fine when it exists."""

    def remove(self, path: str) -> None:
        """Remove a file or a whole directory; fine when it is not there."""

    def kind(self, path: str) -> str | None:
        """ "file", "directory", "symlink", another of userland's FileKind, or None. A link is not followed."""

    def stat(self, path: str) -> FileAttributes | None:
        """What is at a path, None for nothing. A link is not followed."""

    def mount_tmpfs(self, path: str, size_bytes: int | None) -> None:
        """Keep what lies in a directory in memory, where the host can do that; elsewhere it stays on the disk."""

    @property
    def can_bind(self) -> bool:
        """Whether `bind` works here."""

    def bind(self, source: str, path: str) -> None:
        """Let those who mount `path` from now on have what is at `source`, until `path` is removed."""

    def list_dir(self, path: str) -> list[str]:
        """Names in a directory."""

    def make_link(self, path: str, target: str) -> None:
        """Create a symbolic link."""

    def read_link(self, path: str) -> str:
        """Where a symbolic link points."""

    def rename(self, path: str, to_path: str) -> None:
        """Move, replacing what is at `to_path`."""

    def set_mode(self, path: str, mode: int) -> None:
        """Change the permission bits."""

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        """Change the owner."""


class PodNetwork(Protocol):
    """The network of the node, from which the kubelet reaches its pods for probes and lifecycle hooks.

    A call that fails raises OSError with Go's text of the failure, and TimeoutError when `timeout_ns` has passed.
    """

    async def connect(self, host: str, port: int, *, timeout_ns: int) -> None:
        """Open a TCP connection, and close it."""

    async def get(self, request: HttpRequest, *, timeout_ns: int | None, keeps_alive: bool) -> HttpAnswer:
        """Send one request and read its answer, redirects included; `timeout_ns` None waits for ever.

        `keeps_alive` is for the headers only: every request has a connection of its own.
        """

    async def check_health(self, host: str, port: int, service: str, *, agent: str, timeout_ns: int) -> HealthAnswer:
        """gRPC's Check of a service. A failure of the connection or of time is an answer too."""


class Disk(Protocol):
    """The disks of the machine, as cAdvisor shows them to a kubelet."""

    def usage(self, path: str) -> tuple[int, int]:
        """Capacity and available bytes of the file system that `path` is on; both 0 when it is not known."""


class Memory(Protocol):
    """The memory of the machine, as cAdvisor shows it to a kubelet."""

    def usage(self) -> tuple[int, int]:
        """Bytes that are available on the machine, and the working set of all containers."""


class InhibitorLock(Protocol):
    """A delay lock of logind; closing it lets a shutdown go on."""

    def close(self) -> None:
        """Release the lock."""


class Logind(Protocol):
    """systemd-logind as the kubelet uses it over D-Bus (kubernetes: pkg/kubelet/nodeshutdown/systemd/inhibit_linux.go).

    A call that fails raises OSError with the text of the failure.
    """

    def inhibit_delay_max_usec(self) -> int:
        """The property InhibitDelayMaxUSec."""

    def write_drop_in(self, name: str, text: str) -> None:
        """Write /etc/systemd/logind.conf.d/<name>."""

    def reload(self) -> None:
        """KillUnit("systemd-logind.service", "all", SIGHUP): read the configuration again."""

    def inhibit(self, *, what: str, who: str, why: str, mode: str) -> InhibitorLock:
        """Take a lock."""

    def subscribe(
        self, on_signal: Callable[[Sequence[object]], object], on_close: Callable[[], object]
    ) -> Callable[[], None]:
        """Call `on_signal(body)` at PrepareForShutdown signals and `on_close()` when the bus connection ends.

        Returns the function that ends the subscription. The body of a sane signal is one boolean.
        """


class ServiceControlManager(Protocol):
    """The Windows service control manager as the kubelet uses it (kubernetes: pkg/kubelet/nodeshutdown, Windows).

    A call that fails raises OSError with the text of the failure.
    """

    def is_service(self) -> bool:
        """Whether the kubelet runs as the service `kubelet`."""

    def dependencies(self) -> Sequence[str]:
        """Services the kubelet service depends on."""

    def preshutdown_order(self) -> Sequence[str]:
        """The registry value PreshutdownOrder."""

    def set_preshutdown_order(self, order: Sequence[str]) -> None:
        """Write the registry value."""

    def preshutdown_timeout_ms(self) -> int:
        """SERVICE_CONFIG_PRESHUTDOWN_INFO of the kubelet service."""

    def set_preshutdown_timeout_ms(self, timeout_ms: int) -> None:
        """Change it; a host may refuse silently, so read it back."""

    def subscribe(self, handler: Callable[[Callable[[], object]], object]) -> Callable[[], None]:
        """Call `handler(done)` at SERVICE_CONTROL_PRESHUTDOWN; the host waits for `done()`, or until time is up.

        Returns the function that ends the subscription, as the end of the process does.
        """
