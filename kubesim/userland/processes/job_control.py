"""What processes are to one another besides parent and child: sessions, process groups, and being stopped.

Rule 1: groups and sessions are numbers of the process's own pid namespace; a child is born into those of its parent.
Rule 2: a stopped process takes no step. Signals wait until it goes on, but for SIGKILL, which ends it, and SIGCONT.
Rule 3: a stop from a terminal does nothing to a group that nobody could bring back: one without a parent elsewhere in
its session. Mirrors linux: kernel/exit.c, will_become_orphaned_pgrp; kernel/signal.c, do_signal_stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kubesim.kernel import checkpoint
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.descriptors import READ_BYTES, Descriptors
from kubesim.userland.processes.signals import SIGCONT, SIGHUP, SIGSTOP, SIGTTIN

if TYPE_CHECKING:
    from kubesim.kernel import Task
    from kubesim.userland.files.open_file import OpenFile
    from kubesim.userland.processes.pid_namespace import PidNamespace
    from kubesim.userland.processes.process_life import Handler, Process
    from kubesim.userland.terminals.terminal import Terminal


class GroupMember(Descriptors):
    """The part of a process that is about its group, its session and its terminal."""

    __slots__ = ("_held_signals", "group_id", "on_child_stop", "session_id", "stopped_by", "terminal")

    if TYPE_CHECKING:
        _task: Task[int] | None
        namespace: PidNamespace
        parent: Process | None
        pid: int

        @property
        def handlers(self) -> dict[int, Handler]: ...

    def __init__(self) -> None:
        super().__init__()
        self.group_id = 0
        self.session_id = 0
        self.terminal: Terminal | None = None
        """The terminal that controls the session, if there is one."""
        self.stopped_by = 0
        """The signal that stopped it; 0 while it runs."""
        self.on_child_stop: Callable[[Process], object] | None = None
        """Called when a child stops or goes on."""
        self._held_signals: list[int] | None = None

    def enter_groups(self, parent: Process | None) -> None:
        """Begin in the group and session of the parent, or lead one of its own."""
        if parent is None:
            self.group_id = self.session_id = self.pid
        else:
            self.group_id, self.session_id, self.terminal = parent.group_id, parent.session_id, parent.terminal

    def start_session(self) -> int:
        """setsid(2): lead a new session and group, without a terminal. Raises FsError EPERM for who leads a group."""
        if any(member.group_id == self.pid for member in self.namespace.processes()):
            raise FsError("EPERM")
        self.group_id = self.session_id = self.pid
        self.terminal = None
        return self.session_id

    def set_group(self, group_id: int) -> None:
        """setpgid(2): enter a group of the session, or lead a new one. Raises FsError EPERM."""
        if self.session_id == self.pid:
            raise FsError("EPERM")
        others = [member for member in self.namespace.processes() if member.group_id == group_id]
        if group_id != self.pid and not any(other.session_id == self.session_id for other in others):
            raise FsError("EPERM")
        self.group_id = group_id

    @property
    def is_group_orphaned(self) -> bool:
        """Whether nobody in the session watches over its group."""
        return not any(
            member.parent is not None
            and member.parent.session_id == member.session_id
            and member.parent.group_id != member.group_id
            for member in self.namespace.processes()
            if member.group_id == self.group_id
        )

    async def read_from(self, file: OpenFile, size: int = READ_BYTES) -> bytes:
        """Read; from its own terminal only in the foreground. Raises FsError EIO for who cannot come there.

        Mirrors linux: drivers/tty/tty_jobctrl.c, __tty_check_change.
        """
        while file.is_terminal and self.is_in_background:
            if SIGTTIN in self.handlers or self.is_group_orphaned:
                raise FsError("EIO" if self.handlers.get(SIGTTIN) is None else "EINTR")
            for member in members_of_group(self.namespace, self.group_id):
                member.signal(SIGTTIN)
            await checkpoint()  # here it is stopped, until somebody brings it to the foreground
        return await super().read_from(file, size)

    @property
    def is_in_background(self) -> bool:
        """Whether another group of its session has the terminal."""
        return self.terminal is not None and self.terminal.group_id != self.group_id

    # -- stopping -----------------------------------------------------------------------------------------

    def stop(self, signum: int) -> None:
        """Take no further step; the parent is told."""
        if self.stopped_by or self._task is None or (signum != SIGSTOP and self.is_group_orphaned):
            return
        self.stopped_by = signum
        self.namespace.stopped_count += 1
        self._task.pause()
        self._tell_parent()

    def hold_signal(self, signum: int) -> None:
        """Keep a signal for a stopped process; of each kind one is kept."""
        held = self._held_signals = self._held_signals or []
        if signum not in held:
            held.append(signum)

    def go_on(self) -> list[int]:
        """SIGCONT: go on where it was stopped; the signals that came meanwhile, to be sent now."""
        if not self.stopped_by or self._task is None:
            return []
        self.stopped_by = 0
        self.namespace.stopped_count -= 1
        self._task.resume()
        self._tell_parent()
        held, self._held_signals = self._held_signals, None
        return held or []

    def _tell_parent(self) -> None:
        if self.parent is not None and self.parent.on_child_stop is not None:
            self.parent.on_child_stop(self)  # type: ignore[arg-type]  # every member is a Process

    def leave_session(self) -> None:
        """The process ended: a leader takes the terminal from its session with it."""
        if self.stopped_by:
            self.namespace.stopped_count -= 1
        if self.terminal is not None and self.session_id == self.pid:
            self.terminal.lose_session()


def members_of_group(namespace: PidNamespace, group_id: int) -> list[Process]:
    """The processes of a group, oldest first."""
    return [process for process in namespace.processes() if process.group_id == group_id]


def release_orphans(namespace: PidNamespace, children: Iterable[Process]) -> None:
    """Groups that lost their last watcher while one of them is stopped get SIGHUP and go on.

    Mirrors linux: kernel/exit.c, kill_orphaned_pgrp.
    """
    for child in list(children) if namespace.stopped_count else ():
        if child.status is not None or not child.is_group_orphaned:
            continue
        members = members_of_group(child.namespace, child.group_id)
        if any(member.stopped_by for member in members):
            for member in members:
                member.signal(SIGHUP)
                member.signal(SIGCONT)
