"""/sys/fs/cgroup of a container: the files of its control group, which nobody inside changes.

Format: linux: Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.userland.files.mounts import Asker, Mount, Volume
from kubesim.userland.files.nodes import Node
from kubesim.userland.files.proc_facts import ProcessFacts
from kubesim.userland.files.proc_files import VirtualDirectory, VirtualFile, fixed_directory
from kubesim.userland.files.proc_machine import CPUS_COUNT

CGROUP_VOLUME = Volume(type="cgroup2", source="cgroup")
_CONTROLLERS = b"cpuset cpu io memory hugetlb pids rdma misc\n"
_CPU_TIMES = b"usage_usec 0\nuser_usec 0\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"
"""Nobody counts the time that is computed."""
_EMPTY = fixed_directory({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupSettings:
    """What a runtime has set; None and "" for what it left alone."""

    cpu_quota_us: int | None = None
    cpu_period_us: int = 100_000
    cpu_weight: int = 100
    cpus: str = ""
    mems: str = ""
    pids_max: int | None = None
    memory_max_bytes: int | None = None
    swap_max_bytes: int | None = None


class CgroupMount(Mount):
    """The mount at /sys/fs/cgroup; `settings` are asked for whenever somebody reads."""

    __slots__ = ("_settings",)

    def __init__(
        self, path: str, settings: Callable[[], CgroupSettings], *, is_read_only: bool, flags: tuple[str, ...]
    ) -> None:
        super().__init__(path, _EMPTY, is_read_only=is_read_only, volume=CGROUP_VOLUME, flags=flags)
        self._settings = settings

    def copy(self, path: str) -> Mount:
        """One more view of the same group."""
        return CgroupMount(path, self._settings, is_read_only=self.is_read_only, flags=self.flags)

    def root_for(self, asker: Asker) -> Node:
        """The directory as this process sees it."""
        process: ProcessFacts | None = asker.process  # type: ignore[assignment]  # only processes are put there
        if process is None:
            return self.root
        makers = _files_of(process, self._settings)
        return VirtualDirectory(
            lambda: list(makers), lambda name: VirtualFile(makers[name], mode=_mode(name)) if name in makers else None
        )


_READ_ONLY = ("controllers", "current", "effective", "events", "stat", "peak")


def _mode(name: str) -> int:
    return 0o444 if name.endswith(_READ_ONLY) else 0o644


def _files_of(process: ProcessFacts, settings: Callable[[], CgroupSettings]) -> Mapping[str, Callable[[], bytes]]:
    group = process.cgroup_facts

    def number(get: Callable[[CgroupSettings], int | None]) -> Callable[[], bytes]:
        return lambda: _limit(get(settings()))

    def text(get: Callable[[CgroupSettings], str]) -> Callable[[], bytes]:
        return lambda: get(settings()).encode(errors="surrogateescape") + b"\n"

    def cpu_max() -> bytes:
        now = settings()
        return _limit(now.cpu_quota_us).strip() + b" %d\n" % now.cpu_period_us

    def events() -> bytes:
        kills = group.oom_kills_count
        return b"low 0\nhigh 0\nmax %d\noom %d\noom_kill %d\noom_group_kill 0\n" % (kills, kills, kills)

    return {
        "cgroup.controllers": lambda: _CONTROLLERS,
        "cgroup.events": lambda: b"populated 1\nfrozen 0\n",
        "cgroup.procs": lambda: b"".join(b"%d\n" % pid for pid in process.group_pids()),
        "cgroup.subtree_control": lambda: b"",
        "cgroup.type": lambda: b"domain\n",
        "cpu.max": cpu_max,
        "cpu.stat": lambda: _CPU_TIMES,
        "cpu.weight": number(lambda now: now.cpu_weight),
        "cpuset.cpus": text(lambda now: now.cpus),
        "cpuset.cpus.effective": text(lambda now: now.cpus or f"0-{CPUS_COUNT - 1}"),
        "cpuset.mems": text(lambda now: now.mems),
        "cpuset.mems.effective": text(lambda now: now.mems or "0"),
        "io.max": lambda: b"",
        "memory.current": lambda: b"%d\n" % group.memory_bytes,
        "memory.events": events,
        "memory.high": lambda: b"max\n",
        "memory.low": lambda: b"0\n",
        "memory.max": number(lambda now: now.memory_max_bytes),
        "memory.min": lambda: b"0\n",
        "memory.oom.group": lambda: b"%d\n" % group.is_oom_group,
        "memory.stat": lambda: b"anon %d\nfile 0\nkernel 0\ninactive_file 0\nactive_file 0\n" % group.memory_bytes,
        "memory.swap.current": lambda: b"0\n",
        "memory.swap.max": number(lambda now: now.swap_max_bytes),
        "pids.current": lambda: b"%d\n" % len(process.group_pids()),
        "pids.max": number(lambda now: now.pids_max),
    }


def _limit(value: int | None) -> bytes:
    return b"max\n" if value is None else b"%d\n" % value
