"""What /proc shows: of a process, and of the namespaces of its container."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct, field

from kubesim.userland.files.credentials import Credentials
from kubesim.userland.files.looking import Looking
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.open_file import OpenFile


class CgroupFacts(Protocol):
    """The memory and the processes of a container."""

    limit_bytes: int | None
    memory_bytes: int
    oom_kills_count: int
    is_oom_group: bool


class TerminalFacts(Protocol):
    """The terminal of a session."""

    number: int
    group_id: int


class ProcessFacts(Protocol):
    """What /proc shows of a process."""

    pid: int
    argv: list[str]
    env: dict[str, str]
    credentials: Credentials
    hostname: str
    memory_bytes: int
    files: Looking
    started_ns: int
    executable_path: str
    group_id: int
    session_id: int
    stopped_by: int

    @property
    def terminal(self) -> TerminalFacts | None:
        """What controls its session."""

    @property
    def command(self) -> str:
        """Its name as the kernel keeps it."""

    @property
    def parent_pid(self) -> int:
        """In the process's own pid namespace; 0 for one whose parent is outside."""

    @property
    def ignored_signals(self) -> int:
        """As a mask: bit 0 is signal 1."""

    @property
    def caught_signals(self) -> int:
        """As a mask: bit 0 is signal 1."""

    @property
    def cgroup_facts(self) -> CgroupFacts:
        """Its container's group."""

    @property
    def node_memory_bytes(self) -> int:
        """What all processes of the node take."""

    @property
    def now_ns(self) -> int:
        """The clock, ns since the epoch."""

    @property
    def uptime_ns(self) -> int:
        """Since the node began."""

    def network_files(self) -> Node:
        """The directory /proc/PID/net."""

    def descriptors(self) -> Mapping[int, OpenFile]:
        """Open files by descriptor."""

    def open_file_of(self, fd: int) -> OpenFile:
        """What a descriptor stands for."""

    def neighbours(self) -> Sequence[ProcessFacts]:
        """The processes of its pid namespace, this one among them, by pid."""

    def resource_limit(self, letter: str) -> tuple[int | None, int | None]:
        """What holds now and at most, by the letter of `ulimit`; None for no limit."""

    def group_pids(self) -> Sequence[int]:
        """The processes of its container by their numbers in its own pid namespace; 0 for one outside."""


IdMap: TypeAlias = tuple[tuple[int, int, int], ...]
"""Lines of uid_map: the first id inside, the first id outside, how many follow each other."""

WHOLE_ID_MAP: IdMap = ((0, 0, 4294967295),)
"""What the node's own user namespace shows."""


class Namespaces(Struct, frozen=True, kw_only=True, gc=False):
    """What /proc shows of the namespaces of a container."""

    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Those that differ from the defaults, by name with dots."""
    read_node_ipc: Callable[[str], bytes] | None = None
    """The node's /proc/sysvipc/NAME, where the ipc namespace is the node's; None for one of the pod's own."""
    uids: IdMap = WHOLE_ID_MAP
    gids: IdMap = WHOLE_ID_MAP
    oom_score_adj: int = 0
    """Of the container's processes."""
