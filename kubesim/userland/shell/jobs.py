"""Child processes of a shell: subshells, pipelines, the background, and waiting for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import NullFile, OpenFile
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.processes.process_life import ExitStatus, Process, Program
from kubesim.userland.processes.signals import NUMBERS, SIGINT, SIGPIPE
from kubesim.userland.shell.control import ShellError
from kubesim.userland.shell.syntax import Command

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

BACKGROUND_MAX = 64
"""Ended background children whose status is kept for `wait PID`: about as many, so that a loop cannot pile them up."""

DEATHS = {
    "HUP": "Hangup",
    "QUIT": "Quit",
    "ILL": "Illegal instruction",
    "TRAP": "Trace/breakpoint trap",
    "ABRT": "Aborted",
    "BUS": "Bus error",
    "FPE": "Floating point exception",
    "KILL": "Killed",
    "USR1": "User defined signal 1",
    "SEGV": "Segmentation fault",
    "USR2": "User defined signal 2",
    "ALRM": "Alarm clock",
    "TERM": "Terminated",
}
"""What strsignal(3) says."""

_TEXTS = {NUMBERS[name]: text for name, text in DEATHS.items()}


class Jobs:
    """The children of one shell. `last_pid` is `$!`."""

    __slots__ = ("_background", "_reported", "_shell", "last_pid")

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._background: list[Process] = []
        self._reported: list[Process] = []
        self.last_pid = 0

    def fork(self, command: Command, *, has_errexit: bool = True) -> Process:
        """Start a subshell that runs a command; its first step runs once this shell waits."""
        shell = self._shell

        async def run(process: Process) -> int:
            inner = shell.subshell(process)
            if not has_errexit:
                inner.options.discard("e")
            return await inner.live(lambda: inner.evaluate.run(command, is_last=True))

        return self.fork_program(run)

    def fork_program(
        self, program: Program, *, argv: list[str] | None = None, env: dict[str, str] | None = None
    ) -> Process:
        """Start a child of the shell. Raises ShellError, which ends the shell, when there are too many processes."""
        try:
            return self._shell.process.fork(program, argv=argv, env=env)
        except FsError as error:
            raise ShellError(f"can't fork: {error.strerror}") from None

    async def wait_for(self, *children: Process) -> int:
        """Wait for foreground children; the status of the last one. Traps of signals that arrive run later."""
        status = 0
        for child in children:
            ended = await child.wait()
            status = ended.code
            await self._report(ended)
        return status

    async def pipeline(self, commands: tuple[Command, ...]) -> int:
        """Run commands side by side, each reading what the one before writes."""
        children: list[Process] = []
        source: OpenFile | None = None
        for number, command in enumerate(commands):
            child = self.fork(command)
            if source is not None:
                child.set_file(0, source)
            if number < len(commands) - 1:
                source, writer = Pipe().ends()
                child.set_file(1, writer)
            children.append(child)
        statuses = [await self.wait_for(child) for child in children]
        if "pipefail" in self._shell.options:
            return next((status for status in reversed(statuses) if status), 0)
        return statuses[-1]

    def background(self, command: Command) -> None:
        """Start a command and go on. It reads nothing and is not interrupted from a keyboard."""
        child = self.fork(command)
        child.set_file(0, NullFile())
        child.handlers[SIGINT] = None
        child.handlers[NUMBERS["QUIT"]] = None
        if len(self._background) >= BACKGROUND_MAX:
            self._background = [job for job in self._background if job.status is None]
            self._reported = []
        self._background.append(child)
        self.last_pid = child.pid

    def find(self, pid: int) -> Process | None:
        """A background child by its pid, until somebody waits for all of them."""
        return next((job for job in self._background if job.pid == pid), None)

    async def wait_all(self) -> int:
        """`wait` without operands: until no background child is left, or a signal with a trap arrives."""
        while any(job.status is None for job in self._background):
            signum = await self._wait_change()
            if signum:
                return 128 + signum
        self._background = []
        self._reported = []
        return 0

    async def wait_background(self, job: Process) -> int:
        """`wait PID`: its status, or 128 + the signal whose trap interrupted the waiting."""
        while job.status is None:
            signum = await self._wait_change()
            if signum:
                return 128 + signum
        if job not in self._reported:
            self._reported.append(job)
            await self._report(job.status)
        return job.status.code

    async def _wait_change(self) -> int:
        """Wait for a child or a trap; the signal of the trap, else 0."""
        shell = self._shell
        if not shell.pending_traps:
            shell.wakeup.clear()
            await shell.wakeup.wait()
        return shell.pending_traps[0] if shell.pending_traps else 0

    async def _report(self, ended: ExitStatus) -> None:
        """Say what killed a child, unless it was the user or the end of a pipe."""
        if ended.signal is not None and ended.signal not in (SIGINT, SIGPIPE):
            await self._shell.write_error(f"{_TEXTS.get(ended.signal, f'Signal {ended.signal}')}\n")
