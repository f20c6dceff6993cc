"""rev: each line from its end to its beginning."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import LineReader, TextOut, input_files
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print the lines reversed. A line with bytes that are not ASCII stays as it is, as in the C locale."""
    options = parse_options(process.argv, "")
    out = TextOut(process)
    failures: list[str] = []
    async for _, file in input_files(process, options.operands, failures):
        reader = LineReader(process, file, out=out, takes_errors_for_end=True)
        while (line := await reader.next_line()) is not None:
            if line.isascii():
                text = line.removesuffix(b"\n")
                line = text[::-1] + line[len(text) :]
            await out.put(line)
    await out.flush()
    return 1 if failures else 0
