"""tac: the last line first."""

from __future__ import annotations

from kubesim.userland.applets.text_stream import LINES_PER_STEP, TextOut, input_files, read_all
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Read the operands from the last to the first, then print all lines from the last to the first."""
    options = parse_options(process.argv, "")
    lines: list[bytes] = []
    failures: list[str] = []
    code = 0
    async for name, file in input_files(process, list(reversed(options.operands)), failures):
        try:
            data = await read_all(process, file)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        found = [line + b"\n" for line in data.split(b"\n")]
        found[-1] = found[-1][:-1]
        lines += found if found[-1] else found[:-1]
    out = TextOut(process)
    # busybox puts each line before those it has: files keep the order they were read in, lines do not.
    lines.reverse()
    for start in range(0, len(lines), LINES_PER_STEP):
        await out.put(b"".join(lines[start : start + LINES_PER_STEP]))
        await process.step()
    await out.flush()
    return 1 if failures else code
