"""ContainerStats, ListContainerStats, PodSandboxStats and ListPodSandboxStats.

Mirrors containerd: internal/cri/server/container_stats*.go and sandbox_stats*.go; CRI-O: server/container_stats*.go,
sandbox_stats*.go and internal/lib/statsserver.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime import container_refusals, sandbox_refusals
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.filters import select_containers, select_sandboxes
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.stats_messages import container_message, sandbox_message
from kubesim.runtime.usage import Usage, container_usage, pause_usage, total


async def container_stats(daemon: Daemon, request: api.ContainerStatsRequest) -> api.ContainerStatsResponse:
    """What one container uses."""
    container = daemon.container(request.container_id, container_refusals.STATS_LOOKUP)
    if not container.life.is_running:
        if daemon.profile.statistics.stopped_container == "error":
            raise daemon.refuse(container_refusals.STATS_NOT_RUNNING)
        if container.life.reported_state is ReportedState.EXITED:
            return api.ContainerStatsResponse()
    return api.ContainerStatsResponse(stats=_container_stats(daemon, container))


async def list_container_stats(
    daemon: Daemon, request: api.ListContainerStatsRequest
) -> api.ListContainerStatsResponse:
    """What the containers use that match the filter."""
    return api.ListContainerStatsResponse(stats=container_stats_rows(daemon, request.filter))


def container_stats_rows(daemon: Daemon, asked: api.ContainerStatsFilter) -> list[api.ContainerStats]:
    """The rows of the list."""
    chosen = select_containers(
        daemon.containers,
        daemon.sandboxes,
        container_id=asked.id,
        sandbox_id=asked.pod_sandbox_id,
        selector=asked.label_selector,
    )
    lists_stopped = daemon.profile.statistics.lists_stopped_containers
    return [
        _container_stats(daemon, container)
        for container in chosen
        if lists_stopped or container.life.reported_state is not ReportedState.EXITED
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
    """What the sandboxes use that match the filter. Those that are stopped have no numbers and are left out."""
    return api.ListPodSandboxStatsResponse(stats=sandbox_stats_rows(daemon, request.filter))


def sandbox_stats_rows(daemon: Daemon, asked: api.PodSandboxStatsFilter) -> list[api.PodSandboxStats]:
    """The rows of the list."""
    chosen = select_sandboxes(daemon.sandboxes, sandbox_id=asked.id, selector=asked.label_selector)
    leaves_out_stopped = daemon.profile.statistics.stopped_container == "error"
    return [_sandbox_stats(daemon, sandbox) for sandbox in chosen if sandbox.life.is_ready or not leaves_out_stopped]


def _usage(daemon: Daemon, container: Container) -> Usage | None:
    if not container.life.is_running or container.process is None:
        return None
    return container_usage(
        container_id=container.id,
        started_at_ns=container.life.started_at_ns,
        now_ns=daemon.kernel.now_ns,
        memory_limit_bytes=container.resources.memory_limit_in_bytes,
        process_bytes=container.process.cgroup.memory_bytes,
    )


def _container_stats(daemon: Daemon, container: Container) -> api.ContainerStats:
    return container_message(daemon, container, _usage(daemon, container))


def _sandbox_stats(daemon: Daemon, sandbox: Sandbox) -> api.PodSandboxStats:
    now_ns = daemon.kernel.now_ns
    usages = [
        (container, usage)
        for container in sandbox.containers.values()
        if (usage := _usage(daemon, container)) is not None
    ]
    parts = [usage for _, usage in usages]
    if sandbox.life.is_ready:
        parts.append(pause_usage(created_at_ns=sandbox.life.created_at_ns, now_ns=now_ns))
    processes_count = int(sandbox.life.is_ready) + sum(
        len(container.process.cgroup.members()) for container, _ in usages if container.process is not None
    )
    return sandbox_message(
        daemon,
        sandbox,
        total(parts, now_ns=now_ns),
        processes_count=processes_count,
        containers=[(container, usage) for container, usage in usages],
    )
