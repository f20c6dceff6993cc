"""`set`: the options of the shell, its positional parameters, and the list of its variables.

Mirrors busybox: shell/ash.c, optletters_optnames, setcmd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.shell.control import BuiltinError
from kubesim.userland.shell.job_control import set_job_control
from kubesim.userland.shell.quoting import single_quoted

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

OPTION_NAMES = {
    "errexit": "e",
    "noglob": "f",
    "ignoreeof": "I",
    "monitor": "m",
    "noexec": "n",
    "xtrace": "x",
    "verbose": "v",
    "noclobber": "C",
    "allexport": "a",
    "notify": "b",
    "nounset": "u",
    "errtrace": "E",
    "vi": "V",
    "pipefail": "pipefail",
}
"""Long names, and letters where there are some, in ash's order. Of these `ignoreeof`, `notify` and `vi` are for
interactive shells."""

_LETTERS = frozenset(OPTION_NAMES.values()) - {"V", "pipefail"}


async def set_options(shell: Shell, words: list[str]) -> int:
    """`set [-abCeEfIbmnuvx] [-o NAME] [--] [ARGS]`; alone, the list of variables."""
    arguments = words[1:]
    if not arguments:
        for name, value in shell.variables.listed():
            await shell.process.say(f"{name}={single_quoted(value)}\n")
        return 0
    while arguments and arguments[0][:1] in ("-", "+"):
        word = arguments.pop(0)
        if word == "--":
            shell.set_positional(arguments)
            return 0
        if word in ("-", "+"):
            if word == "-":
                for letter in ("x", "v"):
                    shell.options.discard(letter)
                if arguments:
                    break
            return 0
        for letter in word[1:]:
            if letter != "o":
                await _set_by_command(shell, letter, is_on=word[0] == "-")
            elif arguments:
                if not await _set_long_option(shell, arguments.pop(0), is_on=word[0] == "-"):
                    return 1
            else:
                await _show_options(shell, is_script=word[0] == "+")
    if arguments:
        shell.set_positional(arguments)
    return 0


def set_option(shell: Shell, letter: str, *, is_on: bool) -> None:
    """Turn an option on or off. Raises BuiltinError."""
    if letter not in _LETTERS and letter not in ("V", "pipefail"):
        raise BuiltinError(f"illegal option -{letter}")
    if is_on:
        shell.options.add(letter)
    else:
        shell.options.discard(letter)
    if letter == "a":
        shell.variables.exports_all = is_on


async def _set_by_command(shell: Shell, letter: str, *, is_on: bool) -> None:
    if letter not in _LETTERS:
        raise BuiltinError(f"illegal option -{letter}")
    await _set(shell, letter, is_on=is_on)


async def _set(shell: Shell, letter: str, *, is_on: bool) -> None:
    if letter == "m" and not set_job_control(shell, is_on=is_on):
        await shell.complain("can't access tty; job control turned off", "set")
        return
    set_option(shell, letter, is_on=is_on)


async def _set_long_option(shell: Shell, name: str, *, is_on: bool) -> bool:
    if name not in OPTION_NAMES:
        await shell.complain(f"illegal option -o {name}", "set")
        return False
    await _set(shell, OPTION_NAMES[name], is_on=is_on)
    return True


async def _show_options(shell: Shell, *, is_script: bool) -> None:
    for name, letter in OPTION_NAMES.items():
        is_on = letter in shell.options
        line = f"set {'-' if is_on else '+'}o {name}" if is_script else f"{name:<16}{'on' if is_on else 'off'}"
        await shell.process.say(f"{line}\n")
