"""Usage as CRI messages, for Linux. `stats_windows` has those for Windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.usage import Usage, traffic_bytes
from kubesim.userland.files.layer_usage import BLOCK_BYTES, LayerUsage

ContainerUsages: TypeAlias = Sequence[tuple[Container, Usage | None]]
"""Containers with what they use; None for one that does not run."""

_EMPTY_LAYER = LayerUsage(BLOCK_BYTES, 1)
"""A writable layer before the OCI runtime has made anything in it: a directory."""
_UNLIMITED = (1 << 64) - 1


def container_message(daemon: Daemon, container: Container, usage: Usage | None) -> api.ContainerStats:
    """The stats of a container; without `usage` (it does not run) only what is on the disk."""
    stats = api.ContainerStats(
        attributes=container_attributes(container),
        # CRI-O names the mount of the container here. The kubelet looks for the path on the node's disk, where that
        # mount is not; the file system of the images is.
        writable_layer=writable_layer(daemon, container),
    )
    if usage is None:
        return stats
    switches = daemon.profile.statistics
    stats.cpu.CopyFrom(_cpu(usage))
    stats.memory.CopyFrom(_memory(usage))
    if switches.swap:
        limit_bytes = container.resources.memory_swap_limit_in_bytes
        stats.swap.timestamp = usage.time_ns
        stats.swap.swap_available_bytes.value = limit_bytes if limit_bytes > 0 else _UNLIMITED
        stats.swap.swap_usage_bytes.value = 0
    if switches.psi:
        _fill_pressure(stats.cpu.psi, stats.memory.psi, stats.io.psi)
        stats.io.timestamp = usage.time_ns
    return stats


def sandbox_message(
    daemon: Daemon, sandbox: Sandbox, usage: Usage | None, *, processes_count: int, containers: ContainerUsages
) -> api.PodSandboxStats:
    """The stats of a sandbox; without `usage` (its cgroup is gone) only what it is called."""
    stats = api.PodSandboxStats(attributes=sandbox_attributes(sandbox))
    linux = stats.linux
    linux.SetInParent()
    linux.containers.extend(container_message(daemon, container, own) for container, own in containers)
    if usage is None:
        return stats
    linux.cpu.CopyFrom(_cpu(usage))
    linux.memory.CopyFrom(_memory(usage))
    if daemon.profile.statistics.psi:
        _fill_pressure(linux.cpu.psi, linux.memory.psi)
    linux.process.timestamp = usage.time_ns
    linux.process.process_count.value = processes_count
    if not sandbox.uses_node_network and sandbox.ip:
        _fill_network(daemon, sandbox, linux.network)
    return stats


def container_attributes(container: Container) -> api.ContainerAttributes:
    """What a container is called."""
    config = container.config
    return api.ContainerAttributes(
        id=container.id, metadata=config.metadata, labels=config.labels, annotations=config.annotations
    )


def sandbox_attributes(sandbox: Sandbox) -> api.PodSandboxAttributes:
    """What a sandbox is called."""
    config = sandbox.config
    return api.PodSandboxAttributes(
        id=sandbox.id, metadata=config.metadata, labels=config.labels, annotations=config.annotations
    )


def layer_usage(container: Container) -> LayerUsage:
    """What the container's writable layer takes."""
    return _EMPTY_LAYER if container.filesystem is None else container.filesystem.layer_usage()


def writable_layer(daemon: Daemon, container: Container) -> api.FilesystemUsage:
    """The same as a message."""
    layer = layer_usage(container)
    return api.FilesystemUsage(
        timestamp=daemon.kernel.now_ns,
        fs_id=api.FilesystemIdentifier(mountpoint=daemon.image_fs_path),
        used_bytes=_number(layer.used_bytes),
        inodes_used=_number(layer.inodes_count),
    )


def pod_traffic_bytes(daemon: Daemon, sandbox: Sandbox) -> int:
    """What the pod's eth0 received so far; it sent half of that."""
    return traffic_bytes(created_at_ns=sandbox.life.created_at_ns, now_ns=daemon.kernel.now_ns)


def _fill_network(daemon: Daemon, sandbox: Sandbox, network: api.NetworkUsage) -> None:
    """containerd counts eth0 twice, as the default and in the list; CRI-O takes the first link for the default."""
    loopback = _interface("lo", 0)
    eth0 = _interface("eth0", pod_traffic_bytes(daemon, sandbox))
    if daemon.profile.statistics.default_interface == "eth0":
        network.timestamp = daemon.kernel.now_ns
        network.default_interface.CopyFrom(eth0)
    else:
        network.default_interface.CopyFrom(loopback)
    network.interfaces.append(eth0)


def _interface(name: str, count_bytes: int) -> api.NetworkInterfaceUsage:
    return api.NetworkInterfaceUsage(
        name=name,
        rx_bytes=_number(count_bytes),
        rx_errors=_number(0),
        tx_bytes=_number(count_bytes // 2),
        tx_errors=_number(0),
    )


def _cpu(usage: Usage) -> api.CpuUsage:
    cpu = api.CpuUsage(timestamp=usage.time_ns, usage_core_nano_seconds=_number(usage.cpu_core_ns))
    if usage.cpu_nano_cores is not None:
        cpu.usage_nano_cores.value = usage.cpu_nano_cores
    return cpu


def _memory(usage: Usage) -> api.MemoryUsage:
    return api.MemoryUsage(
        timestamp=usage.time_ns,
        working_set_bytes=_number(usage.working_set_bytes),
        available_bytes=_number(usage.available_bytes),
        usage_bytes=_number(usage.usage_bytes),
        rss_bytes=_number(usage.rss_bytes),
        page_faults=_number(usage.page_faults),
        major_page_faults=_number(usage.major_page_faults),
    )


def _fill_pressure(*stalls: api.PsiStats) -> None:
    """Nothing waits for anything."""
    for psi in stalls:
        psi.Full.SetInParent()
        psi.Some.SetInParent()


def _number(value: int) -> api.UInt64Value:
    return api.UInt64Value(value=value)
