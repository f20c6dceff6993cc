"""Numbers and sizes on a command line, as busybox's xatou functions read them."""

from __future__ import annotations

from collections.abc import Mapping

NUMBER_MAX = 2**64 - 1
K = 1024
BINARY_SUFFIXES: Mapping[str, int] = {
    "": 1,
    "k": K,
    "K": K,
    "kB": 1000,
    "KB": 1000,
    "M": K**2,
    "MB": 1000**2,
    "G": K**3,
    "GB": 1000**3,
}
"""Mirrors busybox: libbb/xatonum.c, kmg_i_suffixes and cwbkMG_suffixes, as far as truncate and df take them."""


def read_size(text: str, suffixes: Mapping[str, int] = BINARY_SUFFIXES) -> int | None:
    """A number with a unit behind it; None when it is none."""
    digits = text.rstrip("".join(suffixes))
    factor = suffixes.get(text[len(digits) :])
    if factor is None or not (digits.isascii() and digits.isdecimal()) or int(digits) * factor > NUMBER_MAX:
        return None
    return int(digits) * factor
