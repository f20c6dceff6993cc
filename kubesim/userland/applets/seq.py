"""seq: a sequence of numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.process_life import Process

LINES_AT_ONCE = 512


async def run(process: Process) -> int:
    """Print the numbers from FIRST to LAST."""
    options = parse_options(process.argv, "ws:", is_ordered=True)
    numbers = [_number(word) for word in options.operands]
    if not 1 <= len(numbers) <= 3:
        raise UsageError
    first = numbers[0] if len(numbers) > 1 else Decimal(1)
    step = numbers[1] if len(numbers) == 3 else Decimal(1)
    last = numbers[-1]
    digits = max(_fraction_digits(word) for word in options.operands)
    width = 0
    if "w" in options:
        width = max(len(f"{first:.{digits}f}"), len(f"{last:.{digits}f}"))
    separator = options.values.get("s", "\n")
    lines: list[str] = []
    is_first = True
    value = first
    while value <= last if step >= 0 else value >= last:
        lines.append(f"{value:.{digits}f}".zfill(width))
        value += step
        if len(lines) == LINES_AT_ONCE:
            await process.say(("" if is_first else separator) + separator.join(lines))
            lines, is_first = [], False
            await process.step()
    if lines:
        await process.say(("" if is_first else separator) + separator.join(lines))
        is_first = False
    if not is_first:
        await process.say("\n")
    return 0


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UsageError from None
    if not number.is_finite() or len(text) > 40 or number.adjusted() > 40:
        raise UsageError
    return number


def _fraction_digits(text: str) -> int:
    return min(len(text.partition(".")[2]), 20)
