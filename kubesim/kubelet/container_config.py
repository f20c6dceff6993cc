"""The ContainerConfig that the kubelet hands to CreateContainer.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go (generateContainerConfig), labels.go,
pkg/kubelet/kubelet_pods.go (GenerateRunContainerOptions, makeHostsMount) and
kuberuntime_container_linux.go (generateLinuxContainerConfig).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from kubesim.cri import api
from kubesim.kubelet import labels
from kubesim.kubelet.annotation_json import handler_json, ports_json
from kubesim.kubelet.container_hash import container_hash
from kubesim.kubelet.container_resources import linux_resources
from kubesim.kubelet.environment import Environments
from kubesim.kubelet.hosts_file import hosts_file
from kubesim.kubelet.last_made import LastMade
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.security_config import (
    has_host_process,
    linux_security_context,
    non_root_problem,
    windows_security_context,
)
from kubesim.kubelet.stop_signals import requested_stop_signal
from kubesim.kubelet.volumes import ContainerConfigError, ImageVolume, PodVolumes
from kubesim.kubelet.windows_resources import windows_resources
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_expansion import expand_words
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_path import go_clean
from kubesim.policy.qos import QosClass
from kubesim.policy.windows_paths import absolute_path

AnyContainer = v1.Container | v1.EphemeralContainer

TERMINATION_LOG_MODE = 0o666
HOSTS_PATHS = {"linux": "/etc/hosts", "windows": r"C:\Windows\System32\drivers\etc\hosts"}
"""Where containers find the file of the names that the kubelet manages, by operating system."""


class ContainerRequest(Struct, frozen=True, kw_only=True):
    """All that one container's configuration is made from.

    `image_uid` and `image_username` are what ImageStatus says, None and "" before it is asked; `unique` is eight hex
    digits for the termination log.
    """

    pod: v1.Pod
    container: AnyContainer
    attempt: int
    qos: QosClass
    image_ref: str
    image_uid: int | None = None
    image_username: str = ""
    pod_ips: tuple[str, ...]
    image_volumes: Mapping[str, ImageVolume]
    target_container_id: str
    user_namespace: api.UserNamespace | None
    unique: str


class RunOptions(Struct, frozen=True, kw_only=True, gc=False):
    """What is made from the pod alone, before the runtime is asked about the image. Upstream RunContainerOptions."""

    environment: Mapping[str, str]
    mounts: list[api.Mount]


class ContainerConfigs:
    """Builds container configurations for one node."""

    def __init__(
        self,
        node: NodeSettings,
        host_files: HostFiles,
        directories: PodDirectories,
        volumes: PodVolumes,
        environments: Environments,
    ) -> None:
        self._node = node
        self._host_files = host_files
        self._directories = directories
        self._volumes = volumes
        self._environments = environments
        self._last = LastMade[tuple[object, ...], bytes]()

    def options(self, request: ContainerRequest) -> RunOptions:
        """Variables and mounts. Raises ContainerConfigError with the kubelet's text."""
        environment = self._environments.of(request.pod, request.container, pod_ips=request.pod_ips)
        return RunOptions(environment=environment, mounts=self._mounts(request, environment))

    def build(self, request: ContainerRequest, options: RunOptions) -> api.ContainerConfig:
        """The configuration. Raises ContainerConfigError when the image may not run as the user that it says."""
        pod, container, environment = request.pod, request.container, options.environment
        config = self._config(request)
        self._host_files.make_dirs(self._directories.container_logs(pod, container.name))
        config.metadata.attempt = request.attempt
        config.annotations[labels.RESTART_COUNT] = str(request.attempt)
        config.log_path = self._directories.log(container.name, request.attempt)
        config.command.extend(expand_words(container.command, environment))
        config.args.extend(expand_words(container.args, environment))
        config.mounts.extend(options.mounts)
        for name, value in environment.items():
            config.envs.add(key=name, value=value.encode(errors="surrogateescape"))
        if request.user_namespace is not None and self._node.os == "linux":
            for mount in config.mounts:
                mount.uidMappings.extend(request.user_namespace.uids)
                mount.gidMappings.extend(request.user_namespace.gids)
        return config

    def _config(self, request: ContainerRequest) -> api.ContainerConfig:
        """What each start of the container is told alike, as long as pod, image and sandbox say the same of it."""
        pod, meta = request.pod, request.pod.metadata
        key = f"{meta.uid}/{request.container.name}"
        source = (
            *(pod.spec, request.container, meta.name, meta.namespace, meta.annotations),
            *(meta.deletion_grace_period_seconds, request.qos, request.image_ref, request.image_uid),
            *(request.image_username, request.target_container_id, request.user_namespace),
        )
        known = self._last.get(key, source)
        if known is not None:
            return api.ContainerConfig.FromString(known)
        config = self._new_config(request)
        self._last.put(key, source, config.SerializeToString())
        return config

    def _new_config(self, request: ContainerRequest) -> api.ContainerConfig:
        pod, container, node = request.pod, request.container, self._node
        refusal = non_root_problem(
            pod,
            container,
            image_uid=request.image_uid,
            image_username=request.image_username,
            os=node.os,
            minor=node.minor,
        )
        if refusal:
            raise ContainerConfigError(refusal)
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name=container.name),
            image=api.ImageSpec(image=request.image_ref, user_specified_image=container.image),
            working_dir=container.working_dir,
            labels=_labels(pod, container),
            annotations=_annotations(pod, container),
            stdin=container.stdin,
            stdin_once=container.stdin_once,
            tty=container.tty,
        )
        if gate_enabled(node.gates, "ContainerStopSignals"):
            config.stop_signal = requested_stop_signal(container)
        if node.os == "linux":
            config.linux.resources.CopyFrom(linux_resources(pod, container, qos=request.qos, node=node))
            config.linux.security_context.CopyFrom(
                linux_security_context(request, node, root_directory=self._directories.root)
            )
        else:
            config.windows.resources.CopyFrom(windows_resources(container, processors=node.processors))
            config.windows.security_context.CopyFrom(windows_security_context(request))
        return config

    def _mounts(self, request: ContainerRequest, environment: Mapping[str, str]) -> list[api.Mount]:
        pod, container = request.pod, request.container
        mounts = self._volumes.mounts(pod, container, environment=environment, image_volumes=request.image_volumes)
        is_windows, hosts_path = self._node.os == "windows", HOSTS_PATHS[self._node.os]
        is_taken = any(one.mount_path == hosts_path for one in container.volume_mounts)
        has_hosts_file = bool(request.pod_ips or pod.spec.host_network) and not (is_windows and has_host_process(pod))
        if has_hosts_file and not is_taken:
            path = self._directories.etc_hosts(pod.metadata.uid)
            self._host_files.write(path, hosts_file(pod, request.pod_ips, self._node).encode(), 0o644)
            mounts.append(api.Mount(container_path=hosts_path, host_path=path, selinux_relabel=True))
        path = self._directories.termination_log(pod.metadata.uid, container.name, request.unique)
        self._host_files.make_dirs(path[: -len(request.unique) - 1])
        self._host_files.write(path, b"", TERMINATION_LOG_MODE)
        # On a real disk the kubelet's umask took bits away, and a container of any user writes its message.
        self._host_files.set_mode(path, TERMINATION_LOG_MODE)
        inside = container.termination_message_path
        mounts.append(
            api.Mount(
                container_path=absolute_path(inside) if is_windows else go_clean(f"/{inside}"),
                host_path=path,
                selinux_relabel=not is_windows,
            )
        )
        if not self._node.has_selinux:
            for one in mounts:
                one.selinux_relabel = False
        return mounts


def _labels(pod: v1.Pod, container: AnyContainer) -> dict[str, str]:
    return {
        labels.POD_NAME: pod.metadata.name,
        labels.POD_NAMESPACE: pod.metadata.namespace,
        labels.POD_UID: pod.metadata.uid,
        labels.CONTAINER_NAME: container.name,
    }


def _annotations(pod: v1.Pod, container: AnyContainer) -> dict[str, str]:
    """All but the restart count."""
    result = {
        labels.HASH: container_hash(container.name, container.image),
        labels.TERMINATION_MESSAGE_PATH: container.termination_message_path,
        labels.TERMINATION_MESSAGE_POLICY: container.termination_message_policy,
    }
    if pod.metadata.deletion_grace_period_seconds is not None:
        result[labels.POD_DELETION_GRACE] = str(pod.metadata.deletion_grace_period_seconds)
    if pod.spec.termination_grace_period_seconds is not None:
        result[labels.POD_TERMINATION_GRACE] = str(pod.spec.termination_grace_period_seconds)
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        result[labels.PRE_STOP_HANDLER] = handler_json(container.lifecycle.pre_stop)
    if container.ports:
        result[labels.PORTS] = ports_json(container.ports)
    return result
