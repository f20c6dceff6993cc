"""Resources of containers and sandboxes: what was asked for, UpdateContainerResources, UpdatePodSandboxResources.

Mirrors containerd: internal/cri/server/container_update_resources.go and sandbox_update_resources.go,
internal/cri/opts/spec_linux_opts.go, WithResources; CRI-O: server/container_update_resources.go, toOCIResources.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.runtime import container_refusals as say
from kubesim.runtime import sandbox_refusals
from kubesim.runtime.container_checks import state_word
from kubesim.runtime.container_state import Phase
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.usage import container_usage
from kubesim.userland.files.cgroup_files import CgroupSettings

# Zero and "" mean "keep" in an update; oom_score_adj cannot be changed while a container runs.
_NUMBERS = ("cpu_period", "cpu_quota", "cpu_shares", "memory_limit_in_bytes")
_TEXTS = ("cpuset_cpus", "cpuset_mems")
_NO_LIMIT = -1
_SWAP_MAX = "memory.swap.max"
_PERIOD_US = 100_000
_WINDOWS_NUMBERS = ("cpu_shares", "cpu_count", "cpu_maximum", "memory_limit_in_bytes")


def initial_resources(config: api.ContainerConfig) -> api.LinuxContainerResources:
    """The resources of a new container. A memory limit without a swap limit is the limit of both."""
    resources = api.LinuxContainerResources()
    resources.CopyFrom(config.linux.resources)
    if resources.memory_limit_in_bytes > 0 and not resources.memory_swap_limit_in_bytes:
        resources.memory_swap_limit_in_bytes = resources.memory_limit_in_bytes
    return resources


def cgroup_settings(container: Container) -> CgroupSettings:
    """What the files of the container's control group show now.

    Mirrors runc: libcontainer/cgroups/fs2, and cgroups/utils.go, ConvertCPUSharesToCgroupV2Value.
    """
    wanted = container.resources
    memory = wanted.memory_limit_in_bytes
    return CgroupSettings(
        cpu_quota_us=wanted.cpu_quota if wanted.cpu_quota > 0 else None,
        cpu_period_us=wanted.cpu_period or _PERIOD_US,
        cpu_weight=1 + (wanted.cpu_shares - 2) * 9999 // 262142 if wanted.cpu_shares else 100,
        cpus=wanted.cpuset_cpus,
        mems=wanted.cpuset_mems,
        memory_max_bytes=memory if memory > 0 else None,
        swap_max_bytes=_swap_max_bytes(wanted),
    )


def _swap_max_bytes(wanted: api.LinuxContainerResources) -> int | None:
    """How much may be swapped out: what `unified` says is written after all else. None is no limit."""
    text = wanted.unified.get(_SWAP_MAX, "")
    if text:
        return int(text) if text.isdecimal() else None
    memory, swap = wanted.memory_limit_in_bytes, wanted.memory_swap_limit_in_bytes
    return swap - memory if memory > 0 and swap >= memory else None


async def update_container_resources(
    daemon: Daemon, request: api.UpdateContainerResourcesRequest
) -> api.UpdateContainerResourcesResponse:
    """Change limits; the status shows the new ones at once."""
    container = daemon.container(request.container_id, say.UPDATE_LOOKUP)
    life = container.life
    if life.phase in (Phase.REMOVING, Phase.DISCARDING):
        raise daemon.refuse(say.UPDATE_REMOVING, id=container.id)
    is_live = life.phase in (Phase.CREATED, Phase.STARTING, Phase.RUNNING)
    if daemon.profile.containers.update_stopped == "refused" and not is_live:
        raise daemon.refuse(say.UPDATE_STATE, id=container.id, word=state_word(life.reported_state))
    if request.HasField("linux"):
        _check_memory(daemon, container, request.linux.memory_limit_in_bytes)
        container.keep_resources(
            _merged(container.resources, request.linux, takes=daemon.profile.containers.update_takes)
        )
        if container.process is not None:
            container.process.cgroup.set_limit(max(container.resources.memory_limit_in_bytes, 0) or None)
    if request.HasField("windows"):
        container.keep_windows_resources(_merged_windows(container.windows_resources, request.windows))
    return api.UpdateContainerResourcesResponse()


def _check_memory(daemon: Daemon, container: Container, limit: int) -> None:
    """A limit below what is used, or none: the daemon refuses it, or the kernel reclaims and takes it.

    Mirrors CRI-O: server/container_update_resources_linux.go, validateMemoryUpdate; runc:
    libcontainer/cgroups/fs2/memory.go, where -1 is no limit.
    """
    if daemon.profile.containers.update_below_usage != "refused":
        if limit < _NO_LIMIT and container.life.is_running:
            raise daemon.refuse(say.UPDATE_MEMORY_INVALID, id=container.id)
        return
    if limit < 0:
        raise daemon.refuse(say.UPDATE_MEMORY_NEGATIVE, limit=limit)
    if not limit or not container.life.is_running:
        return
    usage = container_usage(
        container_id=container.id,
        started_at_ns=container.life.started_at_ns,
        now_ns=daemon.kernel.now_ns,
        memory_limit_bytes=container.resources.memory_limit_in_bytes,
    ).usage_bytes
    if limit < usage:
        raise daemon.refuse(say.UPDATE_MEMORY_BELOW_USAGE, limit=limit, usage=usage)


def _merged(
    old: api.LinuxContainerResources, new: api.LinuxContainerResources, *, takes: str
) -> api.LinuxContainerResources:
    """The resources after an update; what `takes` does not name stays as it was."""
    merged = api.LinuxContainerResources()
    merged.CopyFrom(old)
    for name in (*_NUMBERS, *_TEXTS):
        value = getattr(new, name)
        if value:
            setattr(merged, name, value)
    # Swap counts together with memory, so that equal limits keep a container from swapping.
    if new.memory_swap_limit_in_bytes and takes == "everything":
        merged.memory_swap_limit_in_bytes = new.memory_swap_limit_in_bytes
    elif new.memory_limit_in_bytes:
        merged.memory_swap_limit_in_bytes = new.memory_limit_in_bytes
    if takes == "everything":
        merged.hugepage_limits.extend(new.hugepage_limits)
    if takes != "cpu-and-memory":
        merged.unified.update(new.unified)
    return merged


def _merged_windows(
    old: api.WindowsContainerResources, new: api.WindowsContainerResources
) -> api.WindowsContainerResources:
    merged = api.WindowsContainerResources()
    merged.CopyFrom(old)
    for name in _WINDOWS_NUMBERS:
        value = getattr(new, name)
        if value:
            setattr(merged, name, value)
    if new.affinity_cpus:
        del merged.affinity_cpus[:]
        merged.affinity_cpus.extend(new.affinity_cpus)
    return merged


async def update_pod_sandbox_resources(
    daemon: Daemon, request: api.UpdatePodSandboxResourcesRequest
) -> api.UpdatePodSandboxResourcesResponse:
    """Store the resources of a pod; the verbose status shows them."""
    sandbox = daemon.sandbox(request.pod_sandbox_id, sandbox_refusals.UPDATE_LOOKUP)
    overhead, resources = api.LinuxContainerResources(), api.LinuxContainerResources()
    overhead.CopyFrom(request.overhead)
    resources.CopyFrom(request.resources)
    sandbox.keep_resources(overhead=overhead, resources=resources)
    return api.UpdatePodSandboxResourcesResponse()
