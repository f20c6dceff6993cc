"""Which value of a logind setting is in force, when several configuration files speak of it.

Rules
    1. /etc/systemd/logind.conf is read first, then the drop-ins of all directories together, sorted by file name.
    2. Of two drop-ins with one name only the one in the directory of higher rank counts: /etc, /run, /usr/local/lib,
       /usr/lib. An empty one hides the other: that is how a vendor's drop-in is masked.
    3. The last assignment wins. One that cannot be read counts as not written.

Mirrors systemd: src/shared/conf-parser.c (config_parse_many), src/basic/conf-files.c, src/basic/time-util.c
(parse_time), and man logind.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kubesim.errors import InputError

MAIN_FILE = "/etc/systemd/logind.conf"
DROP_IN_DIRECTORIES = (
    "/etc/systemd/logind.conf.d",
    "/run/systemd/logind.conf.d",
    "/usr/local/lib/systemd/logind.conf.d",
    "/usr/lib/systemd/logind.conf.d",
)
"""Highest rank first."""

INFINITY_USEC = 2**64 - 1

_SECOND_USEC = 10**6
_UNITS_USEC = {
    unit: size
    for units, size in (
        ("usec us µs", 1),
        ("msec ms", 1000),
        ("seconds second sec s", _SECOND_USEC),
        ("minutes minute min m", 60 * _SECOND_USEC),
        ("hours hour hr h", 3600 * _SECOND_USEC),
        ("days day d", 86_400 * _SECOND_USEC),
        ("weeks week w", 604_800 * _SECOND_USEC),
        ("months month M", 2_629_800 * _SECOND_USEC),
        ("years year y", 31_557_600 * _SECOND_USEC),
    )
    for unit in units.split()
}
_TERM = re.compile(r"\s*([0-9]+)(?:\.([0-9]*))?\s*([A-Za-zµ]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The value in force and the file that set it; "" for logind's own default."""

    value_usec: int
    path: str = ""


def drop_in_path(name_or_path: str) -> str:
    """The full path of a drop-in; a bare name lies in /etc/systemd/logind.conf.d.

    Raises InputError for a path that logind does not read.
    """
    path = name_or_path if "/" in name_or_path else f"{DROP_IN_DIRECTORIES[0]}/{name_or_path}"
    directory, _, name = path.rpartition("/")
    if path != MAIN_FILE and (directory not in DROP_IN_DIRECTORIES or not name.endswith(".conf")):
        hint = f"logind reads {MAIN_FILE} and *.conf in {', '.join(DROP_IN_DIRECTORIES)}"
        raise InputError(f"{name_or_path!r} is no configuration file of logind", hint=hint)
    return path


def files_in_order(paths: Mapping[str, str]) -> list[str]:
    """The files that count, in the order in which they are read."""
    by_name: dict[str, str] = {}
    for directory in reversed(DROP_IN_DIRECTORIES):
        by_name.update({path.rpartition("/")[2]: path for path in paths if path.rpartition("/")[0] == directory})
    drop_ins = [by_name[name] for name in sorted(by_name)]
    return ([MAIN_FILE] if MAIN_FILE in paths else []) + drop_ins


def inhibit_delay_max(files: Mapping[str, str], *, default_usec: int) -> Setting:
    """InhibitDelayMaxSec from all files (path -> text)."""
    setting = Setting(value_usec=default_usec)
    for path in files_in_order(files):
        for value in _assignments(files[path], section="Login", key="InhibitDelayMaxSec"):
            value_usec = parse_time_span(value)
            if value_usec is not None:
                setting = Setting(value_usec=value_usec, path=path)
    return setting


def parse_time_span(text: str) -> int | None:
    """A systemd time span in microseconds: `30`, `1min 30s`, `0.5h`, `infinity`; None when it is none."""
    stripped = text.strip()
    if stripped == "infinity":
        return INFINITY_USEC
    total, position = 0, 0
    while position < len(stripped):
        match = _TERM.match(stripped, position)
        if match is None or (match[3] and match[3] not in _UNITS_USEC):
            return None
        unit = _UNITS_USEC.get(match[3], _SECOND_USEC)
        fraction = match[2] or ""
        total += int(match[1]) * unit + int(fraction or "0") * unit // 10 ** len(fraction)
        position = match.end()
    return total if stripped else None


def _assignments(text: str, *, section: str, key: str) -> list[str]:
    values, present = [], ""
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("[") and content.endswith("]"):
            present = content[1:-1]
        elif content and content[0] not in "#;" and present == section:
            name, equals, value = content.partition("=")
            if equals and name.strip() == key:
                values.append(value.strip())
    return values
