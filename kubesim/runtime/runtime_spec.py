"""The OCI runtime spec in verbose answers: the parts that tools look for, in one consistent story.

What an emulator has no use for (seccomp rules, device lists, masked paths of its own) is left out, not made up.
Mirrors containerd: internal/cri/server/container_create.go, buildLinuxSpec, and podsandbox/sandbox_run_linux.go;
CRI-O: server/container_create.go and sandbox_run_linux.go.
"""

from __future__ import annotations

from typing import Any

from kubesim.cri import api
from kubesim.policy.cgroup_parent import container_cgroups_path
from kubesim.runtime.container_privileges import (
    capabilities_of,
    masked_paths_of,
    read_only_paths_of,
    sysctls_of,
)
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox

_OCI_VERSION = "1.2.1"
_SYSTEM_MOUNTS = (
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
)
_PROPAGATION = {
    api.PROPAGATION_PRIVATE: "rprivate",
    api.PROPAGATION_HOST_TO_CONTAINER: "rslave",
    api.PROPAGATION_BIDIRECTIONAL: "rshared",
}
_SHARED_NAMESPACES = (("ipc", "ipc"), ("uts", "uts"), ("network", "net"))


def container_spec(daemon: Daemon, container: Container) -> dict[str, Any]:
    """The spec of a container."""
    security = container.config.linux.security_context
    spec: dict[str, Any] = {
        "ociVersion": _OCI_VERSION,
        "process": _process(daemon, container),
        "root": {"path": "rootfs", **({"readonly": True} if security.readonly_rootfs else {})},
        "mounts": _mounts(container),
        "annotations": _annotations(daemon, container),
        "linux": {
            "resources": _resources(container.resources),
            "cgroupsPath": _cgroups_path(daemon, container.sandbox, container.id),
            "namespaces": _namespaces(daemon, container),
            "maskedPaths": list(masked_paths_of(container)),
            "readonlyPaths": list(read_only_paths_of(container)),
        },
    }
    if daemon.profile.texts == "cri-o":
        spec["hostname"] = container.sandbox.hostname
    return spec


def sandbox_spec(daemon: Daemon, sandbox: Sandbox) -> dict[str, Any]:
    """The spec of a sandbox's own container."""
    return {
        "ociVersion": _OCI_VERSION,
        "process": {"user": {"uid": 65535, "gid": 65535}, "args": ["/pause"], "cwd": "/", "oomScoreAdj": -998},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": sandbox.hostname,
        "annotations": _sandbox_annotations(daemon, sandbox),
        "linux": {
            "sysctl": {name: value.replace("\t", " ") for name, value in sysctls_of(daemon, sandbox).items()},
            "cgroupsPath": _cgroups_path(daemon, sandbox, sandbox.id),
            "namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                *([] if sandbox.uses_node_network else [{"type": "network", "path": network_namespace_path(sandbox)}]),
            ],
        },
    }


def network_namespace_path(sandbox: Sandbox) -> str:
    """Where the sandbox's network namespace is pinned; "" with the node's."""
    if sandbox.uses_node_network:
        return ""
    digits = sandbox.id
    return f"/var/run/netns/cni-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _process(daemon: Daemon, container: Container) -> dict[str, Any]:
    plan = container.plan
    capabilities = list(capabilities_of(daemon, container))
    process: dict[str, Any] = {
        **({"terminal": True} if plan.has_tty else {}),
        "user": _user(container),
        "args": list(plan.argv),
        "env": [f"{name}={value}" for name, value in plan.env],
        "cwd": plan.cwd,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        "noNewPrivileges": container.config.linux.security_context.no_new_privs,
        "oomScoreAdj": container.resources.oom_score_adj,
    }
    return process


def _user(container: Container) -> dict[str, Any]:
    identity = container.identity
    if identity is None:
        return {"uid": 0, "gid": 0, "username": container.config.windows.security_context.run_as_username}
    user: dict[str, Any] = {"uid": identity.uid, "gid": identity.gid}
    if identity.supplemental_groups:
        user["additionalGids"] = list(identity.supplemental_groups)
    return user


def _mounts(container: Container) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"destination": destination, "type": kind, "source": source, "options": options}
        for destination, kind, source, options in _SYSTEM_MOUNTS
    ]
    own = {mount.container_path for mount in container.mounts}
    directory = container.sandbox.files_directory
    for destination in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):
        if destination not in own:
            source = f"{directory}/{destination.rpartition('/')[2]}"
            mounts.append(_bind(destination, source, ["rbind", "rprivate", "rw"]))
    for mount in container.mounts:
        access = ("rro" if mount.recursive_read_only else "ro") if mount.readonly else "rw"
        options = ["rbind", _PROPAGATION.get(mount.propagation, "rprivate"), access]
        mounts.append(_bind(mount.container_path, mount.host_path, options))
    return mounts


def _bind(destination: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": options}


def _resources(resources: api.LinuxContainerResources) -> dict[str, Any]:
    cpu = {
        "shares": resources.cpu_shares,
        "quota": resources.cpu_quota,
        "period": resources.cpu_period,
        "cpus": resources.cpuset_cpus,
        "mems": resources.cpuset_mems,
    }
    memory = {"limit": resources.memory_limit_in_bytes, "swap": resources.memory_swap_limit_in_bytes}
    parts = {
        "memory": {key: value for key, value in memory.items() if value},
        "cpu": {key: value for key, value in cpu.items() if value},
        "unified": dict(resources.unified),
    }
    return {key: value for key, value in parts.items() if value}


def _cgroups_path(daemon: Daemon, sandbox: Sandbox, object_id: str) -> str:
    parent = sandbox.config.linux.cgroup_parent
    path = container_cgroups_path(parent, object_id)
    if daemon.profile.texts == "cri-o":
        path = path.replace(":cri-containerd:", ":crio:")
        if ":" not in path:
            path = f"{path[: -len(object_id)]}crio-{object_id}"
    return path


def _namespaces(daemon: Daemon, container: Container) -> list[dict[str, str]]:
    sandbox = container.sandbox
    options = container.config.linux.security_context.namespace_options
    pause_pid = sandbox.pause_pid
    namespaces: list[dict[str, str]] = []
    if container.pid_mode == api.CONTAINER:
        namespaces.append({"type": "pid"})
    elif container.pid_mode != api.NODE:
        namespaces.append({"type": "pid", "path": f"/proc/{pause_pid}/ns/pid"})
    for kind, name in _SHARED_NAMESPACES:
        if kind == "network" and options.network == api.NODE:
            continue
        if kind == "ipc" and options.ipc == api.NODE:
            continue
        path = f"/proc/{pause_pid}/ns/{name}"
        if daemon.profile.texts == "cri-o":
            path = f"/var/run/{name}ns/{container.sandbox.id[:32]}"
        namespaces.append({"type": kind, "path": path})
    return [*namespaces, {"type": "mount"}, {"type": "cgroup"}]


def _annotations(daemon: Daemon, container: Container) -> dict[str, str]:
    sandbox = container.sandbox
    if daemon.profile.texts == "cri-o":
        return {
            "io.container.manager": "cri-o",
            "io.kubernetes.cri-o.ContainerID": container.id,
            "io.kubernetes.cri-o.ContainerType": "container",
            "io.kubernetes.cri-o.Image": container.config.image.image,
            "io.kubernetes.cri-o.ImageName": container.some_image_name,
            "io.kubernetes.cri-o.ImageRef": container.image_ref,
            "io.kubernetes.cri-o.LogPath": container.log_path,
            "io.kubernetes.cri-o.Name": container.name,
            "io.kubernetes.cri-o.SandboxID": sandbox.id,
            "io.kubernetes.cri-o.SandboxName": sandbox.name,
            "io.kubernetes.cri-o.TTY": str(container.config.tty).lower(),
        }
    return {
        "io.kubernetes.cri.container-name": container.config.metadata.name,
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.image-name": container.config.image.user_specified_image or container.some_image_name,
        "io.kubernetes.cri.sandbox-id": sandbox.id,
        "io.kubernetes.cri.sandbox-name": sandbox.config.metadata.name,
        "io.kubernetes.cri.sandbox-namespace": sandbox.config.metadata.namespace,
        "io.kubernetes.cri.sandbox-uid": sandbox.config.metadata.uid,
    }


def _sandbox_annotations(daemon: Daemon, sandbox: Sandbox) -> dict[str, str]:
    if daemon.profile.texts == "cri-o":
        return {
            "io.container.manager": "cri-o",
            "io.kubernetes.cri-o.ContainerType": "sandbox",
            "io.kubernetes.cri-o.SandboxID": sandbox.id,
            "io.kubernetes.cri-o.Name": sandbox.name,
            "io.kubernetes.cri-o.HostName": sandbox.hostname,
            "io.kubernetes.cri-o.CgroupParent": sandbox.config.linux.cgroup_parent,
            "io.kubernetes.cri-o.IP.0": sandbox.ip,
        }
    return {
        "io.kubernetes.cri.container-type": "sandbox",
        "io.kubernetes.cri.sandbox-id": sandbox.id,
        "io.kubernetes.cri.sandbox-log-directory": sandbox.config.log_directory,
        "io.kubernetes.cri.sandbox-name": sandbox.config.metadata.name,
        "io.kubernetes.cri.sandbox-namespace": sandbox.config.metadata.namespace,
        "io.kubernetes.cri.sandbox-uid": sandbox.config.metadata.uid,
    }
