"""Control groups: the processes of one container, and how much memory they may take together."""

from __future__ import annotations

from typing import Protocol

BASE_BYTES = 512 * 1024
"""What a process takes before it does anything: about the resident pages of a static busybox."""

PIDS_MAX = 4096
"""Processes of one container: what nodes whose administrator thought of it allow a pod (podPidsLimit). Without a limit
a program that forks without end would take the memory of the emulator."""

NODE_BYTES = 4 * 1024**3
"""Memory of the node: where a process without a limit ends."""


class Member(Protocol):
    """A process, as far as memory is concerned."""

    host_pid: int
    memory_bytes: int

    def die_of_memory(self) -> None:
        """The OOM killer chose this process."""


class Cgroup:
    """Memory of some processes, within the memory of the parent group.

    `oom_kills_count` is what a runtime looks at to report OOMKilled. Mirrors linux: mm/oom_kill.c, mm/memcontrol.c.
    """

    __slots__ = ("_members", "is_oom_group", "limit_bytes", "memory_bytes", "oom_kills_count", "parent")

    def __init__(self, *, limit_bytes: int | None, parent: Cgroup | None = None, is_oom_group: bool = False) -> None:
        self.limit_bytes = limit_bytes
        self.parent = parent
        self.is_oom_group = is_oom_group
        """memory.oom.group: one process over the limit takes all others of the group with it."""
        self.memory_bytes = 0
        self.oom_kills_count = 0
        self._members: list[Member] = []

    def add(self, member: Member) -> None:
        """A process enters with what it takes already."""
        self._members.append(member)
        self._change(member.memory_bytes)

    def remove(self, member: Member) -> None:
        """A process ended."""
        self._members.remove(member)
        self._change(-member.memory_bytes)

    @property
    def is_full(self) -> bool:
        """Whether a fork is refused. A runtime that puts a process in is not, as on a node."""
        return len(self._members) >= PIDS_MAX

    def members(self) -> list[Member]:
        """The processes, oldest first."""
        return list(self._members)

    def charge(self, member: Member, size_bytes: int) -> None:
        """A process takes more memory. Over a limit the largest process of that group dies."""
        member.memory_bytes += size_bytes
        self._change(size_bytes)
        group: Cgroup | None = self
        while group is not None:
            if group.limit_bytes is not None and group.memory_bytes > group.limit_bytes:
                # Groups above hold no list of their own: whoever goes over the node's memory is the one that dies.
                self._kill(member if group is not self else self._largest())
                return
            group = group.parent

    def set_limit(self, limit_bytes: int | None) -> None:
        """Give the group another limit, None for none. What does not fit is no error: processes die until it does.

        Mirrors linux: mm/memcontrol.c, memory_max_write.
        """
        self.limit_bytes = limit_bytes
        left_bytes = self.memory_bytes
        for member in sorted(self._members, key=_badness, reverse=True):
            if limit_bytes is None or left_bytes <= limit_bytes:
                return
            left_bytes -= member.memory_bytes
            self._kill(member)

    def _change(self, size_bytes: int) -> None:
        group: Cgroup | None = self
        while group is not None:
            group.memory_bytes += size_bytes
            group = group.parent

    def _largest(self) -> Member:
        return max(self._members, key=_badness)

    def _kill(self, victim: Member) -> None:
        self.oom_kills_count += 1
        for member in self.members() if self.is_oom_group else [victim]:
            member.die_of_memory()


def _badness(member: Member) -> tuple[int, int]:
    """The largest dies, of equals the youngest. Mirrors linux: mm/oom_kill.c, oom_badness."""
    return member.memory_bytes, member.host_pid
