"""`agnhost logs-generator`: so many lines like those of an API server, evenly over some time, to standard error.

Mirrors kubernetes: test/images/agnhost/logs-generator/logs_generator.go, generateLogs; klog: klog.go, formatHeader.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kubesim.errors import InputError
from kubesim.model.duration import format_duration, parse_duration
from kubesim.userland.image_programs.go_flags import FlagError, parse_flags
from kubesim.userland.processes.process_life import Process

_METHODS = ("GET", "POST", "PUT")
_NAMESPACES = ("kube-system", "default", "ns")
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Mirrors apimachinery: pkg/util/rand/rand.go, alphanums."""
_INFO_LINE, _TOTAL_LINE, _DURATION_LINE = 76, 64, 68
"""Lines of the source, which klog prints."""
FATAL_EXIT_CODE = 255


async def run_logs_generator(process: Process) -> int:
    """Write the lines; a tick goes by after each of them, the last too."""
    flags = {"t": "log-lines-total", "d": "run-duration"}
    try:
        found = parse_flags(process.argv[2:], list(flags.values()), short=flags)
        total = _total(found.get("log-lines-total", "0"))
        duration_ns = _duration(found.get("run-duration", "0s"))
    except FlagError as error:
        await process.write(2, f"Error: {error}\n".encode(errors="surrogateescape"))
        return 1
    if total <= 0:
        return await _fatal(process, _TOTAL_LINE, f"Invalid total number of lines: {total}")
    if duration_ns <= 0:
        return await _fatal(process, _DURATION_LINE, f"Invalid duration: {format_duration(duration_ns)}")
    start_ns = process.kernel.now_ns
    delay_ns = max(duration_ns // total, 1)
    for number in range(total):
        await _log(process, "I", _INFO_LINE, _line(process, number))
        await process.step()
        wait_ns = start_ns + (number + 1) * delay_ns - process.kernel.now_ns
        if wait_ns > 0:
            await process.sleep(wait_ns)
    return 0


def _line(process: Process, number: int) -> str:
    method, namespace = (words[_draw(process, len(words))] for words in (_METHODS, _NAMESPACES))
    name = "".join(_LETTERS[_draw(process, len(_LETTERS))] for _ in range(3 + _draw(process, 2)))
    status = 200 + _draw(process, 400)
    return f"{number} {method} /api/v1/namespaces/{namespace}/pods/{name} {status}"


def _draw(process: Process, count: int) -> int:
    return process.draw_bits(32) % count


async def _log(process: Process, severity: str, line: int, text: str) -> None:
    second, fraction_ns = divmod(process.kernel.now_ns, 1_000_000_000)
    stamp = f"{datetime.fromtimestamp(second, UTC):%m%d %H:%M:%S}.{fraction_ns // 1000:06d}"
    await process.write(2, f"{severity}{stamp} {process.pid:7} logs_generator.go:{line}] {text}\n".encode())


async def _fatal(process: Process, line: int, text: str) -> int:
    """Of klog.Fatalf, without the stacks of its goroutines."""
    await _log(process, "F", line, text)
    return FATAL_EXIT_CODE


def _total(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        flag = "-t, --log-lines-total"
        what = f'invalid argument "{text}" for "{flag}" flag: strconv.ParseInt: parsing "{text}": invalid syntax'
        raise FlagError(what) from None


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except InputError as error:
        raise FlagError(f'invalid argument "{text}" for "-d, --run-duration" flag: {error.what}') from None
