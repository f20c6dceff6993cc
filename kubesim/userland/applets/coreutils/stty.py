"""stty: what a terminal does with keys and output, shown and changed.

Modes that change nothing here are remembered and shown all the same. Mirrors busybox: coreutils/stty.c.
"""

from __future__ import annotations

from kubesim.model.frozen_records import replace
from kubesim.userland.applets.coreutils.stty_saved import restore, saved
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process
from kubesim.userland.terminals.settings import (
    CONTROL_MODES,
    DEFAULT_CHARACTERS,
    DISABLED,
    INPUT_MODES,
    LOCAL_MODES,
    OUTPUT_MODES,
    Settings,
)
from kubesim.userland.terminals.terminal import Terminal

DEFAULT_COLUMNS = 80
DEFAULT_DEVICE = "standard input"

_SHOWN = (
    (*CONTROL_MODES[:2], "cmspar", "=cs8", *CONTROL_MODES[2:]),
    INPUT_MODES,
    (*OUTPUT_MODES, "=nl0", "=cr0", "=tab0", "=bs0", "=vt0", "=ff0"),
    LOCAL_MODES,
)
"""The lines of -a; what has `=` in front is always so."""

_SANE_ON = frozenset(
    (
        *("cread", "brkint", "icrnl", "imaxbel", "opost", "onlcr", "isig", "icanon", "iexten"),
        *("echo", "echoe", "echok", "echoctl", "echoke"),
    )
)
_SANE_OFF = frozenset(
    (
        *("ignbrk", "igncr", "inlcr", "ixoff", "iuclc", "ixany", "olcuc", "ocrnl", "onocr", "onlret", "ofill", "ofdel"),
        *("echonl", "noflsh", "xcase", "tostop", "echoprt", "extproc", "flusho"),
    )
)
_ALL_MODES = frozenset((*CONTROL_MODES, "cmspar", *INPUT_MODES, *OUTPUT_MODES, *LOCAL_MODES))

_COMBINED: dict[str, tuple[str, ...]] = {
    "sane": (*_SANE_ON, *(f"-{mode}" for mode in sorted(_SANE_OFF))),
    "raw": (*(f"-{mode}" for mode in INPUT_MODES if mode != "iutf8"), "-opost", "-isig", "-icanon", "-xcase"),
    "cooked": ("brkint", "ignpar", "istrip", "icrnl", "ixon", "opost", "isig", "icanon"),
    "cbreak": ("-icanon",),
    "-cbreak": ("icanon",),
    "nl": ("-icrnl", "-onlcr"),
    "-nl": ("icrnl", "-inlcr", "-igncr", "onlcr", "-ocrnl", "-onlret"),
    "crt": ("echoe", "echoctl", "echoke"),
    "ek": (),
}
_COMBINED["-raw"], _COMBINED["-cooked"] = _COMBINED["cooked"], _COMBINED["raw"]

_NUMBERS = frozenset(("rows", "cols", "columns", "min", "time", "ispeed", "ospeed"))


async def run(process: Process) -> int:
    """Show or change."""
    words = process.argv[1:]
    is_full = False
    device = DEFAULT_DEVICE
    is_for_stty = False
    while words and words[0] in ("-a", "--all", "-g", "--save", "-F"):
        option = words.pop(0)
        if option != "-F":
            is_full, is_for_stty = True, option in ("-g", "--save")
        elif words:
            device = words.pop(0)
        else:
            raise UsageError("option requires an argument -- 'F'")
    if is_full and words:
        await process.complain("modes may not be set when -a or -g is used")
        return 1
    terminal = await _terminal(process, device)
    if terminal is None:
        return 1
    if is_for_stty:
        await process.say(f"{saved(terminal)}\n")
        return 0
    if not words:
        await _show(process, terminal, is_full=is_full)
        return 0
    if len(words) == 1 and restore(terminal, words[0]):
        return 0
    try:
        changes = _read(words)
    except UsageError as error:
        await process.complain(error.message)
        return 1
    for name, value in changes:
        if name in ("size", "speed"):
            shown = f"{terminal.rows} {terminal.columns}" if name == "size" else str(terminal.settings.speed_baud)
            await process.say(f"{shown}\n")
        else:
            _change(terminal, name, value)
    return 0


async def _terminal(process: Process, device: str) -> Terminal | None:
    try:
        file = process.open_file_of(0) if device == DEFAULT_DEVICE else process.files.open_read(device)
    except FsError as error:
        await process.complain(f"{device}: {error.strerror}")
        return None
    if file.terminal is None:
        await process.complain(f"{device}: Inappropriate ioctl for device")
    return file.terminal


def _read(words: list[str]) -> list[tuple[str, str]]:
    """Names and values, all checked before the first is set. Raises UsageError."""
    changes = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        name = word.removeprefix("-")
        if word in ("size", "speed") or word in _COMBINED or name in _ALL_MODES:
            changes.append((word, ""))
        elif word in _NUMBERS or word in DEFAULT_CHARACTERS:
            if not pending:
                raise UsageError(f"{word} requires an argument")
            value = pending.pop(0)
            if word in _NUMBERS and not (value.isascii() and value.isdecimal()):
                raise UsageError(f"invalid number '{value}'")
            changes.append((word, str(_character(value)) if word in DEFAULT_CHARACTERS else value))
        elif word.startswith("-"):
            raise UsageError(f"invalid argument '{word}'")
        elif word.isascii() and word.isdecimal():
            changes.append(("ispeed", word))
        else:
            raise UsageError(f"invalid number '{word}'")
    return changes


def _character(text: str) -> int:
    """`^C`, `^?`, `undef`, `^-`, a number, or the character itself."""
    if text in ("undef", "^-"):
        return DISABLED
    if len(text) == 2 and text[0] == "^":
        return 0x7F if text[1] == "?" else ord(text[1]) & 0x1F
    if len(text) == 1:
        return ord(text) & 0xFF
    base = 16 if text[:2].lower() == "0x" else 8 if text[:1] == "0" else 10
    try:
        return int(text, base) & 0xFF
    except ValueError:
        raise UsageError(f"invalid number '{text}'") from None


def _change(terminal: Terminal, name: str, value: str) -> None:
    settings = terminal.settings
    match name:
        case "rows":
            terminal.resize(int(value), terminal.columns)
        case "cols" | "columns":
            terminal.resize(terminal.rows, int(value))
        case "min":
            terminal.settings = replace(settings, minimum_bytes=int(value) & 0xFF)
        case "time":
            terminal.settings = replace(settings, time_deciseconds=int(value) & 0xFF)
        case "ispeed" | "ospeed":
            terminal.settings = replace(settings, speed_baud=int(value))
        case _ if name in DEFAULT_CHARACTERS:
            terminal.settings = replace(settings, characters=settings.characters | {name: int(value)})
        case _:
            changed = settings.with_modes(*_COMBINED.get(name, (name,)))
            if name in ("sane", "ek"):
                again = DEFAULT_CHARACTERS if name == "sane" else {"erase": 0x7F, "kill": 0x15}
                changed = replace(changed, characters=settings.characters | again)
            terminal.settings = changed


async def _show(process: Process, terminal: Terminal, *, is_full: bool) -> None:
    settings = terminal.settings
    size = f"rows {terminal.rows}; columns {terminal.columns}; " if is_full else ""
    columns = terminal.columns or DEFAULT_COLUMNS
    text = f"speed {settings.speed_baud} baud; {size}line = 0;\n"
    characters = [f"{name} = {_shown_character(value)};" for name, value in settings.characters.items()]
    characters += [f"min = {settings.minimum_bytes};", f"time = {settings.time_deciseconds};"]
    text += _wrapped(characters, columns)
    for modes in _SHOWN:
        words = [_shown_mode(settings, mode) for mode in modes if is_full or _is_strange(settings, mode)]
        text += _wrapped(words, columns)
    await process.say(text)


def _is_strange(settings: Settings, mode: str) -> bool:
    return mode in (_SANE_OFF if mode in settings else _SANE_ON)


def _shown_mode(settings: Settings, mode: str) -> str:
    if mode.startswith("="):
        return mode[1:]
    return mode if mode in settings else f"-{mode}"


def _shown_character(value: int) -> str:
    if value == DISABLED:
        return "<undef>"
    return f"^{chr(value ^ 0x40)}" if value < 0x20 or value == 0x7F else chr(value)


def _wrapped(words: list[str], columns: int) -> str:
    """Words side by side, in lines that are shorter than the terminal is wide. Mirrors wrapf."""
    text = ""
    column = 0
    for word in words:
        if column:
            column += 1
            is_too_long = column + len(word) >= columns
            text += "\n" if is_too_long else " "
            column = 0 if is_too_long else column
        text += word
        column += len(word)
    return f"{text}\n" if text else ""
