"""The annotations that a runtime writes into OCI specs, for its own restarts and for hooks.

Mirrors containerd: internal/cri/annotations/annotations.go, DefaultCRIAnnotations, and
internal/cri/server/podsandbox/sandbox_run_linux.go; CRI-O: internal/factory/container/container.go, SpecAddAnnotations,
and server/sandbox_run_linux.go, setupSandboxAnnotations.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.policy.security_profile import LOCALHOST, RUNTIME_DEFAULT
from kubesim.runtime.container_log import timestamp
from kubesim.runtime.container_security import applied_profile
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_json import go_json
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.spec_mounts import overlay_path, sandbox_file

_CRI = "io.kubernetes.cri."
_CRIO = "io.kubernetes.cri-o."
_MANAGER = {"io.container.manager": "cri-o"}
_GRACE_PERIOD = "io.kubernetes.pod.terminationGracePeriod"


def containerd_container_annotations(container: Container) -> dict[str, str]:
    """Those of a container in containerd."""
    return {
        f"{_CRI}container-name": container.config.metadata.name,
        f"{_CRI}container-type": "container",
        f"{_CRI}image-name": container.config.image.user_specified_image or container.some_image_name,
        **_pod(container.sandbox),
    }


def containerd_sandbox_annotations(daemon: Daemon, sandbox: Sandbox) -> dict[str, str]:
    """Those of a sandbox in containerd; its resources are there when the request has the message."""
    linux = sandbox.config.linux
    resources = linux.resources
    sizes = {
        f"{_CRI}sandbox-cpu-period": resources.cpu_period,
        f"{_CRI}sandbox-cpu-quota": resources.cpu_quota,
        f"{_CRI}sandbox-cpu-shares": resources.cpu_shares,
        f"{_CRI}sandbox-memory": resources.memory_limit_in_bytes,
    }
    return {
        f"{_CRI}container-type": "sandbox",
        f"{_CRI}podsandbox.image-name": daemon.profile.pause_image,
        f"{_CRI}sandbox-log-directory": sandbox.config.log_directory,
        **({key: str(value) for key, value in sizes.items()} if linux.HasField("resources") else {}),
        **_pod(sandbox),
    }


def _pod(sandbox: Sandbox) -> dict[str, str]:
    metadata = sandbox.config.metadata
    return {
        f"{_CRI}sandbox-id": sandbox.id,
        f"{_CRI}sandbox-name": metadata.name,
        f"{_CRI}sandbox-namespace": metadata.namespace,
        f"{_CRI}sandbox-uid": metadata.uid,
    }


def crio_container_annotations(daemon: Daemon, container: Container) -> dict[str, str]:
    """Those of a container in CRI-O: its own on top of what the sandbox and the request have."""
    sandbox, config = container.sandbox, container.config
    own = {
        "Annotations": go_json(dict(sorted(config.annotations.items()))),
        "ContainerID": container.id,
        "ContainerType": "container",
        "Created": timestamp(container.life.created_at_ns, has_fixed_digits=False),
        "Image": config.image.user_specified_image or config.image.image,
        "ImageName": container.some_image_name,
        "ImageRef": daemon.images.shown_id(container.image),
        "ImageRepoDigests": container.image_ref,
        "Labels": go_json(dict(sorted(config.labels.items()))),
        "LogPath": container.log_path,
        "Metadata": go_json(config.metadata),
        "MountPoint": overlay_path(container.id),
        "Name": container.name,
        "ResolvPath": sandbox_file(sandbox, "resolv.conf", is_crio=True),
        "SandboxID": sandbox.id,
        "SandboxName": sandbox.name,
        "SeccompProfilePath": _seccomp_path(daemon, config.linux.security_context),
        "Stdin": _bool(config.stdin),
        "StdinOnce": _bool(config.stdin_once),
        "TTY": _bool(config.tty),
        "Volumes": go_json([_volume(mount) for mount in container.mounts]),
        **{f"IP.{number}": ip for number, ip in enumerate(sandbox.ips)},
    }
    systemd: dict[str, str] = {}
    if daemon.cgroup_driver == "systemd":
        systemd = {
            "org.systemd.property.After": "['crio.service']",
            "org.systemd.property.DefaultDependencies": "true",
        }
        if _GRACE_PERIOD in config.annotations:
            systemd["org.systemd.property.TimeoutStopUSec"] = f"uint64 {config.annotations[_GRACE_PERIOD]}000000"
    return {
        **sandbox.config.annotations,
        **_MANAGER,
        **{f"{_CRIO}{key}": value for key, value in own.items()},
        **config.annotations,
        **config.labels,
        **systemd,
    }


def crio_sandbox_annotations(daemon: Daemon, sandbox: Sandbox) -> dict[str, str]:
    """Those of a sandbox in CRI-O."""
    config = sandbox.config
    pause = daemon.profile.pause_image
    own = {
        "Annotations": go_json(dict(sorted(config.annotations.items()))),
        "CgroupParent": config.linux.cgroup_parent,
        "ContainerID": sandbox.id,
        "ContainerName": f"k8s_POD_{sandbox.name.removeprefix(daemon.profile.name_prefix)}",
        "ContainerType": "sandbox",
        "Created": timestamp(sandbox.life.created_at_ns, has_fixed_digits=False),
        "HostName": sandbox.hostname,
        "HostNetwork": _bool(sandbox.uses_node_network),
        "HostnamePath": sandbox_file(sandbox, "hostname", is_crio=True),
        "Image": pause,
        "ImageName": pause,
        "KubeName": config.metadata.name,
        "Labels": go_json(dict(sorted(config.labels.items()))),
        "LogPath": config.log_directory or f"{daemon.profile.logs.default_directory}/{sandbox.id}",
        "Metadata": go_json(config.metadata),
        "Name": sandbox.name,
        "Namespace": config.metadata.namespace,
        "NamespaceOptions": go_json(sandbox.namespace_options),
        "PortMappings": go_json(list(config.port_mappings)),
        "PrivilegedRuntime": _bool(config.linux.security_context.privileged),
        "ResolvPath": sandbox_file(sandbox, "resolv.conf", is_crio=True),
        "RuntimeHandler": sandbox.runtime_handler,
        "SandboxID": sandbox.id,
        "SandboxName": sandbox.name,
        "ShmPath": sandbox_file(sandbox, "shm", is_crio=True),
        **{f"IP.{number}": ip for number, ip in enumerate(sandbox.ips)},
    }
    return {
        **config.annotations,
        **config.labels,
        **_MANAGER,
        **{f"{_CRIO}{key}": value for key, value in own.items()},
    }


def _volume(mount: api.Mount) -> dict[str, object]:
    return {
        "container_path": mount.container_path,
        "host_path": mount.host_path,
        "readonly": mount.readonly,
        "recursive_read_only": mount.recursive_read_only,
        "propagation": mount.propagation,
        "selinux_relabel": mount.selinux_relabel,
        **({"image": mount.image} if mount.HasField("image") else {}),
    }


def _seccomp_path(daemon: Daemon, security: api.LinuxContainerSecurityContext) -> str:
    profile = applied_profile("seccomp", security, daemon=daemon)
    return {LOCALHOST: profile.name, RUNTIME_DEFAULT: "RuntimeDefault"}.get(profile.type, "Unconfined")


def _bool(value: bool) -> str:
    return str(value).lower()
