"""Lines with their numbers before them: what cat -n, cat -b and nl share.

Mirrors busybox: libbb/print_numbered_lines.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.applets.text_stream import LineReader, TextOut, input_files
from kubesim.userland.processes.process_life import Process


@dataclass(slots=True, kw_only=True)
class Numbering:
    """How lines are numbered. `number` is the next one; it goes on from file to file."""

    width: int = 6
    number: int = 1
    step: int = 1
    separator: bytes = b"\t"
    takes_empty: bool = False
    takes_others: bool = True
    before_unnumbered: bytes = b""


async def print_numbered(process: Process, names: list[str], numbering: Numbering) -> int:
    """Print the lines of all files; 1 when one of them does not open."""
    out = TextOut(process)
    failures: list[str] = []
    async for _, file in input_files(process, names, failures):
        async for line in LineReader(process, file, out=out, takes_errors_for_end=True, nul_becomes=b"\n").lines():
            if numbering.takes_others if line else numbering.takes_empty:
                await out.put(b"%*d%s%s\n" % (numbering.width, numbering.number, numbering.separator, line))
                numbering.number = (numbering.number + numbering.step) % 2**32
            else:
                await out.put(numbering.before_unnumbered + line + b"\n")
    await out.flush()
    return 1 if failures else 0
