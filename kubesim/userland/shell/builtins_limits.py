"""`ulimit`, `umask` and `times`: what the shell and its children may use, and have used.

Mirrors busybox: shell/shell_common.c, shell_builtin_ulimit; shell/ash.c, umaskcmd, timescmd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.limits import LIMITS, UNLIMITED, Limit, limit_of, set_limit
from kubesim.userland.shell.builtins_flow import refuse_option
from kubesim.userland.shell.control import BuiltinError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_NUMBER_MAX = 2**64


async def ulimit(shell: Shell, words: list[str]) -> int:
    """`ulimit [-HS] [-a | -LETTER [VALUE]... | VALUE]`."""
    asked: list[tuple[str, str | None]] = []
    switches: set[str] = set()
    arguments = words[1:]
    while arguments:
        word = arguments.pop(0)
        if word == "--":
            continue
        if len(word) < 2 or word[0] != "-":
            asked.append(("f", word))
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "HSa":
                switches.add(letter)
                continue
            if letter not in LIMITS:
                await shell.write_error(f"ulimit: invalid option -- '{letter}'\n")
                return 1
            value = letters or (arguments.pop(0) if arguments and not arguments[0].startswith("-") else None)
            asked.append((letter, value))
            letters = ""
    if not switches & {"H", "S"}:
        switches |= {"H", "S"}
    if "a" in switches:
        for letter in LIMITS:
            await shell.process.say(f"{_title(letter)}{_shown(shell, letter, switches)}\n")
        return 0
    for letter, value in asked or [("f", None)]:
        if value is None:
            title = _title(letter) if len(asked) > 1 else ""
            await shell.process.say(f"{title}{_shown(shell, letter, switches)}\n")
            continue
        problem = _set(shell, letter, value, switches)
        if problem:
            await shell.write_error(f"{shell.process.name}: {problem}\n")
            return 1
    return 0


def _title(letter: str) -> str:
    return f"{LIMITS[letter].title:<32}(-{letter}) "


def _shown(shell: Shell, letter: str, switches: set[str]) -> str:
    limit = limit_of(shell.process, letter)
    value = limit.soft if "S" in switches else limit.hard
    return "unlimited" if value == UNLIMITED else str(value >> LIMITS[letter].shift)


def _set(shell: Shell, letter: str, text: str, switches: set[str]) -> str:
    """Set a limit; what is wrong with that, "" if nothing."""
    if text == "unlimited":
        value = UNLIMITED
    elif text.isascii() and text.isdecimal() and len(text) < 25 and int(text) < _NUMBER_MAX:
        value = (int(text) << LIMITS[letter].shift) % _NUMBER_MAX
    else:
        return f"invalid number '{text}'"
    before = limit_of(shell.process, letter)
    limit = Limit(
        soft=value if "S" in switches else before.soft,
        hard=value if "H" in switches else before.hard,
    )
    refusal = set_limit(shell.process, letter, limit)
    return f"error setting limit: {FsError(refusal).strerror}" if refusal else ""


async def umask(shell: Shell, words: list[str]) -> int:
    """`umask [-S] [MODE]`: octal, or symbolic letters that say what stays allowed."""
    files = shell.process.files
    arguments = words[1:]
    is_symbolic = False
    while arguments and arguments[0] in ("-S", "--"):
        is_symbolic |= arguments.pop(0) == "-S"
    refuse_option(arguments)
    if not arguments:
        allowed = ~files.umask
        text = f"{files.umask:04o}"
        if is_symbolic:
            text = ",".join(f"{who}={_letters(allowed >> shift)}" for who, shift in (("u", 6), ("g", 3), ("o", 0)))
        await shell.process.say(f"{text}\n")
        return 0
    mode = arguments[0]
    mask = _octal(mode) if mode[:1].isdecimal() else _symbolic(mode, files.umask)
    if mask is None:
        raise BuiltinError(f"illegal mode: {mode}")
    files.umask = mask
    return 0


def _letters(bits: int) -> str:
    return "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if bits & bit)


def _octal(text: str) -> int | None:
    if not text.isascii() or text.strip("01234567") or len(text) > 20 or int(text, 8) > 0o777:
        return None
    return int(text, 8)


def _symbolic(text: str, mask: int) -> int | None:
    """The mask after `u=rwx,g-w`. Mirrors busybox: libbb/parse_mode.c, bb_parse_mode."""
    allowed = ~mask & 0o777
    for clause in text.split(","):
        who_text = clause[: len(clause) - len(clause.lstrip("ugoa"))]
        rest = clause[len(who_text) :]
        who = 0
        for letter in who_text:
            who |= {"u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777}[letter]
        if not rest:
            return None
        while rest:
            operator, rest = rest[0], rest[1:]
            if operator not in "+-=":
                return None
            letters = rest[: len(rest) - len(rest.lstrip("rwxXstugo"))]
            rest = rest[len(letters) :]
            bits = _permissions(letters, allowed)
            if bits is None:
                return None
            if operator == "=":
                allowed &= ~(who or 0o777)
            bits &= who or ~mask  # nobody named: what the mask takes away is not given back
            allowed = allowed & ~bits if operator == "-" else allowed | bits
    return ~allowed & 0o777


def _permissions(letters: str, allowed: int) -> int | None:
    """The bits of `rwx`, or those that user, group or others have, for everyone."""
    if letters in ("u", "g", "o"):
        return (allowed >> {"u": 6, "g": 3, "o": 0}[letters] & 7) * 0o111
    bits = 0
    for letter in letters:
        if letter in "ugo":
            return None
        bits |= {"r": 0o444, "w": 0o222, "x": 0o111, "X": 0o111 if allowed & 0o111 else 0}.get(letter, 0)
    return bits


async def times(shell: Shell, words: list[str]) -> int:
    """`times`: nothing takes processor time here, so all four are 0."""
    del words
    await shell.process.say("0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n")
    return 0
