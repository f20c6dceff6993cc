"""Sizes as df, du and ls print them."""

from __future__ import annotations

_UNITS = " KMGTPEZY"


def size_text(count: int, block_bytes: int, unit_bytes: int) -> str:
    """`count` blocks in units of `unit_bytes`, rounded to the nearest; with 0 in the unit that fits, as in `1.5K`.

    A block size of 0 means bytes without a fraction. Mirrors busybox: libbb/human_readable.c, make_human_readable_str.
    """
    if not count:
        return "0"
    value = count * max(block_bytes, 1)
    if unit_bytes:
        return str((value + unit_bytes // 2) // unit_bytes)
    power, tenths = 0, 0
    while value >= 1024:
        power += 1
        tenths = (value % 1024 * 10 + 512) // 1024
        value //= 1024
    if tenths >= 10:
        value, tenths = value + 1, 0
    unit = _UNITS[power] if power else ""
    if not block_bytes:
        return f"{value + (tenths >= 5)}{unit or ' '}" if power else f"{value} "
    return f"{value}.{tenths}{unit}" if power else str(value)
