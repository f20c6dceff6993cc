"""`getopts`: one option of the positional parameters at a time. Mirrors busybox: shell/ash.c, getopts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.shell.control import BuiltinError, ShellError
from kubesim.userland.shell.variables import OptionPlace, is_name

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


async def getopts(shell: Shell, words: list[str]) -> int:
    """`getopts LETTERS NAME [WORD...]`: 0 for an option (also a bad one, which is `?`), 1 behind the last."""
    if len(words) < 3:
        raise BuiltinError("usage: getopts optstring var [arg]")
    letters, name = words[1], words[2]
    arguments = words[3:] or shell.positional
    place = shell.variables.option_place
    if place.index <= 0 or place.index > len(arguments) + 1:
        place.index, place.offset = 1, -1
    option, value, message, is_over = _next_option(shell, letters, arguments, place)
    if message:
        await shell.write_error(f"{message}\n")
    variables = shell.variables
    try:
        if value is None:
            variables.unset("OPTARG")
        else:
            variables.set("OPTARG", value)
        variables.set("OPTIND", str(place.index))
        variables.option_place = place  # a script that sets OPTIND begins anew, this builtin does not
        if not is_name(name):
            raise BuiltinError(f"{name}: bad variable name")
        variables.set(name, option)
    except ShellError as error:
        raise BuiltinError(error.message) from None
    return int(is_over)


def _next_option(
    shell: Shell, letters: str, arguments: list[str], place: OptionPlace
) -> tuple[str, str | None, str, bool]:
    """The option, its argument, what to complain about, and whether there was none any more."""
    before = arguments[place.index - 2] if place.index > 1 else ""
    rest = before[place.offset :] if 0 <= place.offset <= len(before) else ""
    if not rest:
        word = arguments[place.index - 1] if place.index <= len(arguments) else ""
        place.offset = -1
        if len(word) < 2 or word[0] != "-":
            return "?", None, "", True
        place.index += 1
        if word == "--":
            return "?", None, "", True
        before, rest = word, word[1:]
    letter, rest = rest[0], rest[1:]
    place.offset = len(before) - len(rest)
    is_silent = letters.startswith(":") or shell.variables.get("OPTERR") == "0"
    found = letters.find(letter) if letter != ":" else -1
    if found < 0:
        return "?", letter if is_silent else None, "" if is_silent else f"Illegal option -{letter}", False
    if letters[found + 1 : found + 2] != ":":
        return letter, "", "", False
    place.offset = -1
    if rest:
        return letter, rest, "", False
    if place.index <= len(arguments):
        place.index += 1
        return letter, arguments[place.index - 2], "", False
    if is_silent:
        return ":", letter, "", False
    return "?", None, f"No arg for -{letter} option", False
