"""The files a sandbox gives its containers: hostname, hosts, resolv.conf, and the shared /dev/shm.

Mirrors containerd: internal/cri/server/podsandbox/sandbox_run_linux.go, setupSandboxFiles and parseDNSOptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import normpath

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Sandbox
from kubesim.userland.files.filesystem import HostSource, MountSpec
from kubesim.userland.files.mounts import Volume, bind_root

_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
"""

_SHM = "/shm"
_DESTINATIONS = {
    "/etc/hostname": "/hostname",
    "/etc/hosts": "/hosts",
    "/etc/resolv.conf": "/resolv.conf",
    "/dev/shm": _SHM,  # noqa: S108 - a path in the container
}
"""Where a container has each of the files, which are named by their place in the sandbox's directory."""

_SHM_VOLUME = Volume(type="tmpfs", source="shm", options=("size=65536k",), size_bytes=64 * 1024**2)
_SHM_FLAGS = ("nosuid", "nodev", "noexec", "relatime")

_DEFAULT_RESOLV_CONF = "nameserver 127.0.0.53\n"
"""What stands for the node's own resolv.conf, which a pod without a DNS configuration gets."""


def resolv_conf(servers: Sequence[str], searches: Sequence[str], options: Sequence[str]) -> str:
    """The text of resolv.conf in the order containerd writes it: search, nameservers, options."""
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append(f"options {' '.join(options)}")
    return "".join(f"{line}\n" for line in lines)


def write_sandbox_files(daemon: Daemon, directory: str, config: api.PodSandboxConfig, *, hostname: str) -> None:
    """Make the files of a new sandbox in `directory`. `hostname` is what its processes find.

    /etc/hostname has the name that was asked for also in the network of the node, whose name processes find there.
    """
    files = daemon.own_files
    files.make_dirs(f"{directory}/shm", 0o777)
    files.set_mode(f"{directory}/shm", 0o1777)
    files.write(f"{directory}/hostname", f"{config.hostname or hostname}\n".encode())
    files.write(f"{directory}/hosts", _HOSTS.encode())
    dns = config.dns_config
    text = resolv_conf(dns.servers, dns.searches, dns.options)
    if not text and not (config.HasField("dns_config") and daemon.profile.sandboxes.empty_dns_config == "empty-file"):
        text = _DEFAULT_RESOLV_CONF
    files.write(f"{directory}/resolv.conf", text.encode())


def sandbox_mounts(daemon: Daemon, sandbox: Sandbox, taken: Sequence[str], *, is_read_only: bool) -> list[MountSpec]:
    """The mounts of these files into a container, except where its own mounts have the destination.

    They are read-only in a container with a read-only root. Mirrors containerd:
    internal/cri/server/container_create.go, linuxContainerMounts.
    """
    own = {normpath(destination) for destination in taken}
    if daemon.profile.sandboxes.hosts_file == "host-network" and not sandbox.uses_node_network:
        own.add("/etc/hosts")
    if not sandbox.file_sources:
        # One look at the files serves all containers of the pod.
        files = daemon.own_files.confined(sandbox.files_directory)
        sandbox.file_sources = tuple(
            [HostSource(files=files, path=path, node=bind_root(files, path)) for path in _DESTINATIONS.values()]
        )
    return [
        MountSpec(
            destination=destination,
            source=source,
            is_read_only=is_read_only and source.path != _SHM,
            volume=_SHM_VOLUME if source.path == _SHM else None,
            flags=_SHM_FLAGS if source.path == _SHM else ("relatime",),
            source_name=f"{sandbox.files_directory}{source.path}",
        )
        for destination, source in zip(_DESTINATIONS, sandbox.file_sources, strict=True)
        if destination not in own
    ]
