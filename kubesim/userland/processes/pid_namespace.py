"""Pid namespaces: which processes see each other, and under which numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Process


INIT_PID = 1


class PidNamespace:
    """Processes by pid. The host's namespace holds every process; a container's holds its own."""

    __slots__ = ("_next_pid", "_others", "init", "stopped_count")

    def __init__(self, *, first_pid: int) -> None:
        self._next_pid = first_pid
        self.init: Process | None = None
        """Pid 1, while it lives."""
        # Most namespaces never hold anything but their pid 1.
        self._others: dict[int, Process] | None = None
        self.stopped_count = 0
        """How many of them are stopped by a signal."""

    def enter(self, process: Process) -> int:
        """Take a process in; its pid here. Pids are not used twice."""
        pid = self._next_pid
        self._next_pid += 1
        if pid == INIT_PID:
            self.init = process
        elif self._others is None:
            self._others = {pid: process}
        else:
            self._others[pid] = process
        return pid

    def leave(self, pid: int) -> None:
        """A process ended."""
        if pid == INIT_PID:
            self.init = None
        elif self._others is not None:
            del self._others[pid]

    def find(self, pid: int) -> Process | None:
        """The process with this pid."""
        if pid == INIT_PID:
            return self.init
        return None if self._others is None else self._others.get(pid)

    def processes(self) -> list[Process]:
        """All processes, by pid."""
        first = [] if self.init is None else [self.init]
        return first if self._others is None else [*first, *self._others.values()]
