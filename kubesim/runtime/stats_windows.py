"""Usage as CRI messages, for Windows.

Job objects tell less than cgroups: the private working set, what is committed, and the time. There is no cgroup above
the containers, so the numbers of a pod are sums.

Mirrors containerd: internal/cri/server/sandbox_stats_windows.go, and windowsContainerMetrics in
container_stats_list.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.stats_messages import (
    ContainerUsages,
    container_attributes,
    layer_usage,
    pod_traffic_bytes,
    sandbox_attributes,
    writable_layer,
)
from kubesim.runtime.usage import Usage


def windows_container_message(daemon: Daemon, container: Container, usage: Usage | None) -> api.ContainerStats:
    """A container in ContainerStats and ListContainerStats, whose messages are those of Linux."""
    stats = api.ContainerStats(
        attributes=container_attributes(container), writable_layer=writable_layer(daemon, container)
    )
    if usage is None:
        return stats
    stats.cpu.timestamp = stats.memory.timestamp = usage.time_ns
    stats.cpu.usage_core_nano_seconds.value = usage.cpu_core_ns
    if usage.cpu_nano_cores is not None:
        stats.cpu.usage_nano_cores.value = usage.cpu_nano_cores
    stats.memory.working_set_bytes.value = usage.working_set_bytes
    stats.memory.usage_bytes.value = usage.usage_bytes
    return stats


def windows_sandbox_message(
    daemon: Daemon, sandbox: Sandbox, usage: Usage | None, *, processes_count: int, containers: ContainerUsages
) -> api.PodSandboxStats:
    """The stats of a sandbox; containers that do not run are left out."""
    stats = api.PodSandboxStats(attributes=sandbox_attributes(sandbox))
    windows = stats.windows
    windows.SetInParent()
    if usage is None:
        return stats
    _fill(windows.cpu, windows.memory, usage)
    windows.process.timestamp = usage.time_ns
    windows.process.process_count.value = processes_count
    for container, own in containers:
        if own is None:
            continue
        message = windows.containers.add()
        message.attributes.CopyFrom(container_attributes(container))
        _fill(message.cpu, message.memory, own)
        message.writable_layer.timestamp = own.time_ns
        message.writable_layer.fs_id.mountpoint = daemon.image_fs_path
        message.writable_layer.used_bytes.value = layer_usage(container).used_bytes
    if sandbox.ip and not sandbox.config.windows.security_context.host_process:
        _fill_network(daemon, sandbox, windows.network)
    return stats


def _fill(cpu: api.WindowsCpuUsage, memory: api.WindowsMemoryUsage, usage: Usage) -> None:
    """The rate is 0 where there is none yet."""
    cpu.timestamp = memory.timestamp = usage.time_ns
    cpu.usage_core_nano_seconds.value = usage.cpu_core_ns
    cpu.usage_nano_cores.value = usage.cpu_nano_cores or 0
    memory.working_set_bytes.value = usage.working_set_bytes
    memory.commit_memory_bytes.value = usage.usage_bytes


def _fill_network(daemon: Daemon, sandbox: Sandbox, network: api.WindowsNetworkUsage) -> None:
    """The endpoint of the pod, as the default and in the list."""
    count_bytes = pod_traffic_bytes(daemon, sandbox)
    digits = sandbox.id.upper()
    endpoint = network.default_interface
    endpoint.name = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"
    endpoint.rx_bytes.value = count_bytes
    endpoint.rx_packets_dropped.value = 0
    endpoint.tx_bytes.value = count_bytes // 2
    endpoint.tx_packets_dropped.value = 0
    network.timestamp = daemon.kernel.now_ns
    network.interfaces.append(endpoint)
