"""One command that a client of the streaming server runs in a container, from its start to its exit status.

Rule 1: output waits in bounded buffers. A client that does not read makes the command wait, not the memory grow.
Rule 2: a client that goes away leaves the command running. Without a terminal its input ends; with one nothing tells
it, for the runtime holds the terminal open. Nobody reads its output any more: it waits for ever once that is more than
a pipe holds, or finds a broken pipe, as the runtime has it.

Mirrors containerd: internal/cri/server/container_execsync.go, execInternal, whose context is the server's and not the
client's; CRI-O: internal/oci/runtime_oci.go, ExecContainer and ttyCmd.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.policy.stream_status import Exited, StreamOutcome, Succeeded
from kubesim.policy.stream_upgrade import go_list
from kubesim.runtime import streaming_refusals as say
from kubesim.runtime.container_process import start_exec
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.request_check import check_text
from kubesim.runtime.stream_buffer import StreamBuffer, StreamFile
from kubesim.runtime.stream_input import NoInput, PipeInput, StreamInput, TerminalInput
from kubesim.userland.files.filesystem import FsError
from kubesim.userland.processes.process import ExecError, ExitStatus, Process
from kubesim.userland.terminals.terminal import Terminal


class ExecSession:
    """A command that runs, with its streams. `stdout` and `stderr` are None where the client did not ask for them."""

    __slots__ = ("_daemon", "_input", "_words", "process", "stderr", "stdout", "terminal")

    def __init__(
        self,
        daemon: Daemon,
        process: Process,
        words: tuple[str, ...],
        *,
        stdin: StreamInput,
        stdout: StreamBuffer | None,
        stderr: StreamBuffer | None,
        terminal: Terminal | None,
    ) -> None:
        self._daemon = daemon
        self.process = process
        self._words = words
        self._input = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.terminal = terminal

    async def write_stdin(self, data: bytes) -> None:
        """Hand the client's bytes to the command; waits while it does not read them."""
        await self._input.write(data)

    def close_stdin(self) -> None:
        """The client has no more."""
        self._input.close()

    def resize(self, *, columns: int, rows: int) -> None:
        """The client's window has another size. What is smaller than 1 is not listened to."""
        if self.terminal is not None and columns > 0 and rows > 0:
            self.terminal.resize(rows, columns)

    def hang_up(self) -> None:
        """The client is gone, and nobody takes output any more."""
        self._input.close()
        if self.terminal is None and self._daemon.profile.streaming.pipes_break:
            for buffer in (self.stdout, self.stderr):
                if buffer is not None:
                    buffer.break_pipe()

    async def wait(self) -> ExitStatus:
        """The end of the command. What it left in the background may still write: the buffers say when they end."""
        return await self.process.wait()

    async def outcome(self) -> StreamOutcome:
        """How the command ended, in the words of the runtime."""
        code = (await self.wait()).code
        if not code:
            return Succeeded()
        return Exited(code, self._daemon.refuse(say.EXEC_EXIT, words=go_list(self._words), exit_code=code).message)


def start_exec_session(daemon: Daemon, request: api.ExecRequest) -> ExecSession:
    """Run the command of a request whose URL was opened.

    Raises CriError with what the runtime writes to the error stream behind `error executing command in container: `.
    """
    container = daemon.container(request.container_id, say.EXEC_STREAM_LOOKUP)
    exec_id = daemon.kernel.ids.hex(64)
    _check(daemon, container, request, exec_id)
    stdout = StreamBuffer() if request.stdout else None
    stderr = StreamBuffer() if request.stderr and not request.tty else None
    out, err = (StreamFile(_or_lost(buffer)) for buffer in (stdout, stderr))
    terminal = None
    stdin: StreamInput = NoInput()
    if request.tty:
        terminal = Terminal(out)
        if stdout is not None:
            stdout.on_room = terminal.drain
        if request.stdin:
            stdin = TerminalInput(terminal)
    elif request.stdin:
        stdin = PipeInput()
    try:
        process = start_exec(
            daemon,
            container,
            tuple(request.cmd),
            stdin=stdin.file if isinstance(stdin, PipeInput) else None,
            stdout=out,
            stderr=err,
            terminal=terminal,
        )
    except ExecError as error:
        raise daemon.refuse(say.EXEC_STREAM_FAILED, exec_id=exec_id, reason=error) from None
    except FsError as error:
        reason = f'chdir to cwd ("{container.plan.cwd}") set in config.json failed: {error.strerror.lower()}'
        raise daemon.refuse(say.EXEC_STREAM_FAILED, exec_id=exec_id, reason=reason) from None
    return ExecSession(
        daemon, process, tuple(request.cmd), stdin=stdin, stdout=stdout, stderr=stderr, terminal=terminal
    )


def _or_lost(buffer: StreamBuffer | None) -> StreamBuffer:
    """A buffer, or one whose content nobody wants."""
    if buffer is None:
        buffer = StreamBuffer()
        buffer.discard()
    return buffer


def _check(daemon: Daemon, container: Container, request: api.ExecRequest, exec_id: str) -> None:
    if not container.is_live:
        # A first process that ended at this very instant has not been recorded yet.
        state = ReportedState.EXITED if container.life.is_running else container.life.reported_state
        detail = "no such process" if state is ReportedState.EXITED else "container is not initialized"
        raise daemon.refuse(say.EXEC_STREAM_STATE, id=container.id, state=state.upper(), detail=detail)
    if not request.cmd:
        raise daemon.refuse(say.EXEC_STREAM_EMPTY, exec_id=exec_id)
    for index, word in enumerate(request.cmd):
        check_text(daemon, f"cmd[{index}]", word)
