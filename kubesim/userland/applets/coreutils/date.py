"""date: the kernel's time, or another one, in the zone that TZ names. Mirrors busybox: coreutils/date.c."""

from __future__ import annotations

from datetime import UTC, datetime

from kubesim.userland.applets.date_string import parse_date
from kubesim.userland.applets.text_stream import AppletError
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process
from kubesim.userland.time_format import LocalTime, format_time, parse_time
from kubesim.userland.time_zone import PosixZone, Zone, zone_of

DEFAULT_FORMAT = "%a %b %e %H:%M:%S %Z %Y"
RFC_FORMAT = "%a, %d %b %Y %H:%M:%S %z"
_ISO_FORMATS = {
    "date": "%Y-%m-%d",
    "hours": "%Y-%m-%dT%H",
    "minutes": "%Y-%m-%dT%H:%M",
    "seconds": "%Y-%m-%dT%H:%M:%S",
    "ns": "%Y-%m-%dT%H:%M:%S",
}
_LONG_NAMES = {"rfc-822": "R", "rfc-2822": "R", "set": "s", "utc": "u", "date": "d", "reference": "r"}


async def run(process: Process) -> int:
    """Print a time. Setting it is refused as for a process without CAP_SYS_TIME."""
    options = parse_options(process.argv, "Rs:ud:r:I::D:", long_names=_LONG_NAMES)
    if {"d", "s"} <= options.flags or {"R", "I"} <= options.flags:
        raise UsageError
    operands = list(options.operands)
    text = operands.pop(0)[1:] if operands and operands[0].startswith("+") else None
    stated = options.values.get("d", options.values.get("s"))
    is_setting = "d" not in options
    if stated is None and operands:
        stated = _reordered(operands.pop(0))
    if operands:
        raise UsageError
    iso = _iso_format(options)
    zone = PosixZone(name="UTC") if "u" in options else zone_of(process.env, process.files.filesystem)
    try:
        now_ns = _reference_ns(process, options)
        seconds, rest_ns = divmod(now_ns, 1_000_000_000)
        if stated is not None:
            seconds, rest_ns = _stated(options, stated, seconds, zone), 0
        offset, name = zone.at(seconds)
        moment = LocalTime(seconds=seconds, offset_seconds=offset, zone=name)
        if stated is not None and is_setting:
            await process.complain("can't set date: Operation not permitted")
        if text is None and iso is not None:
            shown = _iso(moment, iso, rest_ns)
        elif text is None:
            shown = format_time(moment, RFC_FORMAT if "R" in options else DEFAULT_FORMAT)
        else:
            shown = format_time(moment, text)
    except OverflowError:
        await process.complain(f"invalid date '{stated}'")
        return 1
    except AppletError as error:
        await process.complain(error.message)
        return error.code
    await process.say(f"{shown}\n")
    return 0


def _reordered(text: str) -> str:
    """MMDDhhmm[[CC]YY][.ss] with the year in front, as -d has it; anything else stays."""
    digits, dot, seconds = text.partition(".")
    is_number = digits.isascii() and digits.isdecimal() and (not dot or (len(seconds) == 2 and seconds.isdecimal()))
    return f"{digits[8:]}{digits[:8]}{dot}{seconds}" if is_number and len(digits) in (10, 12) else text


def _iso_format(options: Options) -> str | None:
    if "I" not in options:
        return None
    word = options.values.get("I", "date")
    found = next((name for name in _ISO_FORMATS if name.startswith(word)), None)
    if found is None:
        raise UsageError
    return found


def _iso(moment: LocalTime, spec: str, rest_ns: int) -> str:
    text = format_time(moment, _ISO_FORMATS[spec])
    if spec == "date":
        return text
    zone = format_time(moment, "%z")
    return f"{text}{f',{rest_ns:09d}' if spec == 'ns' else ''}{zone[:3]}:{zone[3:]}"


def _reference_ns(process: Process, options: Options) -> int:
    """The time a file was changed, or now."""
    if "r" not in options:
        return process.kernel.now_ns
    name = options.values["r"]
    try:
        return process.files.stat(name).mtime_ns
    except FsError as error:
        raise AppletError(f"can't stat '{name}': {error.strerror}") from None


def _stated(options: Options, text: str, now_seconds: int, zone: Zone) -> int:
    """The seconds that a text states; what it leaves out is that of now, and midnight. Raises AppletError."""
    now_offset = zone.at(now_seconds)[0]
    midnight = (now_seconds + now_offset) // 86_400 * 86_400
    if "D" in options:
        values = parse_time(text, options.values["D"])
        if values is None:
            raise AppletError(f"invalid date '{text}'")
        if "seconds" in values:
            return values["seconds"]
        start = datetime.fromtimestamp(midnight, UTC)
        # A day that the month does not have is one of the next month.
        day = values.pop("day", start.day)
        first = start.replace(**{"day": 1, **values})  # type: ignore[arg-type]
        wall: int | None = int(first.timestamp()) + (day - 1) * 86_400
    else:
        wall = parse_date(text, midnight)
    if wall is None:
        raise AppletError(f"invalid date '{text}'")
    if wall == -1:
        raise AppletError(f"invalid date '{text}'")  # what mktime(3) returns when it fails
    if text.startswith("@") and "D" not in options:
        return wall
    guess = wall - zone.at(wall - now_offset)[0]
    return wall - zone.at(guess)[0]
