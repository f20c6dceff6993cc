"""nl: number lines. Mirrors busybox: coreutils/nl.c."""

from __future__ import annotations

from kubesim.userland.applets.coreutils.numbered import Numbering, print_numbered
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

_LONG_NAMES = {
    "body-numbering": "b",
    "line-increment": "i",
    "no-renumber": "p",
    "number-separator": "s",
    "starting-line-number": "v",
    "number-width": "w",
}
WIDTH_MAX = 65536
"""A limit of ours, so that a typing error does not fill the memory."""


async def run(process: Process) -> int:
    """Print the lines with numbers; those that get none are moved to the right all the same."""
    options = parse_options(process.argv, "pw:s:v:i:b:", long_names=_LONG_NAMES)
    numbers = {"w": 6, "v": 1, "i": 1}
    for letter in options.given:
        if letter not in numbers:
            continue
        text = options.values[letter]
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**31:
            await process.complain(f"invalid number '{text}'")
            return 1
        numbers[letter] = int(text)
    style = options.values.get("b", "t")[:1]
    separator = options.values.get("s", "\t").encode(errors="surrogateescape")
    width = min(numbers["w"], WIDTH_MAX)
    numbering = Numbering(
        width=width,
        number=numbers["v"],
        step=numbers["i"],
        separator=separator,
        takes_empty=style == "a",
        takes_others=style in ("a", "t"),
        before_unnumbered=b" " * (width + len(separator)),
    )
    return await print_numbered(process, options.operands, numbering)
