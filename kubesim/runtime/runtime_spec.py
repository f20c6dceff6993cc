"""The OCI runtime spec in verbose answers: the parts that tools look for, in one consistent story.

What an emulator has no use for (seccomp rules, device lists, masked paths of its own) is left out, not made up.
Mirrors containerd: internal/cri/server/container_create.go, buildLinuxSpec, and podsandbox/sandbox_run_linux.go;
CRI-O: server/container_create.go and sandbox_run_linux.go.
"""

from __future__ import annotations

from typing import Any

from kubesim.cri import api
from kubesim.policy.cgroup_parent import container_cgroups_path
from kubesim.policy.security_profile import LOCALHOST, RUNTIME_DEFAULT
from kubesim.runtime.container_privileges import (
    capabilities_of,
    masked_paths_of,
    read_only_paths_of,
    sysctls_of,
)
from kubesim.runtime.container_security import applied_profile, seccomp_document
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.process_plan import DEFAULT_PATH
from kubesim.runtime.spec_annotations import (
    containerd_container_annotations,
    containerd_sandbox_annotations,
    crio_container_annotations,
    crio_sandbox_annotations,
)
from kubesim.runtime.spec_mounts import overlay_path, root_propagation, spec_mounts

_OCI_VERSION = "1.2.1"
_CONTAINERD_NAMESPACE = "k8s.io"
_SECCOMP_DEFAULT = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
}
"""The frame of the default filter; its rules are left out."""


def container_spec(daemon: Daemon, container: Container) -> dict[str, Any]:
    """The spec of a container."""
    security = container.config.linux.security_context
    is_crio = _is_crio(daemon)
    seccomp = _seccomp(daemon, container)
    propagation = root_propagation(container)
    spec: dict[str, Any] = {
        "ociVersion": _OCI_VERSION,
        "process": _process(daemon, container),
        "root": {
            "path": overlay_path(container.id) if is_crio else "rootfs",
            **({"readonly": True} if security.readonly_rootfs else {}),
        },
        **({"hostname": container.sandbox.hostname} if is_crio else {}),
        "mounts": spec_mounts(container, is_crio=is_crio),
        "annotations": (
            crio_container_annotations(daemon, container) if is_crio else containerd_container_annotations(container)
        ),
        "linux": {
            "resources": {
                "devices": [{"allow": security.privileged, "access": "rwm"}],
                **_resources(container.resources),
            },
            "cgroupsPath": _cgroups_path(daemon, container.sandbox, container.id),
            "namespaces": _namespaces(daemon, container),
            **({"seccomp": seccomp} if seccomp else {}),
            **({"rootfsPropagation": propagation} if propagation else {}),
            "maskedPaths": list(masked_paths_of(security)),
            "readonlyPaths": list(read_only_paths_of(security)),
        },
    }
    return spec


def sandbox_spec(daemon: Daemon, sandbox: Sandbox) -> dict[str, Any]:
    """The spec of a sandbox's own container."""
    is_crio = _is_crio(daemon)
    return {
        "ociVersion": _OCI_VERSION,
        "process": {
            "user": {"uid": 65535, "gid": 65535},
            "args": ["/pause"],
            "env": [f"PATH={DEFAULT_PATH}"],
            "cwd": "/",
            "oomScoreAdj": -998,
        },
        "root": {"path": overlay_path(sandbox.id) if is_crio else "rootfs", "readonly": True},
        "hostname": sandbox.hostname,
        "annotations": (
            crio_sandbox_annotations(daemon, sandbox) if is_crio else containerd_sandbox_annotations(daemon, sandbox)
        ),
        "linux": {
            "sysctl": {name: value.replace("\t", " ") for name, value in sysctls_of(daemon, sandbox).items()},
            "resources": {"cpu": {"shares": 2}},
            "cgroupsPath": _cgroups_path(daemon, sandbox, sandbox.id),
            "namespaces": _sandbox_namespaces(sandbox, is_crio=is_crio),
        },
    }


def _is_crio(daemon: Daemon) -> bool:
    return daemon.profile.oci_spec == "cri-o"


def _sandbox_namespaces(sandbox: Sandbox, *, is_crio: bool) -> list[dict[str, str]]:
    options = sandbox.namespace_options
    if is_crio:
        return [
            {"type": "pid"},
            *_crio_pinned(sandbox, options),
            {"type": "mount"},
            {"type": "cgroup"},
        ]
    return [
        *([] if options.pid == api.NODE else [{"type": "pid"}]),
        *([] if options.ipc == api.NODE else [{"type": "ipc"}]),
        *([] if sandbox.uses_node_network else [{"type": "uts"}]),
        {"type": "mount"},
        *([] if sandbox.uses_node_network else [{"type": "network", "path": network_namespace_path(sandbox)}]),
    ]


def network_namespace_path(sandbox: Sandbox) -> str:
    """Where the sandbox's network namespace is pinned; "" with the node's."""
    return "" if sandbox.uses_node_network else f"/var/run/netns/cni-{_uuid(sandbox)}"


def crio_namespace_path(sandbox: Sandbox, directory: str = "netns") -> str:
    """Where CRI-O pins a namespace of a sandbox, the node's as well. Mirrors CRI-O: internal/config/nsmgr."""
    return f"/var/run/{directory}/{_uuid(sandbox)}"


def _uuid(sandbox: Sandbox) -> str:
    digits = sandbox.id
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def _process(daemon: Daemon, container: Container) -> dict[str, Any]:
    plan = container.plan
    security = container.config.linux.security_context
    capabilities = list(capabilities_of(daemon, security))
    process: dict[str, Any] = {
        **({"terminal": True} if plan.has_tty else {}),
        "user": _user(container),
        "args": list(plan.argv),
        "env": [f"{name}={value}" for name, value in plan.env],
        "cwd": plan.cwd,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        "noNewPrivileges": security.no_new_privs,
        "oomScoreAdj": container.resources.oom_score_adj,
        **_apparmor(daemon, security),
    }
    return process


def _apparmor(daemon: Daemon, security: api.LinuxContainerSecurityContext) -> dict[str, str]:
    profile = applied_profile("apparmor", security, daemon=daemon)
    default = "crio-default" if _is_crio(daemon) else "cri-containerd.apparmor.d"
    name = {RUNTIME_DEFAULT: default, LOCALHOST: profile.name}.get(profile.type, "")
    return {"apparmorProfile": name} if name else {}


def _seccomp(daemon: Daemon, container: Container) -> dict[str, Any]:
    profile = applied_profile("seccomp", container.config.linux.security_context, daemon=daemon)
    if profile.type == LOCALHOST:
        return seccomp_document(daemon, container)
    return dict(_SECCOMP_DEFAULT) if profile.type == RUNTIME_DEFAULT else {}


def _user(container: Container) -> dict[str, Any]:
    identity = container.identity
    if identity is None:
        return {"uid": 0, "gid": 0, "username": container.config.windows.security_context.run_as_username}
    user: dict[str, Any] = {"uid": identity.uid, "gid": identity.gid}
    if identity.supplemental_groups:
        user["additionalGids"] = list(identity.supplemental_groups)
    return user


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
    """The cgroup of an object; without a parent it is where the runtime keeps its own.

    Mirrors containerd: pkg/oci/spec.go, populateDefaultUnixSpec; CRI-O: internal/config/cgmgr, ContainerCgroupPath.
    """
    parent = sandbox.config.linux.cgroup_parent
    if not _is_crio(daemon):
        return container_cgroups_path(parent or f"/{_CONTAINERD_NAMESPACE}", object_id)
    parent = parent or ("system.slice" if daemon.cgroup_driver == "systemd" else "/crio")
    path = container_cgroups_path(parent, object_id).replace(":cri-containerd:", ":crio:")
    return path if ":" in path else f"{path[: -len(object_id)]}crio-{object_id}"


def _namespaces(daemon: Daemon, container: Container) -> list[dict[str, str]]:
    """containerd joins those of the pause process, whichever these are; CRI-O pins them to files.

    Mirrors containerd: internal/cri/opts/spec_linux_opts.go, WithPodNamespaces; CRI-O:
    internal/factory/container/namespaces_linux.go.
    """
    security = container.config.linux.security_context
    options = security.namespace_options
    cgroup = [] if security.privileged else [{"type": "cgroup"}]
    pause_pid = container.sandbox.pause_pid
    if _is_crio(daemon):
        pid = [] if options.pid == api.NODE else [{"type": "pid"}]
        if options.pid in (api.POD, api.TARGET):
            pid[0]["path"] = f"/proc/{_pid_to_join(daemon, container)}/ns/pid"
        return [*pid, *_crio_pinned(container.sandbox, options), {"type": "mount"}, *cgroup]
    pid = [{"type": "pid"}]
    if options.pid != api.CONTAINER:
        pid[0]["path"] = f"/proc/{_pid_to_join(daemon, container)}/ns/pid"
    return [
        *pid,
        {"type": "ipc", "path": f"/proc/{pause_pid}/ns/ipc"},
        {"type": "uts", "path": f"/proc/{pause_pid}/ns/uts"},
        {"type": "mount"},
        {"type": "network", "path": f"/proc/{pause_pid}/ns/net"},
        *cgroup,
    ]


def _pid_to_join(daemon: Daemon, container: Container) -> int:
    options = container.config.linux.security_context.namespace_options
    if options.pid == api.TARGET:
        target, _ = daemon.containers.find(options.target_id)
        if target is not None and target.process is not None:
            return target.process.host_pid
    return container.sandbox.pause_pid


def _crio_pinned(sandbox: Sandbox, options: api.NamespaceOption) -> list[dict[str, str]]:
    pinned = [
        ("network", "netns", sandbox.uses_node_network or options.network == api.NODE),
        ("ipc", "ipcns", options.ipc == api.NODE),
        ("uts", "utsns", sandbox.uses_node_network),
    ]
    return [
        {"type": kind, "path": crio_namespace_path(sandbox, directory)}
        for kind, directory, is_nodes in pinned
        if not is_nodes
    ]
