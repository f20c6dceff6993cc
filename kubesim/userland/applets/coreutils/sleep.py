"""sleep: seconds with suffixes and fractions, or infinity."""

from __future__ import annotations

import re

from kubesim.kernel import Event
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

UNIT_NS = {"": 1_000_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}

DURATION = re.compile(r"(\d+)?(?:\.(\d*))?([smhd]?)")


def duration_ns(text: str) -> int | None:
    """Nanoseconds of a duration such as `1`, `0.5`, `2m`; None when it is none.

    >>> duration_ns("1.5s"), duration_ns("x")
    (1500000000, None)
    """
    match = DURATION.fullmatch(text) if text.isascii() and len(text) < 40 else None
    if match is None or not (match[1] or match[2]):
        return None
    unit_ns = UNIT_NS[match[3]]
    fraction: str = match[2] or ""
    return int(match[1] or 0) * unit_ns + int(fraction or 0) * unit_ns // int("1" + "0" * len(fraction))


async def run(process: Process) -> int:
    """Sleep for the sum of the operands."""
    operands = parse_options(process.argv, "", is_ordered=True).operands if process.argv[1:2] == ["--"] else None
    words = process.argv[1:] if operands is None else operands
    if not words:
        raise UsageError
    total_ns = 0
    is_endless = False
    for word in words:
        if word in ("inf", "infinity"):
            is_endless = True
            continue
        delay_ns = duration_ns(word)
        if delay_ns is None:
            await process.complain(f"invalid number '{word}'")
            return 1
        total_ns += delay_ns
    if is_endless:
        await Event().wait()
    await process.sleep(total_ns)
    return 0
