"""seq: a sequence of numbers."""

from __future__ import annotations

import math

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LINES_AT_ONCE = 128
"""Of one write: what a log takes in a fraction of a millisecond, so that nobody else waits longer."""

NUMBER_LENGTH_MAX = 40


async def run(process: Process) -> int:
    """Print the numbers from FIRST to LAST."""
    options = parse_options(process.argv, "ws:", is_ordered=True)
    numbers = [_number(word) for word in options.operands]
    if not 1 <= len(numbers) <= 3:
        raise UsageError
    first = numbers[0] if len(numbers) > 1 else 1.0
    step = numbers[1] if len(numbers) == 3 else 1.0
    last = numbers[-1]
    digits = max((_fraction_digits(word) for word in options.operands[:-1]), default=0)
    width = max(len(f"{first:.{digits}f}"), len(f"{last:.{digits}f}")) if "w" in options else 0
    separator = options.values.get("s", "\n")
    lines: list[str] = []
    is_first = True
    value, count = first, 0
    # Floating point as busybox computes it: `seq 0.1 0.1 0.3` ends before 0.3.
    while value <= last if step >= 0 else value >= last:
        lines.append(f"{value:.{digits}f}".zfill(width))
        count += 1
        value = count * step + first
        if len(lines) == LINES_AT_ONCE:
            await process.say(("" if is_first else separator) + separator.join(lines))
            lines, is_first = [], False
            await process.cpu.pause()
            await process.step()
    if lines:
        await process.say(("" if is_first else separator) + separator.join(lines))
        is_first = False
    if not is_first:
        await process.say("\n")
    return 0


def _number(text: str) -> float:
    """As strtod(3) reads it: hexadecimal too, and 0 where there is nothing."""
    try:
        if "x" in text.lower():
            number = float.fromhex(text)
        else:
            number = float(text or 0) if len(text) <= NUMBER_LENGTH_MAX and "_" not in text else math.inf
    except (ValueError, OverflowError):
        raise UsageError from None
    if not math.isfinite(number):
        raise UsageError
    return number


def _fraction_digits(text: str) -> int:
    return len(text.partition(".")[2])
