"""date: the kernel's time, in UTC, which is the zone of every container that does not say otherwise."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

DEFAULT_FORMAT = "%a %b %e %H:%M:%S UTC %Y"

_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_KNOWN = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%"


def format_time(time_ns: int, text: str) -> str:
    """strftime(3) in the C locale; an unknown directive stays as it is."""
    seconds = time_ns // 1_000_000_000
    moment = datetime.fromtimestamp(seconds, UTC)

    def one(match: re.Match[str]) -> str:
        letter = match[1]
        if letter not in _KNOWN:
            return match[0]
        own = {
            "%": "%",
            "n": "\n",
            "t": "\t",
            "s": str(seconds),
            "e": f"{moment.day:2d}",
            "k": f"{moment.hour:2d}",
            "l": f"{moment.hour % 12 or 12:2d}",
            "C": f"{moment.year // 100:02d}",
            "P": f"{moment:%p}".lower(),
            "Z": "UTC",
            "c": f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}",
        }
        return own[letter] if letter in own else moment.strftime(match[0])

    return _DIRECTIVE.sub(one, text)


async def run(process: Process) -> int:
    """Print the time. Setting it is refused as for a process without CAP_SYS_TIME."""
    options = parse_options(process.argv, "u")
    if len(options.operands) > 1:
        raise UsageError
    text = DEFAULT_FORMAT
    if options.operands:
        if not options.operands[0].startswith("+"):
            await process.complain(f"invalid date '{options.operands[0]}'")
            return 1
        text = options.operands[0][1:]
    await process.say(format_time(process.kernel.now_ns, text) + "\n")
    return 0
