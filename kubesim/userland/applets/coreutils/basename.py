"""basename: the last part of a path."""

from __future__ import annotations

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process


def last_part(path: str, suffix: str = "") -> str:
    """The last name of a path, without `suffix` unless that is all of it."""
    name = path.rstrip("/").rpartition("/")[2] or ("/" if path else "")
    return name.removesuffix(suffix) if suffix and name != suffix else name


def without_slashes(path: str) -> str:
    """A path as busybox's tools for files take it: `link/` is the link itself, not what it points to.

    Mirrors busybox: libbb/get_last_path_component.c, bb_get_last_path_component_strip.
    """
    return path.rstrip("/") or path[:1]


async def run(process: Process) -> int:
    """Print it; with -a or -s of each operand. Mirrors busybox: coreutils/basename.c."""
    options = parse_options(process.argv, "as:", is_ordered=True)
    operands = options.operands
    suffix = options.values.get("s", "")
    takes_all = bool(options.flags)
    if not operands or (len(operands) > 2 and not takes_all):
        raise UsageError
    if not takes_all:
        operands, suffix = operands[:1], "".join(operands[1:])
    await process.say("".join(f"{last_part(path, suffix)}\n" for path in operands))
    return 0
