"""Reads what the runtime says about one sandbox or one container, and what a container left in its files.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go (toKubeContainerStatus, getTerminationMessage) and
kuberuntime_sandbox.go (determinePodSandboxIPs).

Each answer brings texts of its own. Ids of sandboxes and names of images are in several that are kept, or in those of
many pods, so they are interned: kept once.
"""

from __future__ import annotations

import ipaddress
from sys import intern
from typing import NamedTuple

from msgspec import Struct

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.last_made import LastMade
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.runtime_resources import ReportedResources
from kubesim.kubelet.stop_signals import stop_signal_name
from kubesim.model import k8s_v1 as v1
from kubesim.policy.go_path import go_clean
from kubesim.policy.pod_view import (
    ContainerUser,
    ImageVolumeMount,
    LinuxUser,
    NetworkMode,
    RuntimeContainer,
    RuntimePod,
    RuntimeSandbox,
    RuntimeState,
)
from kubesim.policy.windows_paths import absolute_path

TERMINATION_MESSAGE_BYTES_MAX = 4096
FALLBACK_LINES_MAX = 80
FALLBACK_BYTES_MAX = 2048

STATES = {
    api.CONTAINER_CREATED: RuntimeState.CREATED,
    api.CONTAINER_RUNNING: RuntimeState.RUNNING,
    api.CONTAINER_EXITED: RuntimeState.EXITED,
}
"""The rest is UNKNOWN."""


class _Read(Struct, frozen=True, kw_only=True, gc=False):
    """A container as its status was read, with what else it was made from.

    That is the end of the file with its message (an empty path for none), and the resources that the kubelet gave it.
    """

    container: RuntimeContainer
    message_path: str
    message_tail: bytes
    actuated: v1.ResourceRequirements | None


class _Message(NamedTuple):
    """What a container said at its end. `path` is the file that was read, empty for none.

    `is_of_log` says that its log was read as well.
    """

    text: str
    path: str = ""
    tail: bytes = b""
    is_of_log: bool = False


class RuntimeAnswers:
    """Reads answers of the runtime. `runtime_name` (of CRI Version) prefixes container ids in status."""

    def __init__(
        self, host_files: HostFiles, resources: ReportedResources, *, runtime_name: str, is_windows: bool
    ) -> None:
        self._host_files = host_files
        self._resources = resources
        self._runtime_name = runtime_name
        self._is_windows = is_windows
        self._sandboxes = LastMade[bytes, RuntimeSandbox]()
        self._containers = LastMade[bytes, _Read]()

    def sandbox(self, sandbox_id: str, answer: bytes) -> RuntimeSandbox:
        """A sandbox by an answer of PodSandboxStatus."""
        known = self._sandboxes.get(sandbox_id, answer)
        if known is None:
            known = read_sandbox(api.PodSandboxStatusResponse.FromString(answer).status)
            self._sandboxes.put(sandbox_id, answer, known)
        return known

    def container(self, uid: str, container_id: str, answer: bytes, *, sandbox_id: str) -> RuntimeContainer:
        """A container of the pod `uid` by an answer of ContainerStatus.

        It is read anew if the answer is another one, or the file with its message, or what it was given.
        """
        known = self._containers.get(container_id, answer)
        if known is not None and self._is_as_before(uid, known):
            return known.container
        status = api.ContainerStatusResponse.FromString(answer).status
        message = self._message(status)
        found = self._read(uid, status, sandbox_id, message.text)
        if not message.is_of_log:
            # A log can be long, and nobody keeps a second one of it to see that it is the same.
            read = _Read(
                container=found,
                message_path=message.path,
                message_tail=message.tail,
                actuated=self._resources.actuated(uid, found.name),
            )
            self._containers.put(container_id, answer, read)
        return found

    def _is_as_before(self, uid: str, known: _Read) -> bool:
        if known.actuated is not self._resources.actuated(uid, known.container.name):
            return False
        return not known.message_path or known.message_tail == self._message_tail(known.message_path)

    def of_event(self, event: api.ContainerEventResponse) -> RuntimePod:
        """The pod as an event of the runtime shows it: with its one sandbox. Mirrors GeneratePodStatus."""
        sandbox = read_sandbox(event.pod_sandbox_status)
        containers = sorted(event.containers_statuses, key=lambda one: -one.created_at)
        return RuntimePod(
            sandboxes=(sandbox,),
            containers=tuple(
                self._read(event.pod_sandbox_status.metadata.uid, one, sandbox.id, self._message(one).text)
                for one in containers
            ),
        )

    def _read(self, uid: str, status: api.ContainerStatus, sandbox_id: str, message: str) -> RuntimeContainer:
        return RuntimeContainer(
            name=status.metadata.name,
            id=f"{self._runtime_name}://{status.id}",
            state=STATES.get(status.state, RuntimeState.UNKNOWN),
            sandbox_id=sandbox_id,
            created_at_ns=status.created_at,
            started_at_ns=status.started_at,
            finished_at_ns=status.finished_at,
            exit_code=status.exit_code,
            reason=status.reason,
            message=message,
            image=intern(status.image.image),
            image_ref=intern(status.image_ref),
            restart_count=labels.restart_count(status.annotations),
            hash=status.annotations.get(labels.HASH, ""),
            user=_user(status),
            stop_signal=stop_signal_name(status.stop_signal),
            resources=self._resources.of(uid, status),
            image_mounts=tuple([_image_mount(one) for one in status.mounts if one.HasField("image")]),
        )

    def _message(self, status: api.ContainerStatus) -> _Message:
        if status.state != api.CONTAINER_EXITED:
            return _Message(status.message)
        inside = status.annotations.get(labels.TERMINATION_MESSAGE_PATH, "")
        if inside:
            inside = absolute_path(inside) if self._is_windows else go_clean(f"/{inside}")
        path = next((one.host_path for one in status.mounts if inside and one.container_path == inside), "")
        tail = text = self._message_tail(path) if path else b""
        policy = status.annotations.get(labels.TERMINATION_MESSAGE_POLICY, "")
        wants_logs = policy == "FallbackToLogsOnError" and status.exit_code != 0
        is_of_log = not tail and wants_logs and status.reason != "ContainerCannotRun"
        if is_of_log:
            text = _log_tail(self._host_files.read(status.log_path) or b"")
        message = text.decode(errors="replace")
        if status.message and message:
            message = f"{status.message}: {message}"
        return _Message(message or status.message, path, tail, is_of_log)

    def _message_tail(self, path: str) -> bytes:
        return (self._host_files.read(path) or b"")[-TERMINATION_MESSAGE_BYTES_MAX:]


def read_sandbox(status: api.PodSandboxStatus) -> RuntimeSandbox:
    """A sandbox as the runtime shows it. Its addresses are None when it tells nothing of a network."""
    mode = status.linux.namespaces.options.network
    ips: tuple[str, ...] | None = None
    if status.HasField("network"):
        found = [status.network.ip, *(one.ip for one in status.network.additional_ips)]
        ips = tuple(found) if all(_is_ip(ip) for ip in found) else ()
    return RuntimeSandbox(
        id=intern(status.id),
        is_ready=status.state == api.SANDBOX_READY,
        attempt=status.metadata.attempt,
        created_at_ns=status.created_at,
        network_mode=NetworkMode.NODE if mode == api.NODE else NetworkMode.POD,
        ips=ips,
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _image_mount(mount: api.Mount) -> ImageVolumeMount:
    image = mount.image
    return ImageVolumeMount(container_path=mount.container_path, image=image.image, image_ref=image.image_ref)


def _user(status: api.ContainerStatus) -> ContainerUser | None:
    if not status.HasField("user"):
        return None
    if not status.user.HasField("linux"):
        return ContainerUser()
    linux = status.user.linux
    return ContainerUser(
        linux=LinuxUser(uid=linux.uid, gid=linux.gid, supplemental_groups=tuple(linux.supplemental_groups))
    )


def _log_tail(log: bytes) -> bytes:
    """The last lines of a CRI log without their three leading fields, within the kubelet's limits."""
    lines = log.splitlines(keepends=True)[-FALLBACK_LINES_MAX:]
    tail = b""
    for line in lines:
        fields = line.split(b" ", 3)
        if len(fields) == 4:
            tail += fields[3] if fields[2].startswith(b"F") else fields[3].rstrip(b"\n")
    return tail[-FALLBACK_BYTES_MAX:]
