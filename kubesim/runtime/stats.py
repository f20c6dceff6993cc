"""ContainerStats, ListContainerStats, PodSandboxStats and ListPodSandboxStats.

Mirrors containerd: internal/cri/server/container_stats*.go and sandbox_stats*.go; CRI-O: server/container_stats*.go,
sandbox_stats*.go and internal/lib/statsserver.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.model.frozen_records import replace
from kubesim.runtime import container_refusals, sandbox_refusals
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.filters import select_containers, select_sandboxes
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.pause import has_pause_process
from kubesim.runtime.stats_messages import container_message, sandbox_message
from kubesim.runtime.stats_windows import windows_container_message, windows_sandbox_message
from kubesim.runtime.usage import SAMPLE_PERIOD_NS, Usage, container_usage, cpu_rate_nano_cores, pause_usage, total


async def container_stats(daemon: Daemon, request: api.ContainerStatsRequest) -> api.ContainerStatsResponse:
    """What one container uses."""
    container = daemon.container(request.container_id, container_refusals.STATS_LOOKUP)
    switches = daemon.profile.statistics
    if not container.life.is_running:
        if switches.stopped_container == "error":
            raise daemon.refuse(container_refusals.STATS_NOT_RUNNING)
        if container.life.reported_state is ReportedState.EXITED:
            return api.ContainerStatsResponse()
    usage = usage_of(daemon, container)
    if usage is not None:
        has_rate = switches.container_stats_rate
        usage = _with_rate(daemon, container, usage) if has_rate else replace(usage, cpu_nano_cores=None)
    return api.ContainerStatsResponse(stats=_container_message(daemon, container, usage))


async def list_container_stats(
    daemon: Daemon, request: api.ListContainerStatsRequest
) -> api.ListContainerStatsResponse:
    """What the containers use that match the filter."""
    return api.ListContainerStatsResponse(stats=container_stats_rows(daemon, request.filter))


def container_stats_rows(daemon: Daemon, asked: api.ContainerStatsFilter) -> list[api.ContainerStats]:
    """The rows of the list."""
    chosen = select_containers(
        daemon,
        container_id=asked.id,
        sandbox_id=asked.pod_sandbox_id,
        selector=asked.label_selector,
    )
    return [
        _container_message(daemon, container, _rated_usage(daemon, container))
        for container in chosen
        if _is_listed(daemon, container)
    ]


async def pod_sandbox_stats(daemon: Daemon, request: api.PodSandboxStatsRequest) -> api.PodSandboxStatsResponse:
    """What one sandbox and its containers use."""
    sandbox = daemon.sandbox(request.pod_sandbox_id, sandbox_refusals.STATS_LOOKUP)
    if not sandbox.life.is_ready and daemon.profile.statistics.stopped_container == "error":
        raise daemon.refuse(sandbox_refusals.STATS_NOT_READY, prefix=request.pod_sandbox_id, id=sandbox.id)
    return api.PodSandboxStatsResponse(stats=_sandbox_stats(daemon, sandbox))


async def list_pod_sandbox_stats(
    daemon: Daemon, request: api.ListPodSandboxStatsRequest
) -> api.ListPodSandboxStatsResponse:
    """What the sandboxes use that match the filter. Those that are stopped have no numbers; containerd leaves them
    out."""
    return api.ListPodSandboxStatsResponse(stats=sandbox_stats_rows(daemon, request.filter))


def sandbox_stats_rows(daemon: Daemon, asked: api.PodSandboxStatsFilter) -> list[api.PodSandboxStats]:
    """The rows of the list."""
    chosen = select_sandboxes(daemon.sandboxes, sandbox_id=asked.id, selector=asked.label_selector)
    leaves_out_stopped = daemon.profile.statistics.stopped_container == "error"
    return [_sandbox_stats(daemon, sandbox) for sandbox in chosen if sandbox.life.is_ready or not leaves_out_stopped]


def usage_of(daemon: Daemon, container: Container) -> Usage | None:
    """What a container uses now; None when it has no cgroup. CRI-O makes the cgroup with the container."""
    now_ns = daemon.kernel.now_ns
    if container.life.is_running:
        started_at_ns = container.life.started_at_ns
    elif _has_cgroup_before_start(daemon) and container.life.reported_state is ReportedState.CREATED:
        started_at_ns = now_ns
    else:
        return None
    return container_usage(
        container_id=container.id,
        started_at_ns=started_at_ns,
        now_ns=now_ns,
        memory_limit_bytes=container.resources.memory_limit_in_bytes,
        process_bytes=container.process.cgroup.memory_bytes if container.process is not None else 0,
    )


def working_set_bytes(daemon: Daemon) -> int:
    """The memory that all running containers take, as their statistics tell it."""
    usages = (usage_of(daemon, container) for container in daemon.containers if container.life.is_running)
    return sum(usage.working_set_bytes for usage in usages if usage is not None)


def processes_of(container: Container) -> int:
    """How many processes a container has."""
    return len(container.process.cgroup.members()) if container.process is not None else 0


def _has_cgroup_before_start(daemon: Daemon) -> bool:
    return daemon.profile.statistics.stopped_container == "empty"


def _is_listed(daemon: Daemon, container: Container) -> bool:
    is_stopped = container.life.reported_state is ReportedState.EXITED
    return not is_stopped or daemon.profile.statistics.lists_stopped_containers


def _rated_usage(daemon: Daemon, container: Container) -> Usage | None:
    usage = usage_of(daemon, container)
    return None if usage is None else _with_rate(daemon, container, usage)


def _container_message(daemon: Daemon, container: Container, usage: Usage | None) -> api.ContainerStats:
    if daemon.os == "windows":
        return windows_container_message(daemon, container, usage)
    return container_message(daemon, container, usage)


def _with_rate(daemon: Daemon, holder: Container | Sandbox, usage: Usage) -> Usage:
    """The usage with the rate a client is told: that of the background's samples once there are two of them, else the
    one since the last answer."""
    begun_at_ns = holder.life.started_at_ns if isinstance(holder, Container) else holder.life.created_at_ns
    is_sampled = daemon.profile.statistics.usage_nano_cores == "background" and daemon.os != "windows"
    if is_sampled and usage.time_ns - begun_at_ns >= SAMPLE_PERIOD_NS:
        return usage
    before, holder.cpu_sample = holder.cpu_sample, usage.cpu_sample
    return replace(usage, cpu_nano_cores=cpu_rate_nano_cores(before, usage.cpu_sample))


def _sandbox_stats(daemon: Daemon, sandbox: Sandbox) -> api.PodSandboxStats:
    usages = [
        (container, usage_of(daemon, container))
        for container in daemon.containers.in_order(sandbox.containers)
        if _is_listed(daemon, container)
    ]
    whole = _pod_usage(daemon, sandbox, [usage for _, usage in usages if usage is not None])
    rated = [
        (container, None if usage is None else _with_rate(daemon, container, usage)) for container, usage in usages
    ]
    processes_count = sum(processes_of(container) for container, usage in usages if usage is not None)
    counts_pause = daemon.os == "windows" or daemon.profile.statistics.process_count == "pod-cgroup"
    if counts_pause and _has_pause(daemon, sandbox):
        processes_count += 1
    make = windows_sandbox_message if daemon.os == "windows" else sandbox_message
    return make(daemon, sandbox, whole, processes_count=processes_count, containers=rated)


def _pod_usage(daemon: Daemon, sandbox: Sandbox, parts: list[Usage]) -> Usage | None:
    """What the cgroup of the pod says; None when it is gone."""
    if not sandbox.life.is_ready:
        return None
    now_ns = daemon.kernel.now_ns
    if _has_pause(daemon, sandbox):
        parts = [*parts, pause_usage(created_at_ns=sandbox.life.created_at_ns, now_ns=now_ns)]
    usage = total(
        parts,
        ended=sandbox.ended_usage,
        now_ns=now_ns,
        memory_limit_bytes=sandbox.config.linux.resources.memory_limit_in_bytes,
    )
    return _with_rate(daemon, sandbox, usage)


def _has_pause(daemon: Daemon, sandbox: Sandbox) -> bool:
    """Whether the pod has a process of its own now."""
    return sandbox.life.is_ready and has_pause_process(daemon, sandbox)
