"""The mounts of an OCI spec: what every container has, the files of its sandbox, and those of the request.

Mirrors containerd: pkg/oci/mounts.go, internal/cri/opts/spec_linux_opts.go, withMounts, and
internal/cri/server/container_create.go, linuxContainerMounts; CRI-O: server/container_create.go and
container_create_linux.go.
"""

from __future__ import annotations

from posixpath import normpath
from typing import Any

from kubesim.cri import api
from kubesim.runtime.objects import Container, Sandbox
from kubesim.userland.files.filesystem import HostSource

_ROOT_DIRECTORY = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes"
_STATE_DIRECTORY = "/run/containerd/io.containerd.grpc.v1.cri/sandboxes"
_CRIO_DIRECTORY = "/run/containers/storage/overlay-containers"
_SHM = "/dev/shm"  # noqa: S108 - a path in the container
_SAFE = ("nosuid", "noexec", "nodev")
_SYSTEM = (
    ("/proc", "proc", "proc", list(_SAFE)),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/mqueue", "mqueue", "mqueue", list(_SAFE)),
)
_PROPAGATION = {
    api.PROPAGATION_PRIVATE: "rprivate",
    api.PROPAGATION_HOST_TO_CONTAINER: "rslave",
    api.PROPAGATION_BIDIRECTIONAL: "rshared",
}


def sandbox_file(sandbox: Sandbox, name: str, *, is_crio: bool) -> str:
    """Where a runtime keeps `hostname`, `hosts`, `resolv.conf` or `shm` of a sandbox on the node."""
    if name == "shm" and sandbox.namespace_options.ipc == api.NODE:
        return _SHM
    if is_crio:
        return f"{_CRIO_DIRECTORY}/{sandbox.id}/userdata/{name}"
    return f"{_STATE_DIRECTORY if name == 'shm' else _ROOT_DIRECTORY}/{sandbox.id}/{name}"


def overlay_path(container_id: str) -> str:
    """Where CRI-O mounts the root file system of a container."""
    return f"/var/lib/containers/storage/overlay/{container_id}/merged"


def spec_mounts(container: Container, *, is_crio: bool) -> list[dict[str, Any]]:
    """All mounts, those of fewer path elements first; what the request mounts takes the place of what is there."""
    security = container.config.linux.security_context
    access = "rw" if security.privileged else "ro"
    system: list[dict[str, Any]] = [
        {"destination": destination, "type": kind, "source": source, "options": options}
        for destination, kind, source, options in (
            *_SYSTEM,
            ("/sys", "sysfs", "sysfs", [*_SAFE, access]),
            ("/sys/fs/cgroup", "cgroup", "cgroup", [*_SAFE, "relatime", access]),
        )
    ]
    asked = _asked(container)
    taken = {normpath(str(mount["destination"])) for mount in asked}
    own = [
        mount
        for mount in _sandbox_mounts(container.sandbox, security, is_crio=is_crio)
        if mount["destination"] not in taken
    ]
    is_dev_taken = "/dev" in taken
    kept = [
        mount
        for mount in system
        if mount["destination"] not in taken and not (is_dev_taken and str(mount["destination"]).startswith("/dev/"))
    ]
    return [*kept, *sorted([*asked, *own], key=lambda mount: normpath(str(mount["destination"])).count("/"))]


def root_propagation(container: Container) -> str:
    """`rootfsPropagation`, which a mount that propagates needs; "" for the default."""
    wanted = {_PROPAGATION.get(mount.propagation, "rprivate") for mount in container.config.mounts}
    return next((name for name in ("rshared", "rslave") if name in wanted), "")


def _asked(container: Container) -> list[dict[str, Any]]:
    sources = {
        spec.destination: spec.source.path for spec in container.mount_specs if isinstance(spec.source, HostSource)
    }
    mounts = []
    for mount in container.mounts:
        access = ("rro" if mount.recursive_read_only else "ro") if mount.readonly else "rw"
        options = ["rbind", _PROPAGATION.get(mount.propagation, "rprivate"), access]
        source = sources.get(mount.container_path, mount.host_path)
        mounts.append(_bind(mount.container_path, source, options))
    return mounts


def _sandbox_mounts(
    sandbox: Sandbox, security: api.LinuxContainerSecurityContext, *, is_crio: bool
) -> list[dict[str, Any]]:
    access = "ro" if security.readonly_rootfs else "rw"
    if is_crio:
        options = [access, "bind"]
        return [
            _bind(_SHM, sandbox_file(sandbox, "shm", is_crio=True), ["rw", "bind"]),
            _bind("/etc/resolv.conf", sandbox_file(sandbox, "resolv.conf", is_crio=True), [*options, *_SAFE]),
            _bind("/etc/hostname", sandbox_file(sandbox, "hostname", is_crio=True), options),
            _bind("/run/.containerenv", sandbox_file(sandbox, ".containerenv", is_crio=True), options),
            *([_bind("/etc/hosts", "/etc/hosts", options)] if sandbox.uses_node_network else []),
        ]
    return [
        *(
            _bind(f"/etc/{name}", sandbox_file(sandbox, name, is_crio=False), ["rbind", "rprivate", access])
            for name in ("hostname", "hosts", "resolv.conf")
        ),
        _bind(_SHM, sandbox_file(sandbox, "shm", is_crio=False), ["rbind", "rprivate", "rw"]),
    ]


def _bind(destination: str, source: str, options: list[str]) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": options}
