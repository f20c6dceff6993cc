"""Usage as CRI messages, for Linux and for Windows."""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.usage import NETWORK_BYTES_PER_SECOND, Usage

_NS_PER_SECOND = 1_000_000_000

LAYER_BYTES = 24_576
LAYER_INODES = 6
"""What the writable layer of a container takes before anything is written: directories and mount points."""


def container_message(daemon: Daemon, container: Container, usage: Usage | None) -> api.ContainerStats:
    """The stats of a container; without `usage` (it does not run) only what is on the disk."""
    stats = api.ContainerStats(
        attributes=api.ContainerAttributes(
            id=container.id,
            metadata=container.config.metadata,
            labels=container.config.labels,
            annotations=container.config.annotations,
        ),
        writable_layer=api.FilesystemUsage(
            timestamp=daemon.kernel.now_ns,
            fs_id=api.FilesystemIdentifier(mountpoint=daemon.image_fs_path),
            used_bytes=_number(LAYER_BYTES),
            inodes_used=_number(LAYER_INODES),
        ),
    )
    if usage is None:
        return stats
    switches = daemon.profile.statistics
    stats.cpu.CopyFrom(_cpu(usage))
    stats.memory.CopyFrom(_memory(usage))
    if switches.swap:
        stats.swap.CopyFrom(
            api.SwapUsage(timestamp=usage.time_ns, swap_available_bytes=_number(0), swap_usage_bytes=_number(0))
        )
    if switches.psi:
        for psi in (stats.cpu.psi, stats.memory.psi, stats.io.psi):
            psi.Full.SetInParent()
            psi.Some.SetInParent()
        stats.io.timestamp = usage.time_ns
    return stats


def sandbox_message(
    daemon: Daemon,
    sandbox: Sandbox,
    usage: Usage,
    *,
    processes_count: int,
    containers: Sequence[tuple[Container, Usage]],
) -> api.PodSandboxStats:
    """The stats of a sandbox."""
    stats = api.PodSandboxStats(
        attributes=api.PodSandboxAttributes(
            id=sandbox.id,
            metadata=sandbox.config.metadata,
            labels=sandbox.config.labels,
            annotations=sandbox.config.annotations,
        )
    )
    if daemon.os == "windows":
        _fill_windows(daemon, sandbox, stats.windows, usage, processes_count=processes_count, containers=containers)
        return stats
    linux = stats.linux
    linux.cpu.CopyFrom(_cpu(usage))
    linux.memory.CopyFrom(_memory(usage))
    linux.process.timestamp = usage.time_ns
    linux.process.process_count.value = processes_count
    linux.containers.extend(container_message(daemon, container, own) for container, own in containers)
    if not sandbox.uses_node_network and sandbox.ip:
        _fill_network(daemon, sandbox, linux.network)
    return stats


def _fill_network(daemon: Daemon, sandbox: Sandbox, network: api.NetworkUsage) -> None:
    """containerd counts eth0 twice, as the default and in the list; CRI-O takes the first link for the default."""
    loopback = _interface("lo", 0)
    eth0 = _interface("eth0", _traffic_bytes(daemon, sandbox))
    network.timestamp = daemon.kernel.now_ns
    if daemon.profile.statistics.default_interface == "eth0":
        network.default_interface.CopyFrom(eth0)
    else:
        network.default_interface.CopyFrom(loopback)
    network.interfaces.append(eth0)


def _traffic_bytes(daemon: Daemon, sandbox: Sandbox) -> int:
    seconds = (daemon.kernel.now_ns - sandbox.life.created_at_ns) // _NS_PER_SECOND
    return 1000 + NETWORK_BYTES_PER_SECOND * max(seconds, 0)


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


def _number(value: int) -> api.UInt64Value:
    return api.UInt64Value(value=value)


# -- Windows ----------------------------------------------------------------------------------------------


def _fill_windows(
    daemon: Daemon,
    sandbox: Sandbox,
    windows: api.WindowsPodSandboxStats,
    usage: Usage,
    *,
    processes_count: int,
    containers: Sequence[tuple[Container, Usage]],
) -> None:
    windows.cpu.CopyFrom(_windows_cpu(usage))
    windows.memory.CopyFrom(_windows_memory(usage))
    windows.process.timestamp = usage.time_ns
    windows.process.process_count.value = processes_count
    for container, own in containers:
        windows.containers.append(
            api.WindowsContainerStats(
                attributes=api.ContainerAttributes(
                    id=container.id,
                    metadata=container.config.metadata,
                    labels=container.config.labels,
                    annotations=container.config.annotations,
                ),
                cpu=_windows_cpu(own),
                memory=_windows_memory(own),
                writable_layer=api.WindowsFilesystemUsage(
                    timestamp=own.time_ns,
                    fs_id=api.FilesystemIdentifier(mountpoint=daemon.image_fs_path),
                    used_bytes=_number(LAYER_BYTES),
                ),
            )
        )
    if not sandbox.ip:
        return
    count_bytes = _traffic_bytes(daemon, sandbox)
    interface = api.WindowsNetworkInterfaceUsage(
        name=sandbox.id[:13],
        rx_bytes=_number(count_bytes),
        rx_packets_dropped=_number(0),
        tx_bytes=_number(count_bytes // 2),
        tx_packets_dropped=_number(0),
    )
    windows.network.timestamp = usage.time_ns
    windows.network.default_interface.CopyFrom(interface)
    windows.network.interfaces.append(interface)


def _windows_cpu(usage: Usage) -> api.WindowsCpuUsage:
    cpu = api.WindowsCpuUsage(timestamp=usage.time_ns, usage_core_nano_seconds=_number(usage.cpu_core_ns))
    if usage.cpu_nano_cores is not None:
        cpu.usage_nano_cores.value = usage.cpu_nano_cores
    return cpu


def _windows_memory(usage: Usage) -> api.WindowsMemoryUsage:
    return api.WindowsMemoryUsage(
        timestamp=usage.time_ns,
        working_set_bytes=_number(usage.working_set_bytes),
        available_bytes=_number(usage.available_bytes),
        page_faults=_number(usage.page_faults),
        commit_memory_bytes=_number(usage.usage_bytes),
    )
