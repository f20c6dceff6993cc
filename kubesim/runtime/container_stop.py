"""StopContainer and RemoveContainer.

Mirrors containerd: internal/cri/server/container_stop.go and container_remove.go; CRI-O: server/container_stop.go and
container_remove.go, internal/oci/runtime_oci.go, StopContainer.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.kernel import Cancelled, timeout
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_state import Exited, Phase, RemoveBegun, Removed, RemoveFailed
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.id_index import Match
from kubesim.runtime.objects import Container
from kubesim.runtime.pod_events import emit
from kubesim.userland.filesystem import FsError

NS_PER_SECOND = 1_000_000_000

DEADLINE_GRACE_SECONDS = 10
"""The grace of CRI-O's own stops when the RPC has no deadline; `Cri.call` carries none. Mirrors CRI-O:
server/sandbox_stop.go, stopTimeoutFromContext."""

LOST_EXIT_CODE = 255


async def stop_container(daemon: Daemon, request: api.StopContainerRequest) -> api.StopContainerResponse:
    """Ask the first process to end, and kill it after the time-out. Fine when there is nothing to stop."""
    container = _find(daemon, request.container_id)
    if container is not None:
        await stop(daemon, container, grace_seconds=request.timeout)
    return api.StopContainerResponse()


async def remove_container(daemon: Daemon, request: api.RemoveContainerRequest) -> api.RemoveContainerResponse:
    """Remove a container, by force if it runs. Fine when it is not there."""
    container = _find(daemon, request.container_id)
    if container is not None:
        await remove(daemon, container)
    return api.RemoveContainerResponse()


def _find(daemon: Daemon, prefix: str) -> Container | None:
    """The container, None when nothing has this id. Raises CriError for an id that is none, or not unique."""
    container, match = daemon.containers.find(prefix)
    if container is None and match is not Match.MISSING:
        raise daemon.texts.refuse_lookup(say.LOOKUP, noun="container", prefix=prefix, match=match)
    return container


async def stop(daemon: Daemon, container: Container, *, grace_seconds: int) -> None:
    """Bring a container to EXITED. Zero or negative seconds kill at once."""
    if container.life.phase is Phase.UNKNOWN:
        container.apply(Exited(at_ns=daemon.kernel.now_ns, exit_code=LOST_EXIT_CODE))
        emit(daemon, container.sandbox, container.id, api.CONTAINER_STOPPED_EVENT)
        return
    process = container.process
    if not container.life.is_running or process is None:
        return
    if grace_seconds > 0:
        _ask_to_end(daemon, container)
        if await _ended_within(container, grace_seconds * NS_PER_SECOND):
            await daemon.spend(daemon.timings.stop_container_ns)
            return
    process.kill_tree()
    await container.ended.wait()
    await daemon.spend(daemon.timings.stop_container_ns)


def _ask_to_end(daemon: Daemon, container: Container) -> None:
    """Send the stop signal, once in the container's life: a second stop only waits."""
    if container.stop_signal is None:
        raise daemon.refuse(say.STOP_SIGNAL_UNPARSABLE, signal=container.image.config.stop_signal)
    if container.is_stop_signalled:
        return
    container.is_stop_signalled = True
    assert container.process is not None, "the caller looked"
    try:
        container.process.signal(container.stop_signal)
    except FsError:
        # Only the signals of job control raise. A process that is merely halted does not end either, so what
        # follows is the same: the time runs out, and SIGKILL ends it.
        return


async def _ended_within(container: Container, delay_ns: int) -> bool:
    try:
        async with timeout(delay_ns):
            await container.ended.wait()
    except TimeoutError:
        return False
    return True


async def remove(daemon: Daemon, container: Container) -> None:
    """Stop a container if it runs, and take it away with its name."""
    if container.life.phase in (Phase.RUNNING, Phase.UNKNOWN):
        grace_seconds = DEADLINE_GRACE_SECONDS if daemon.profile.containers.remove_running == "stop" else 0
        await stop(daemon, container, grace_seconds=grace_seconds)
    if daemon.containers.get(container.id) is not container:
        return  # somebody else removed it meanwhile
    if not container.life.allows(RemoveBegun):
        row = say.REMOVE_STARTING if container.life.phase is Phase.STARTING else say.REMOVE_REMOVING
        raise daemon.refuse(row, id=container.id)
    container.apply(RemoveBegun())
    try:
        await daemon.spend(daemon.timings.remove_container_ns)
    except Cancelled:
        container.apply(RemoveFailed())
        raise
    container.apply(Removed())
    daemon.containers.remove(container.id)
    del container.sandbox.containers[container.id]
    daemon.container_names.release(container.name)
    emit(daemon, container.sandbox, container.id, api.CONTAINER_DELETED_EVENT)
