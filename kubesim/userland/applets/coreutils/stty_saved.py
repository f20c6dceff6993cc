"""`stty -g`: all settings as one word of hexadecimal numbers, and that word back.

Numbers as in linux: include/uapi/asm-generic/termbits.h and termbits-common.h. Mirrors busybox: coreutils/stty.c,
display_recoverable and recover_mode.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.model.frozen_records import replace
from kubesim.userland.terminals.settings import DEFAULT_CHARACTERS
from kubesim.userland.terminals.terminal import Terminal

_INPUT = {
    "ignbrk": 0x1,
    "brkint": 0x2,
    "ignpar": 0x4,
    "parmrk": 0x8,
    "inpck": 0x10,
    "istrip": 0x20,
    "inlcr": 0x40,
    "igncr": 0x80,
    "icrnl": 0x100,
    "iuclc": 0x200,
    "ixon": 0x400,
    "ixany": 0x800,
    "ixoff": 0x1000,
    "imaxbel": 0x2000,
    "iutf8": 0x4000,
}
_OUTPUT = {
    "opost": 0x1,
    "olcuc": 0x2,
    "onlcr": 0x4,
    "ocrnl": 0x8,
    "onocr": 0x10,
    "onlret": 0x20,
    "ofill": 0x40,
    "ofdel": 0x80,
}
_CONTROL = {
    "cstopb": 0x40,
    "cread": 0x80,
    "parenb": 0x100,
    "parodd": 0x200,
    "hupcl": 0x400,
    "clocal": 0x800,
    "cmspar": 1 << 30,
    "crtscts": 1 << 31,
}
_LOCAL = {
    "isig": 0x1,
    "icanon": 0x2,
    "xcase": 0x4,
    "echo": 0x8,
    "echoe": 0x10,
    "echok": 0x20,
    "echonl": 0x40,
    "noflsh": 0x80,
    "tostop": 0x100,
    "echoctl": 0x200,
    "echoprt": 0x400,
    "echoke": 0x800,
    "flusho": 0x1000,
    "iexten": 0x8000,
    "extproc": 0x10000,
}
_FLAGS = (_INPUT, _OUTPUT, _CONTROL, _LOCAL)

_ALWAYS = 0x3F
"""Of the control modes: eight bits, and 38400 baud, which a pseudo terminal does not care for."""

_PLACES = (
    *("intr", "quit", "erase", "kill", "eof", "time", "min", "swtch", "start", "stop", "susp", "eol", "rprnt"),
    *("flush", "werase", "lnext", "eol2"),
)
"""What stands where in c_cc."""

_PLACES_COUNT = 32


def saved(terminal: Terminal) -> str:
    """All settings of a terminal as one word."""
    settings = terminal.settings
    words = [_number(settings.modes, table) | (_ALWAYS if table is _CONTROL else 0) for table in _FLAGS]
    numbers = {**settings.characters, "time": settings.time_deciseconds, "min": settings.minimum_bytes}
    words += [numbers[name] for name in _PLACES] + [0] * (_PLACES_COUNT - len(_PLACES))
    return ":".join(f"{word:x}" for word in words)


def restore(terminal: Terminal, word: str) -> bool:
    """Set what such a word says; False when it is none."""
    try:
        numbers = [int(part, 16) for part in word.split(":")]
    except ValueError:
        return False
    if len(numbers) != len(_FLAGS) + _PLACES_COUNT:
        return False
    modes = {
        name for number, table in zip(numbers, _FLAGS, strict=False) for name, bit in table.items() if number & bit
    }
    values = {name: value & 0xFF for name, value in zip(_PLACES, numbers[len(_FLAGS) :], strict=False)}
    terminal.settings = replace(
        terminal.settings,
        modes=frozenset(modes),
        characters={name: values[name] for name in DEFAULT_CHARACTERS},
        minimum_bytes=values["min"],
        time_deciseconds=values["time"],
    )
    return True


def _number(modes: frozenset[str], table: Mapping[str, int]) -> int:
    return sum(bit for name, bit in table.items() if name in modes)
