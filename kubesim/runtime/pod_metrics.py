"""ListMetricDescriptors and ListPodSandboxMetrics: what the emulation knows of its pods, as metrics.

Limits, processes, open files, OOM kills, start times and the writable layer are those of the emulation; time, memory
and traffic are the numbers of `usage`.

Mirrors containerd: internal/cri/server/list_pod_sandbox_metrics_linux.go; CRI-O: server/metric_descriptors_list.go,
server/sandbox_metrics_list.go, internal/lib/statsserver/stats_server_linux.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.cri import api
from kubesim.cri.errors import unimplemented
from kubesim.kernel import checkpoint
from kubesim.policy.pod_metric_samples import (
    ContainerReading,
    InterfaceReading,
    MetricLabels,
    MetricSample,
    SpecReading,
    container_samples,
    pod_samples,
)
from kubesim.policy.pod_metrics import MetricGroup, collected_groups, metric_descriptors
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.stats import processes_of, usage_of
from kubesim.runtime.stats_messages import layer_usage, pod_traffic_bytes
from kubesim.runtime.usage import Usage
from kubesim.userland.processes.process import Process

_NS_PER_SECOND = 1_000_000_000
_PACKET_BYTES = 150
_BLOCK_BYTES = 4096

DISK_BYTES = 100 << 30
DISK_INODES = 6_553_600
"""The file system that holds the writable layers: 100 GiB, with an inode for each 16 KiB, as mkfs.ext4 makes it."""

OPEN_FILES_MAX = 1_048_576
"""Soft limit of open files of a container: what systemd gives a runtime that asks for no limit."""

_KERNEL_BYTES = 64 * 1024


async def list_metric_descriptors(
    daemon: Daemon, _request: api.ListMetricDescriptorsRequest
) -> api.ListMetricDescriptorsResponse:
    """Every metric that ListPodSandboxMetrics may hold."""
    _check_platform(daemon, "method ListMetricDescriptors")
    return api.ListMetricDescriptorsResponse(
        descriptors=[
            api.MetricDescriptor(name=descriptor.name, help=descriptor.help, label_keys=descriptor.label_keys)
            for descriptor in metric_descriptors(daemon.profile.statistics.metrics, _groups(daemon))
        ]
    )


async def list_pod_sandbox_metrics(
    daemon: Daemon, _request: api.ListPodSandboxMetricsRequest
) -> api.ListPodSandboxMetricsResponse:
    """The metrics of all pods."""
    return api.ListPodSandboxMetricsResponse(pod_metrics=await pod_metrics_rows(daemon))


async def pod_metrics_rows(daemon: Daemon) -> list[api.PodSandboxMetrics]:
    """The rows of the list. Takes its time: the number of pods that are read per second may be limited."""
    _check_platform(daemon, "ListPodSandboxMetrics")
    leaves_out_stopped = daemon.profile.statistics.stopped_container == "error"
    rows = []
    for sandbox in daemon.sandboxes:
        if leaves_out_stopped and not sandbox.life.is_ready:
            continue
        await daemon.metric_pods.wait()
        # A pod is some hundred samples: others get their turn in between.
        await checkpoint()
        if daemon.sandboxes.get(sandbox.id) is sandbox:
            rows.append(_pod_metrics(daemon, sandbox))
    return rows


def _check_platform(daemon: Daemon, what: str) -> None:
    """Mirrors containerd: internal/cri/server/list_metric_descriptors_other.go, list_pod_sandbox_metrics_other.go."""
    if daemon.os == "windows":
        raise unimplemented(f"{what} not implemented on this platform")


def _groups(daemon: Daemon) -> frozenset[MetricGroup]:
    switches = daemon.profile.statistics
    return collected_groups(switches.included_pod_metrics, switches.metric_groups)


def _pod_metrics(daemon: Daemon, sandbox: Sandbox) -> api.PodSandboxMetrics:
    switches = daemon.profile.statistics
    groups = _groups(daemon)
    is_crio = switches.metrics == "cri-o"
    labels = MetricLabels(
        pod=sandbox.config.metadata.name,
        namespace=sandbox.config.metadata.namespace,
        container="POD" if is_crio else "",
        id=sandbox.id,
        image="",
    )
    usages = [
        (container, usage)
        for container in daemon.containers.in_order(sandbox.containers)
        if (usage := usage_of(daemon, container)) is not None
    ]
    interfaces = _interfaces(daemon, sandbox, has_processes=bool(usages))
    metrics = api.PodSandboxMetrics(pod_sandbox_id=sandbox.id)
    time_ns = daemon.kernel.now_ns
    samples = pod_samples(metric_set=switches.metrics, groups=groups, labels=labels, interfaces=interfaces)
    metrics.metrics.extend(_messages(samples, time_ns))
    for container, usage in usages:
        samples = container_samples(
            metric_set=switches.metrics,
            groups=groups,
            labels=MetricLabels(
                pod=labels.pod,
                namespace=labels.namespace,
                container=container.config.metadata.name,
                id=container.id,
                image=container.some_image_name if is_crio else container.config.image.user_specified_image,
            ),
            reading=_reading(container, usage),
        )
        metrics.container_metrics.add(container_id=container.id, metrics=_messages(samples, time_ns))
    return metrics


def _messages(samples: Iterable[MetricSample], time_ns: int) -> Iterable[api.Metric]:
    for sample in samples:
        yield api.Metric(
            name=sample.descriptor.name,
            timestamp=time_ns,
            metric_type=api.COUNTER if sample.descriptor.is_counter else api.GAUGE,
            label_values=sample.label_values,
            value=api.UInt64Value(value=sample.value),
        )


def _interfaces(daemon: Daemon, sandbox: Sandbox, *, has_processes: bool) -> list[InterfaceReading]:
    """containerd looks for eth0 in the pod's network; CRI-O reads all links in the /proc of one of its processes."""
    received_bytes = pod_traffic_bytes(daemon, sandbox)
    eth0 = InterfaceReading(
        name="eth0",
        received_bytes=received_bytes,
        received_packets=received_bytes // _PACKET_BYTES,
        transmitted_bytes=received_bytes // 2,
        transmitted_packets=received_bytes // 2 // _PACKET_BYTES,
    )
    if daemon.profile.statistics.default_interface == "eth0":
        return [eth0] if sandbox.ip else []
    loopback = InterfaceReading(
        name="lo", received_bytes=0, received_packets=0, transmitted_bytes=0, transmitted_packets=0
    )
    return [loopback, eth0] if has_processes or sandbox.uses_node_network else []


def _reading(container: Container, usage: Usage) -> ContainerReading:
    begun_at_ns = container.life.started_at_ns or usage.time_ns
    running_ns = max(usage.time_ns - begun_at_ns, 0)
    running_seconds = running_ns // _NS_PER_SECOND
    resources = container.resources
    layer = layer_usage(container)
    kernel_bytes = min(_KERNEL_BYTES, usage.working_set_bytes - usage.rss_bytes)
    active_file_bytes = usage.working_set_bytes - usage.rss_bytes - kernel_bytes
    # Time passes in user space and in the kernel as it does in a program that mostly waits.
    user_ns = usage.cpu_core_ns * 2 // 3
    reads, writes = 256 + running_seconds // 8, 1 + running_seconds // 15
    processes = _processes(container)
    open_files = [file for process in processes for file in process.descriptors().values()]
    has_quota = resources.cpu_quota > 0 and resources.cpu_period > 0
    return ContainerReading(
        time_ns=usage.time_ns,
        created_at_ns=container.life.created_at_ns,
        started_at_ns=container.life.started_at_ns,
        cpu_user_ns=user_ns,
        cpu_system_ns=usage.cpu_core_ns - user_ns,
        cfs_periods=running_ns // (resources.cpu_period * 1000) if has_quota else 0,
        cfs_throttled_periods=0,
        cfs_throttled_ns=0,
        memory_usage_bytes=usage.usage_bytes,
        memory_usage_bytes_max=usage.usage_bytes,
        memory_working_set_bytes=usage.working_set_bytes,
        memory_anonymous_bytes=usage.rss_bytes,
        memory_active_file_bytes=active_file_bytes,
        memory_inactive_file_bytes=usage.usage_bytes - usage.working_set_bytes,
        memory_mapped_file_bytes=active_file_bytes // 2,
        memory_kernel_bytes=kernel_bytes,
        memory_swap_bytes=0,
        page_faults=usage.page_faults,
        major_page_faults=usage.major_page_faults,
        oom_kills=container.process.cgroup.oom_kills_count if container.process is not None else 0,
        layer_bytes=layer.used_bytes,
        layer_inodes=layer.inodes_count,
        disk_bytes_max=DISK_BYTES,
        disk_inodes_max=DISK_INODES,
        disk_inodes_free=max(DISK_INODES - layer.inodes_count, 0),
        read_bytes=reads * _BLOCK_BYTES,
        reads=reads,
        written_bytes=writes * _BLOCK_BYTES,
        writes=writes,
        processes=processes_of(container),
        threads=processes_of(container),
        threads_max=0,
        file_descriptors=len(open_files),
        sockets=sum(file.tell().startswith("socket:") for file in open_files),
        open_files_max=OPEN_FILES_MAX,
        spec=SpecReading(
            cpu_period=resources.cpu_period,
            cpu_quota=resources.cpu_quota,
            cpu_shares=resources.cpu_shares,
            memory_limit_bytes=resources.memory_limit_in_bytes,
            memory_swap_limit_bytes=resources.memory_swap_limit_in_bytes,
            memory_reservation_bytes=_reservation_bytes(resources),
        ),
    )


def _processes(container: Container) -> list[Process]:
    if container.process is None:
        return []
    return [member for member in container.process.cgroup.members() if isinstance(member, Process)]


def _reservation_bytes(resources: api.LinuxContainerResources) -> int:
    """memory.min of cgroup version 2. Mirrors CRI-O: internal/lib/statsserver/spec_metrics_linux.go."""
    text = resources.unified.get("memory.min", "")
    return int(text) if text.isascii() and text.isdigit() else 0
