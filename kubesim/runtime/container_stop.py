"""StopContainer and RemoveContainer.

Mirrors containerd: internal/cri/server/container_stop.go and container_remove.go; CRI-O: server/container_stop.go and
container_remove.go, internal/oci/runtime_oci.go, StopContainer.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.kernel import Cancelled, time_left_ns, timeout
from kubesim.policy.lost_processes import LOST_EXIT_CODE
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_state import Exited, Phase, RemoveBegun, Removed, RemoveFailed
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.id_index import Match
from kubesim.runtime.objects import Container
from kubesim.runtime.pod_events import emit
from kubesim.userland.files.filesystem import FsError
from kubesim.userland.processes.process import Process
from kubesim.userland.processes.signals import SIGTERM

NS_PER_SECOND = 1_000_000_000

DEFAULT_GRACE_SECONDS = 10
"""The grace of CRI-O's own stops when the RPC has no deadline. Mirrors CRI-O: server/utils.go, defaultStopTimeout."""

KILLED_EXIT_CODE = 137


async def stop_container(daemon: Daemon, request: api.StopContainerRequest) -> api.StopContainerResponse:
    """Ask the first process to end, and kill it after the time-out. Fine when there is nothing to stop."""
    container = _find(daemon, request.container_id)
    if container is not None:
        await stop(daemon, container, grace_seconds=request.timeout)
    return api.StopContainerResponse()


async def remove_container(daemon: Daemon, request: api.RemoveContainerRequest) -> api.RemoveContainerResponse:
    """Remove a container, by force if it runs. Fine when it is not there."""
    container = _find(daemon, request.container_id)
    if container is not None and await remove(daemon, container):
        emit(daemon, container.sandbox, container.id, api.CONTAINER_DELETED_EVENT)
    return api.RemoveContainerResponse()


def _find(daemon: Daemon, prefix: str) -> Container | None:
    """The container, None when nothing has this id. Raises CriError for an id that is none, or not unique."""
    container, match = daemon.containers.find(prefix)
    if container is None and match is not Match.MISSING:
        raise daemon.texts.refuse_lookup(say.LOOKUP, noun="container", prefix=prefix, match=match)
    return container


async def grace_until_deadline() -> int:
    """Whole seconds until the deadline of the call. Mirrors CRI-O: server/utils.go, stopTimeoutFromContext."""
    left_ns = await time_left_ns()
    return DEFAULT_GRACE_SECONDS if left_ns is None else left_ns // NS_PER_SECOND


async def stop(daemon: Daemon, container: Container, *, grace_seconds: int) -> None:
    """Bring a container to EXITED. Zero or negative seconds kill at once."""
    life = container.life
    if life.phase is Phase.UNKNOWN:
        _note_end(daemon, container, LOST_EXIT_CODE)
    elif life.phase is Phase.CREATED and daemon.profile.containers.stop_created == "finish":
        # The OCI runtime's own process waits in the container for the start; it is what gets killed.
        _note_end(daemon, container, KILLED_EXIT_CODE)
    elif life.is_running and container.process is not None:
        await daemon.spend(daemon.timings.send_signal_ns)
        if container.life.is_running:
            if daemon.profile.containers.stop_waits == "together":
                await _stop_together(daemon, container, grace_seconds)
            else:
                await _stop_alone(daemon, container, container.process, grace_seconds)
        await daemon.spend(daemon.timings.stop_container_ns)


def _note_end(daemon: Daemon, container: Container, exit_code: int) -> None:
    at_ns = daemon.time_after_ns(container.life.created_at_ns)
    container.apply(Exited(at_ns=at_ns, exit_code=exit_code))
    emit(daemon, container.sandbox, container.id, api.CONTAINER_STOPPED_EVENT)


async def _stop_alone(daemon: Daemon, container: Container, process: Process, grace_seconds: int) -> None:
    """containerd: each call waits on its own, and sends SIGKILL when its own grace has passed."""
    if grace_seconds > 0:
        if container.stop_signal is None:
            raise daemon.refuse(say.STOP_SIGNAL_UNPARSABLE, signal=container.image.config.stop_signal)
        _ask_to_end(container, container.stop_signal)
        if await _ended_within(container, grace_seconds * NS_PER_SECOND):
            return
        if await time_left_ns() == 0:
            raise daemon.refuse(say.STOP_DEADLINE)
    process.kill_tree()
    if not await _ended_within(container, None):
        raise daemon.refuse(say.KILL_DEADLINE, id=container.id)


async def _stop_together(daemon: Daemon, container: Container, grace_seconds: int) -> None:
    """CRI-O: the first call sends the signal, all wait for the earliest SIGKILL any of them asked for.

    It is sent even if every caller has left meanwhile; one whose own deadline comes first is answered with OK.
    """
    _ask_to_end(container, container.stop_signal or SIGTERM)
    kill_at_ns = daemon.kernel.now_ns + max(grace_seconds, 0) * NS_PER_SECOND
    timer = container.kill_timer
    if timer is None or kill_at_ns < timer[0]:
        if timer is not None:
            daemon.kernel.cancel(timer)
        assert container.process is not None, "the caller looked"
        container.kill_timer = daemon.kernel.call_at(kill_at_ns, container.process.kill_tree)
    await _ended_within(container, None)


def _ask_to_end(container: Container, signal: int) -> None:
    """Send the stop signal, once in the container's life: a second stop only waits."""
    if container.is_stop_signalled:
        return
    container.is_stop_signalled = True
    assert container.process is not None, "the caller looked"
    try:
        container.process.signal(signal)
    except FsError:
        # Only the signals of job control raise. A process that is merely halted does not end either, so what
        # follows is the same: the time runs out, and SIGKILL ends it.
        return


async def _ended_within(container: Container, delay_ns: int | None) -> bool:
    """Wait for the end of the container, no longer than that, nor beyond the deadline of the call."""
    left_ns = await time_left_ns()
    if left_ns is not None:
        delay_ns = left_ns if delay_ns is None else min(delay_ns, left_ns)
    if delay_ns is None:
        await container.ended.wait()
        return True
    try:
        async with timeout(delay_ns):
            await container.ended.wait()
    except TimeoutError:
        return False
    return True


async def remove(daemon: Daemon, container: Container) -> bool:
    """Stop a container if it runs, and take it away with its name. False if somebody else has done so meanwhile."""
    if container.life.phase in (Phase.RUNNING, Phase.UNKNOWN):
        is_gentle = daemon.profile.containers.remove_running == "stop"
        await stop(daemon, container, grace_seconds=await grace_until_deadline() if is_gentle else 0)
    if daemon.containers.get(container.id) is not container:
        return False
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
    return True
