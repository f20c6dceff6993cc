"""What /proc, ps and top show of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc import command_of
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.proc_net import proc_net_directory
from kubesim.userland.processes.cgroup import Cgroup
from kubesim.userland.processes.job_control import GroupMember
from kubesim.userland.processes.limits import LIMITS, UNLIMITED, Limit
from kubesim.userland.processes.pid_namespace import PidNamespace

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Handler, Process
    from kubesim.userland.processes.process_table import ProcessTable


class Shown(GroupMember):
    """The part of a process that others look at."""

    __slots__ = ("_handlers", "_name_before_title", "argv")
    argv: list[str]
    table: ProcessTable
    parent: Process | None
    namespace: PidNamespace
    cgroup: Cgroup
    network: NetworkNamespace
    limits: Mapping[str, Limit]

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[int, Handler] | None = None
        self._name_before_title = ""

    @property
    def parent_pid(self) -> int:
        """In its own namespace; 0 when the parent is outside."""
        parent = self.parent
        return parent.pid if parent is not None and parent.namespace is self.namespace else 0

    @property
    def command(self) -> str:
        """Its name as the kernel keeps it: that of the program, which a title leaves alone."""
        return self._name_before_title or command_of(self.argv)

    def set_title(self, title: str) -> None:
        """Write over its arguments, as servers do to tell what they are at. Mirrors nginx: ngx_setproctitle.c."""
        self._name_before_title = self.command
        self.argv = [title]

    def network_files(self) -> Node:
        """The directory /proc/PID/net."""
        return proc_net_directory(self.network)

    def neighbours(self) -> Sequence[Process]:
        """The processes of its pid namespace, by pid."""
        return self.namespace.processes()

    @property
    def handlers(self) -> dict[int, Handler]:
        """What it does about signals, by number."""
        if self._handlers is None:
            self._handlers = {}
        return self._handlers

    def handles(self, signum: int) -> bool:
        """Whether it has said what it does about a signal; most processes leave all alone, and have no dictionary."""
        return self._handlers is not None and signum in self._handlers

    def keep_ignored_signals(self, other: Shown) -> None:
        """Ignore what `other` ignores, and nothing else: what a child inherits, and what outlives execve(2)."""
        if other._handlers is not None:
            self._handlers = {signum: None for signum, handler in other._handlers.items() if handler is None}

    @property
    def ignored_signals(self) -> int:
        """As a mask: bit 0 is signal 1."""
        return _mask(self._handlers, is_caught=False)

    @property
    def caught_signals(self) -> int:
        """As a mask: bit 0 is signal 1."""
        return _mask(self._handlers, is_caught=True)

    @property
    def cgroup_facts(self) -> Cgroup:
        """Its container's group."""
        return self.cgroup

    def resource_limit(self, letter: str) -> tuple[int | None, int | None]:
        """What holds now and at most, by the letter of `ulimit`; None for no limit."""
        limit = self.limits.get(letter) or LIMITS[letter].initial
        return tuple(None if value == UNLIMITED else value for value in limit)  # type: ignore[return-value]  # two

    def group_pids(self) -> Sequence[int]:
        """The processes of its container by their numbers in its own pid namespace; 0 for one outside."""
        inside = {process.host_pid: process.pid for process in self.neighbours()}
        return [inside.get(member.host_pid, 0) for member in self.cgroup.members()]

    @property
    def node_memory_bytes(self) -> int:
        """What all processes of the node take."""
        return self.table.cgroup.memory_bytes

    @property
    def now_ns(self) -> int:
        """The clock, ns since the epoch."""
        return self.table.kernel.now_ns

    @property
    def uptime_ns(self) -> int:
        """Since the node began."""
        return self.table.kernel.now_ns - self.table.kernel.start_ns


def _mask(handlers: Mapping[int, Handler] | None, *, is_caught: bool) -> int:
    mask = 0
    for signum, handler in (handlers or {}).items():
        if signum > 0 and (handler is not None) is is_caught:
            mask |= 1 << (signum - 1)
    return mask
