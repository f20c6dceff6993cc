"""StartContainer, and what happens when the first process ends.

Mirrors containerd: internal/cri/server/container_start.go and events.go, handleContainerExit; CRI-O:
server/container_start.go and internal/oci/container.go, SetStartFailed.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.kernel import Cancelled
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_checks import state_word
from kubesim.runtime.container_process import start_first_process
from kubesim.runtime.container_state import Exited, Phase, StartBegun, Started, StartFailed
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.pod_events import emit
from kubesim.userland.files.filesystem import FsError
from kubesim.userland.processes.process import ExitStatus, Process

START_ERROR_EXIT_CODE = 128
"""Mirrors containerd: internal/cri/server/helpers.go, errorStartExitCode."""


async def start_container(daemon: Daemon, request: api.StartContainerRequest) -> api.StartContainerResponse:
    """Start a container that was created. Whatever goes wrong after the first check leaves it EXITED."""
    container = daemon.container(request.container_id, say.LOOKUP)
    _check_state(daemon, container)
    container.apply(StartBegun())
    try:
        await daemon.spend(daemon.timings.start_container_ns)
        process = _start(daemon, container)
    except (CriError, Cancelled) as error:
        text = str(error) if isinstance(error, CriError) else daemon.refuse(say.START_CANCELLED).message
        container.apply(_failure(daemon, container, text))
        raise
    container.process = process
    container.apply(Started(at_ns=daemon.time_after_ns(container.life.created_at_ns)))
    emit(daemon, container.sandbox, container.id, api.CONTAINER_STARTED_EVENT)
    process.on_end = _FirstProcessEnd(daemon, container, process)
    return api.StartContainerResponse()


def _check_state(daemon: Daemon, container: Container) -> None:
    life = container.life
    if life.allows(StartBegun):
        return
    if life.phase in (Phase.DISCARDING, Phase.REMOVING):
        raise daemon.refuse(say.START_REMOVING, id=container.id)
    if life.phase is Phase.STARTING:
        raise daemon.refuse(say.START_STARTING, id=container.id)
    state = life.reported_state
    raise daemon.refuse(say.START_STATE, id=container.id, state=state.upper(), word=state_word(state))


def _start(daemon: Daemon, container: Container) -> Process:
    if not container.sandbox.life.is_ready:
        raise daemon.refuse(say.START_SANDBOX, id=container.id, sandbox_id=container.sandbox.id)
    if container.log is not None:
        try:
            container.log.open()
        except FsError as error:
            reason = error.strerror.lower()
            raise daemon.refuse(say.START_LOG, id=container.id, path=container.log_path, reason=reason) from None
    return start_first_process(daemon, container)


def _failure(daemon: Daemon, container: Container, text: str) -> StartFailed:
    if daemon.profile.containers.start_failure == "start-error":
        return StartFailed(
            at_ns=daemon.time_after_ns(container.life.created_at_ns),
            exit_code=START_ERROR_EXIT_CODE,
            reason="StartError",
            message=text,
        )
    created_at_ns = container.life.created_at_ns
    return StartFailed(at_ns=created_at_ns, started_at_ns=created_at_ns, exit_code=-1, reason="Error", message=text)


class _FirstProcessEnd:
    """What follows the end of a container's first process. A small object, for every container has one of it."""

    __slots__ = ("_container", "_daemon", "_process")

    def __init__(self, daemon: Daemon, container: Container, process: Process) -> None:
        self._daemon = daemon
        self._container = container
        self._process = process

    def __call__(self, status: ExitStatus) -> None:
        _ended(self._daemon, self._container, self._process, status)


def _ended(daemon: Daemon, container: Container, process: Process, status: ExitStatus) -> None:
    """The first process has ended."""
    status = container.forced_end or status
    if container.kill_timer is not None:
        daemon.kernel.cancel(container.kill_timer)
    if container.log is not None:
        container.log.end()
    # The OOM killer may have taken a child, and the first process then ended by itself.
    is_oom_killed = status.is_oom_killed or process.cgroup.oom_kills_count > 0
    at_ns = daemon.time_after_ns(container.life.started_at_ns)
    event = Exited(at_ns=at_ns, exit_code=status.code, is_oom_killed=is_oom_killed)
    delay_ns = daemon.timings.report_exit_ns
    if delay_ns:
        daemon.kernel.call_later(delay_ns, _record_end, daemon, container, event)
    else:
        _record_end(daemon, container, event)


def _record_end(daemon: Daemon, container: Container, event: Exited) -> None:
    """The runtime hears of it."""
    container.apply(event)
    emit(daemon, container.sandbox, container.id, api.CONTAINER_STOPPED_EVENT)
