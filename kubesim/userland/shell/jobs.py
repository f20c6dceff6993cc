"""Child processes of a shell: subshells, pipelines, the background, and waiting for them.

Rule 1: with job control (`set -m` on a terminal) each pipeline is a process group of its own, and the one in the
foreground has the terminal. Without it all children are in the shell's group.
Rule 2: jobs are kept in the order in which they become current: a stopped one first, then the newest.

Mirrors busybox: shell/ash.c, makejob, set_curjob, waitforjob, forkparent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import NullFile, OpenFile
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.processes.exit_status import ExitStatus
from kubesim.userland.processes.process_life import Process, Program
from kubesim.userland.processes.signals import SIGCONT, SIGINT, SIGQUIT
from kubesim.userland.shell import syntax
from kubesim.userland.shell.command_text import command_text
from kubesim.userland.shell.control import BuiltinError, Interrupted, ShellError
from kubesim.userland.shell.job import Job, is_worth_a_word, signal_text

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell
    from kubesim.userland.shell.syntax import Command

BACKGROUND_MAX = 64
"""Ended background children whose status is kept for `wait PID`: about as many, so that a loop cannot pile them up."""


class Jobs:
    """The children of one shell. `last_pid` is `$!`."""

    __slots__ = ("_jobs", "_shell", "has_control", "last_pid")

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._jobs: list[Job] = []
        self.last_pid = 0
        self.has_control = False
        """Whether each job is a process group. Never in a subshell."""

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
        shell = self._shell
        try:
            child = shell.process.fork(program, argv=argv, env=env)
        except FsError as error:
            raise ShellError(f"can't fork: {error.strerror}") from None
        for signum in shell.own_signals:
            if signum not in shell.traps:
                child.handlers.pop(signum, None)
        return child

    # -- the foreground -------------------------------------------------------------------------------------

    async def wait_for(self, *children: Process) -> int:
        """Wait for children that are no job of their own; the status of the last one."""
        status = 0
        for child in children:
            ended = await child.wait()
            status = ended.code
            await self._report(ended)
        return status

    async def foreground(self, children: Sequence[Process], commands: Sequence[Command]) -> Job | None:
        """Let children run in the foreground until they end or are stopped. None without job control: they ended."""
        if not self.has_control:
            await self.wait_for(*children)
            return None
        job = self._job(children, commands)
        await self._wait_in_front(job)
        return job

    async def foreground_status(self, child: Process, command: Command) -> int:
        """The same for one child; its status."""
        if not self.has_control:
            return await self.wait_for(child)
        job = self._job([child], [command])
        await self._wait_in_front(job)
        return job.status

    async def pipeline(self, commands: tuple[Command, ...]) -> int:
        """Run commands side by side, each reading what the one before writes."""
        children = self._fork_pipeline(commands)
        job = await self.foreground(children, commands)
        if job is not None and not job.is_done:
            return job.status
        statuses = [child.status.code for child in children if child.status is not None]
        if "pipefail" in self._shell.options:
            return next((status for status in reversed(statuses) if status), 0)
        return statuses[-1]

    async def bring_forward(self, job: Job) -> int:
        """`fg`: let a job go on in the foreground; its status."""
        self._go_on(job)
        await self._wait_in_front(job)
        return job.status

    def _fork_pipeline(self, commands: tuple[Command, ...]) -> list[Process]:
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
        return children

    def _job(self, children: Sequence[Process], commands: Sequence[Command]) -> Job:
        """Processes as a job: with job control a group of its own, whose texts are known."""
        if self.has_control:
            for child in children:
                child.group_id = children[0].pid
        texts = (lambda: [command_text(command) for command in commands]) if self.has_control else list
        return Job(list(children), texts, has_own_group=self.has_control)

    async def _wait_in_front(self, job: Job) -> None:
        """Give a job the terminal, wait until it ends or is stopped, and take the terminal back."""
        shell = self._shell
        terminal = shell.process.terminal
        if terminal is not None:
            terminal.group_id = job.group_id
        while not job.is_done and not job.is_stopped:
            shell.wakeup.clear()
            await shell.wakeup.wait()
        if terminal is not None:
            terminal.group_id = shell.process.group_id
        job.has_changed = False
        if job.is_stopped:
            self._make_current(job)
            await shell.write_error(job.line(self._mark(job)))
            return
        self._forget(job)
        ended = job.processes[-1].status
        assert ended is not None, "the job is done"
        if ended.signal == SIGINT:
            self._take_interrupt()
        await self._report(ended)

    def _take_interrupt(self) -> None:
        """The user interrupted what ran in front; that counts for the rest of the line as well."""
        shell = self._shell
        if shell.traps.get(SIGINT):
            shell.pending_traps.append(SIGINT)
        elif SIGINT in shell.own_signals and SIGINT not in shell.traps:
            raise Interrupted("^C")

    # -- the background -------------------------------------------------------------------------------------

    def background(self, command: Command) -> None:
        """Start a command and go on. Without job control it reads nothing and no key interrupts it."""
        is_pipeline = isinstance(command, syntax.Pipeline) and not command.is_negated
        commands = command.commands if isinstance(command, syntax.Pipeline) and is_pipeline else (command,)
        children = self._fork_pipeline(commands)
        job = self._job(children, commands)
        if not self.has_control:
            children[0].set_file(0, NullFile())
            for child in children:
                child.handlers[SIGINT] = None
                child.handlers[SIGQUIT] = None
        if len(self._jobs) >= BACKGROUND_MAX:
            self._jobs = [other for other in self._jobs if not other.is_done]
        self._make_current(job)
        self.last_pid = job.last_pid

    def send_back(self, job: Job) -> None:
        """`bg`: let a stopped job go on in the background."""
        self._go_on(job)

    def find(self, pid: int) -> Job | None:
        """A job by the pid of one of its processes, until somebody waits for all of them."""
        return next((job for job in self._jobs if any(process.pid == pid for process in job.processes)), None)

    def named(self, name: str) -> Job:
        """The job that `%...` names: % %% %+ the current, %- the previous, %N, %?TEXT, %TEXT. Raises BuiltinError."""
        text = name[1:]
        jobs: list[Job] = []
        if text in ("", "%", "+"):
            jobs = self._jobs[:1]
        elif text == "-":
            jobs = self._jobs[1:2]
        elif text.isascii() and text.isdecimal():
            jobs = [job for job in self._jobs if str(job.number) == text]
        elif text.startswith("?"):
            jobs = [job for job in self._jobs if text[1:] in job.text]
        else:
            jobs = [job for job in self._jobs if job.text.startswith(text)]
        if not jobs:
            raise BuiltinError("No current job" if not text else f"{name}: no such job")
        if len(jobs) > 1:
            raise BuiltinError(f"{name}: ambiguous")
        return jobs[0]

    def controlled(self, name: str) -> Job:
        """The same for `fg` and `bg`, which move only what has a group of its own."""
        job = self.named(name)
        if not job.has_own_group:
            raise BuiltinError("job (null) not created under job control")
        return job

    @property
    def has_stopped(self) -> bool:
        """Whether any job is stopped."""
        return any(job.is_stopped for job in self._jobs)

    async def wait_all(self) -> int:
        """`wait` without operands: until no background child is left, or a signal with a trap arrives."""
        while any(not job.is_done and not job.is_stopped for job in self._jobs):
            signum = await self._wait_change()
            if signum:
                return 128 + signum
        if not self.has_control:
            self._jobs = [job for job in self._jobs if job.is_stopped or job.has_changed]
        return 0

    async def wait_background(self, job: Job) -> int:
        """`wait PID`: its status, or 128 + the signal whose trap interrupted the waiting."""
        while not job.is_done and not job.is_stopped:
            signum = await self._wait_change()
            if signum:
                return 128 + signum
        ended = job.processes[-1].status
        if ended is not None and not job.was_reported and not self.has_control:
            job.was_reported = True
            await self._report(ended)
        return job.status

    # -- telling --------------------------------------------------------------------------------------------

    def child_changed(self, child: Process) -> None:
        """A child ended, was stopped or goes on."""
        for job in self._jobs or ():
            if child in job.processes:
                job.has_changed = job.is_done or job.is_stopped
        self._shell.wakeup.set()

    def lines(self, only: Sequence[Job] | None = None, *, has_pids: bool = False) -> list[str]:
        """What `jobs` prints of all jobs or some; ended ones are forgotten with that."""
        lines = []
        for job in list(self._jobs):
            if only is None or job in only:
                lines.append(job.line(self._mark(job), has_pids=has_pids))
                job.has_changed = False
                if job.is_done:
                    self._forget(job)
        return lines

    def group_ids(self) -> list[int]:
        """What `jobs -p` prints."""
        return [job.group_id for job in self._jobs]

    def news(self) -> list[str]:
        """Lines for what the user has not been told: jobs that ended or were stopped."""
        return self.lines([job for job in self._jobs if job.has_changed])

    def _mark(self, job: Job) -> str:
        if self._jobs[:1] == [job]:
            return "+"
        return "-" if self._jobs[1:2] == [job] else " "

    def _make_current(self, job: Job) -> None:
        """Put a job where its state belongs: stopped ones first, others behind those."""
        if job in self._jobs:
            self._jobs.remove(job)
        if not job.number:
            taken = {other.number for other in self._jobs}
            job.number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        place = 0 if job.is_stopped else sum(other.is_stopped for other in self._jobs)
        self._jobs.insert(place, job)

    def _forget(self, job: Job) -> None:
        if job in self._jobs:
            self._jobs.remove(job)

    def _go_on(self, job: Job) -> None:
        for process in job.processes:
            process.signal(SIGCONT)
        job.has_changed = False
        self._make_current(job)

    async def _wait_change(self) -> int:
        """Wait for a child or a trap; the signal of the trap, else 0."""
        shell = self._shell
        if not shell.pending_traps:
            shell.wakeup.clear()
            await shell.wakeup.wait()
        return shell.pending_traps[0] if shell.pending_traps else 0

    async def _report(self, ended: ExitStatus) -> None:
        """Say what killed a child, unless it was the user or the end of a pipe."""
        if is_worth_a_word(ended):
            assert ended.signal is not None, "that is what it is about"
            await self._shell.write_error(f"{signal_text(ended.signal)}\n")
