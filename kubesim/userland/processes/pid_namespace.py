"""Pid namespaces: which processes see each other, and under which numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Process


class PidNamespace:
    """Processes by pid. The host's namespace holds every process; a container's holds its own."""

    __slots__ = ("_next_pid", "_processes", "stopped_count")

    def __init__(self, *, first_pid: int) -> None:
        self._next_pid = first_pid
        self._processes: dict[int, Process] = {}
        self.stopped_count = 0
        """How many of them are stopped by a signal."""

    def enter(self, process: Process) -> int:
        """Take a process in; its pid here. Pids are not used twice."""
        pid = self._next_pid
        self._next_pid += 1
        self._processes[pid] = process
        return pid

    def leave(self, pid: int) -> None:
        """A process ended."""
        del self._processes[pid]

    def find(self, pid: int) -> Process | None:
        """The process with this pid."""
        return self._processes.get(pid)

    def processes(self) -> list[Process]:
        """All processes, by pid."""
        return list(self._processes.values())

    @property
    def init(self) -> Process | None:
        """Pid 1, while it lives."""
        return self._processes.get(1)
