"""One job of a shell: the processes of a pipeline, and how it is shown.

Mirrors busybox: shell/ash.c, struct job, sprint_status48 and showjob.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubesim.userland.processes.exit_status import ExitStatus
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS, SIGINT, SIGPIPE, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU

COMMAND_COLUMN = 33

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

_TEXTS = {NUMBERS[name]: text for name, text in DEATHS.items()} | {
    SIGSTOP: "Stopped (signal)",
    SIGTSTP: "Stopped",
    SIGTTIN: "Stopped (tty input)",
    SIGTTOU: "Stopped (tty output)",
}


def signal_text(signum: int) -> str:
    """What a signal did."""
    return _TEXTS.get(signum, f"Signal {signum}")


class Job:
    """Processes that were started together. `texts` gives their commands when somebody asks."""

    __slots__ = ("_texts", "has_changed", "has_own_group", "number", "processes", "was_reported")

    def __init__(self, processes: list[Process], texts: Callable[[], Sequence[str]], *, has_own_group: bool) -> None:
        self.processes = processes
        self._texts = texts
        self.has_own_group = has_own_group
        self.number = 0
        """As in `%1`; 0 for one that was never more than the foreground."""
        self.has_changed = False
        """Whether the user has not been told of its state yet."""
        self.was_reported = False

    @property
    def group_id(self) -> int:
        """Of its process group: the pid of its first process."""
        return self.processes[0].pid

    @property
    def last_pid(self) -> int:
        """What `$!` is, and what `wait` knows it by."""
        return self.processes[-1].pid

    @property
    def is_done(self) -> bool:
        """Whether all processes have ended."""
        return all(process.status is not None for process in self.processes)

    @property
    def is_stopped(self) -> bool:
        """Whether what is left of it is stopped; without job control nobody asks for that."""
        if not self.has_own_group:
            return False
        living = [process for process in self.processes if process.status is None]
        return bool(living) and all(process.stopped_by for process in living)

    @property
    def status(self) -> int:
        """The status of the last process; of a stopped job 128 + the signal."""
        last = self.processes[-1]
        if last.status is not None:
            return last.status.code
        return 128 + next((process.stopped_by for process in self.processes if process.stopped_by), 0)

    @property
    def text(self) -> str:
        """Its commands."""
        return " | ".join(self._texts())

    @property
    def state_text(self) -> str:
        """`Running`, `Stopped`, `Done(1)`, `Killed`."""
        if self.is_stopped:
            return signal_text(next(process.stopped_by for process in self.processes if process.stopped_by))
        ended = self.processes[-1].status
        if not self.is_done or ended is None:
            return "Running"
        if ended.signal is not None and ended.signal not in (SIGINT, SIGPIPE):
            return signal_text(ended.signal)
        return f"Done({ended.code})" if ended.code else "Done"

    def line(self, mark: str, *, has_pids: bool = False) -> str:
        """The line of `jobs`: number, mark of the current (+) or previous (-) job, state and command."""
        head = f"[{self.number}]{mark:3}"
        if not has_pids:
            return f"{f'{head}{self.state_text} ':<{COMMAND_COLUMN}}{self.text}\n"
        lines = []
        for position, (process, text) in enumerate(zip(self.processes, self._texts(), strict=True)):
            start = f"{head}{process.pid} {self.state_text} " if not position else f"{' ' * len(head)}{process.pid} "
            lines.append(f"{start:<{COMMAND_COLUMN}}{'| ' if position else ''}{text}\n")
        return "".join(lines)


def is_worth_a_word(ended: ExitStatus) -> bool:
    """Whether a shell says what killed a process: not when it was the user or the end of a pipe."""
    return ended.signal is not None and ended.signal not in (SIGINT, SIGPIPE)
