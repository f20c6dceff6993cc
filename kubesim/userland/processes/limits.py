"""Resource limits of processes: what a shell shows and sets. No program is held to them.

The values are those that containerd and CRI-O hand on to a container: their systemd units lift most of them. Mirrors
containerd: containerd.service (LimitNPROC, LimitCORE), and linux: include/asm-generic/resource.h, INIT_RLIMITS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from kubesim.policy.capabilities import capability_mask

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Process

UNLIMITED = 2**64 - 1

_SYS_RESOURCE = capability_mask(["CAP_SYS_RESOURCE"])


class Limit(NamedTuple):
    """What holds now, and how far a process may raise that; in bytes or whatever the limit counts."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class LimitKind:
    """One of the limits. `shift` makes the unit of a shell bytes; `most` is what not even root may exceed."""

    title: str
    shift: int
    initial: Limit
    most: int = UNLIMITED


_NONE = Limit(UNLIMITED, UNLIMITED)
_KIB, _BLOCK = 10, 9

LIMITS = {
    "c": LimitKind("core file size (blocks)", _BLOCK, _NONE),
    "d": LimitKind("data seg size (kb)", _KIB, _NONE),
    "e": LimitKind("scheduling priority", 0, Limit(0, 0)),
    "f": LimitKind("file size (blocks)", _BLOCK, _NONE),
    "i": LimitKind("pending signals", 0, Limit(63_432, 63_432)),
    "l": LimitKind("max locked memory (kb)", _KIB, Limit(8 << 20, 8 << 20)),
    "m": LimitKind("max memory size (kb)", _KIB, _NONE),
    "n": LimitKind("open files", 0, Limit(1_048_576, 1_048_576), most=1_073_741_816),
    "q": LimitKind("POSIX message queues (bytes)", 0, Limit(819_200, 819_200)),
    "r": LimitKind("real-time priority", 0, Limit(0, 0)),
    "s": LimitKind("stack size (kb)", _KIB, Limit(8 << 20, UNLIMITED)),
    "t": LimitKind("cpu time (seconds)", 0, _NONE),
    "u": LimitKind("max user processes", 0, _NONE),
    "v": LimitKind("virtual memory (kb)", _KIB, _NONE),
    "x": LimitKind("file locks", 0, _NONE),
}
"""By the letter of `ulimit`, in its order."""


NO_LIMITS: Mapping[str, Limit] = MappingProxyType({})
"""Of a process that has set none, and none above it."""


def limit_of(process: Process, letter: str) -> Limit:
    """One limit of a process."""
    return process.limits.get(letter) or LIMITS[letter].initial


def set_limit(process: Process, letter: str, limit: Limit) -> str:
    """Set a limit, for children that come later too; the errno of the refusal, "" if there is none.

    Mirrors linux: kernel/sys.c, do_prlimit.
    """
    if limit.soft > limit.hard:
        return "EINVAL"
    may_raise = process.credentials.has(_SYS_RESOURCE)
    if (limit.hard > limit_of(process, letter).hard and not may_raise) or limit.hard > LIMITS[letter].most:
        return "EPERM"
    process.limits = {**process.limits, letter: limit}
    return ""
