"""ExecSync, and ReopenContainerLog.

Mirrors containerd: internal/cri/server/container_execsync.go and container_log_reopen.go; CRI-O:
internal/oci/runtime_oci.go, ExecSyncContainer, and server/container_reopen_log.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.kernel import Cancelled, Event, timeout
from kubesim.model.duration import format_duration
from kubesim.runtime import container_refusals as say
from kubesim.runtime.container_process import start_exec
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.request_check import check_text
from kubesim.userland.files.filesystem import FsError
from kubesim.userland.files.open_file import SinkFile
from kubesim.userland.processes.process import ExecError, Process
from kubesim.userland.terminals.terminal import Terminal

NS_PER_SECOND = 1_000_000_000

TIMED_OUT_MESSAGE = b"command timed out"
"""Mirrors CRI-O: conmonrs and conmon config, TimedOutMessage."""


class CappedOutput:
    """What a command wrote, up to a limit; the rest is dropped without a word."""

    __slots__ = ("_budget", "_pieces")

    def __init__(self, budget: OutputBudget) -> None:
        self._budget = budget
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take what still fits."""
        kept = data[: self._budget.rest_bytes]
        if kept:
            self._budget.rest_bytes -= len(kept)
            self._pieces.append(kept)

    def content(self) -> bytes:
        """All that was kept."""
        return b"".join(self._pieces)


class OpenStreams:
    """How many streams of a command somebody still holds: the command, or what it left behind."""

    __slots__ = ("_count", "closed")

    def __init__(self, count: int) -> None:
        self._count = count
        self.closed = Event()

    def one_closed(self) -> None:
        """Nobody holds one of them any more."""
        self._count -= 1
        if not self._count:
            self.closed.set()


class OutputBudget:
    """How many bytes may still be kept; shared by two streams where the limit is on both together."""

    __slots__ = ("rest_bytes",)

    def __init__(self, rest_bytes: int) -> None:
        self.rest_bytes = rest_bytes


async def exec_sync(daemon: Daemon, request: api.ExecSyncRequest) -> api.ExecSyncResponse:
    """Run a command in a container and wait for its end, or for the time-out."""
    container = daemon.container(request.container_id, say.EXEC_SYNC_LOOKUP)
    _check(daemon, container, request)
    if daemon.timings.exec_ns:
        await daemon.spend(daemon.timings.exec_ns)
        _check(daemon, container, request)
    switches = daemon.profile.exec_sync
    budget = OutputBudget(switches.output_bytes_max)
    stdout = CappedOutput(budget)
    is_one_limit = switches.output_limit == "total"
    stderr = CappedOutput(budget if is_one_limit else OutputBudget(switches.output_bytes_max))
    has_tty = switches.tty_of_container and container.plan.has_tty
    exec_id = daemon.kernel.ids.hex(64)
    streams = OpenStreams(1 if has_tty else 2)
    terminal = Terminal(SinkFile(stdout.write, streams.one_closed)) if has_tty else None
    try:
        process = start_exec(
            daemon,
            container,
            tuple(request.cmd),
            stdout=stdout.write,
            stderr=stderr.write,
            terminal=terminal,
            on_output_closed=streams.one_closed,
        )
    except ExecError as error:
        raise daemon.refuse(say.EXEC_FAILED, exec_id=exec_id, reason=error) from None
    except FsError as error:
        reason = f'chdir to cwd ("{container.plan.cwd}") set in config.json failed: {error.strerror.lower()}'
        raise daemon.refuse(say.EXEC_FAILED, exec_id=exec_id, reason=reason) from None
    if not await _ended_in_time(process, request.timeout):
        return _timed_out(daemon, request.timeout)
    status = await process.wait()
    if switches.waits_for_output:
        await streams.closed.wait()
    return api.ExecSyncResponse(stdout=stdout.content(), stderr=stderr.content(), exit_code=status.code)


def _check(daemon: Daemon, container: Container, request: api.ExecSyncRequest) -> None:
    if not container.is_live:
        # A first process that ended at this very instant has not been recorded yet.
        state = ReportedState.EXITED if container.life.is_running else container.life.reported_state
        detail = "no such process" if state is ReportedState.EXITED else "container is not initialized"
        raise daemon.refuse(say.EXEC_STATE, id=container.id, state=state.upper(), detail=detail)
    if not request.cmd:
        raise daemon.refuse(say.EXEC_EMPTY, exec_id=daemon.kernel.ids.hex(64))
    for index, word in enumerate(request.cmd):
        check_text(daemon, f"cmd[{index}]", word)


async def _ended_in_time(process: Process, timeout_seconds: int) -> bool:
    """Wait for the end. A command that takes too long, or whose caller went away, is killed with all it started."""
    try:
        if timeout_seconds > 0:
            async with timeout(timeout_seconds * NS_PER_SECOND):
                await process.wait()
        else:
            await process.wait()
    except TimeoutError:
        process.kill_tree()
        await process.wait()
        return False
    except Cancelled:
        process.kill_tree()
        raise
    return True


def _timed_out(daemon: Daemon, timeout_seconds: int) -> api.ExecSyncResponse:
    if daemon.profile.exec_sync.timeout_answer == "exit-minus-one":
        return api.ExecSyncResponse(stderr=TIMED_OUT_MESSAGE, exit_code=-1)
    raise daemon.refuse(say.EXEC_TIMEOUT, duration=format_duration(timeout_seconds * NS_PER_SECOND))


async def reopen_container_log(
    daemon: Daemon, request: api.ReopenContainerLogRequest
) -> api.ReopenContainerLogResponse:
    """Make a new log file after the old one was moved away."""
    container = daemon.container(request.container_id, say.REOPEN_LOOKUP)
    if not container.life.is_running:
        raise daemon.refuse(say.NOT_RUNNING)
    if container.log is not None:
        try:
            container.log.reopen()
        except FsError as error:
            raise daemon.refuse(say.REOPEN_FAILED, path=container.log_path, reason=error.strerror.lower()) from None
    return api.ReopenContainerLogResponse()
