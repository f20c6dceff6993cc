"""Builtins that change the state of the shell: variables, options, parameters, traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.processes.signals import NAMES
from kubesim.userland.processes.signals import number_of as signal_number
from kubesim.userland.shell.builtins_flow import number_of, refuse_option
from kubesim.userland.shell.control import BuiltinError, ShellError
from kubesim.userland.shell.variables import is_name

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

OPTION_NAMES = {
    "errexit": "e",
    "noglob": "f",
    "noexec": "n",
    "xtrace": "x",
    "noclobber": "C",
    "nounset": "u",
    "pipefail": "pipefail",
}
"""Long names of the options that do something here, in ash's order."""

NOT_EMULATED = frozenset(
    ("allexport", "ignoreeof", "interactive", "monitor", "notify", "stdin", "verbose", "vi", "debug")
)
NOT_EMULATED_LETTERS = frozenset("aIimvbs")


def _in_quotes(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _named(shell: Shell, name: str) -> None:
    del shell
    if not is_name(name):
        raise BuiltinError(f"{name}: bad variable name")


def _assign(shell: Shell, name: str, value: str) -> None:
    try:
        shell.variables.set(name, value)
    except ShellError as error:
        raise BuiltinError(error.message) from None


async def export(shell: Shell, words: list[str]) -> int:
    """`export [-n] NAME[=VALUE]...`; without names, or with -p, the list of what is exported."""
    arguments = words[1:]
    is_exported = True
    while arguments and arguments[0] in ("-n", "-p", "--"):
        option = arguments.pop(0)
        is_exported = option != "-n"
        if option == "--":
            break
    refuse_option(arguments)
    if not arguments:
        for name in sorted(shell.variables.exported):
            value = shell.variables.get(name)
            shown = "" if value is None else f"={_in_quotes(value)}"
            await shell.process.say(f"export {name}{shown}\n")
        return 0
    for argument in arguments:
        name, sign, value = argument.partition("=")
        _named(shell, name)
        if sign:
            _assign(shell, name, value)
        shell.variables.export(name, is_exported=is_exported)
    return 0


async def readonly(shell: Shell, words: list[str]) -> int:
    """`readonly NAME[=VALUE]...`; without names, or with -p, the list of what is read-only."""
    arguments = [word for word in words[1:] if word not in ("-p", "--")]
    refuse_option(arguments)
    if not arguments:
        for name in sorted(shell.variables.readonly):
            value = shell.variables.get(name)
            shown = "" if value is None else f"={_in_quotes(value)}"
            await shell.process.say(f"readonly {name}{shown}\n")
        return 0
    for argument in arguments:
        name, sign, value = argument.partition("=")
        _named(shell, name)
        if sign:
            _assign(shell, name, value)
        shell.variables.readonly.add(name)
    return 0


def local(shell: Shell, words: list[str]) -> int:
    """`local NAME[=VALUE]...`: variables of the running function."""
    if not shell.variables.scopes:
        raise ShellError("not in a function", command="local")
    for argument in words[1:]:
        name, sign, value = argument.partition("=")
        _named(shell, name)
        shell.variables.make_local(name)
        if sign:
            _assign(shell, name, value)
        else:
            shell.variables.unset(name)
    return 0


def unset(shell: Shell, words: list[str]) -> int:
    """`unset [-fv] NAME...`."""
    arguments = words[1:]
    option = ""
    while arguments and arguments[0] in ("-f", "-v", "--"):
        option = arguments.pop(0)
    refuse_option(arguments)
    for name in arguments:
        if option == "-f":
            shell.functions.pop(name, None)
            continue
        _named(shell, name)
        try:
            if shell.variables.get(name) is None and option != "-v" and name in shell.functions:
                del shell.functions[name]
            else:
                shell.variables.unset(name)
        except ShellError as error:
            raise BuiltinError(error.message) from None
    return 0


def shift(shell: Shell, words: list[str]) -> int:
    """`shift [N]`; more than there are changes nothing."""
    count = number_of(words[1]) if len(words) > 1 else 1
    if count > len(shell.positional):
        return 1
    shell.positional = shell.positional[count:]
    return 0


async def set_options(shell: Shell, words: list[str]) -> int:
    """`set [-efnuxC] [-o NAME] [--] [ARGS]`; alone, the list of variables."""
    arguments = words[1:]
    if not arguments:
        for name, value in sorted(shell.variables.values.items()):
            await shell.process.say(f"{name}={_in_quotes(value)}\n")
        return 0
    while arguments and arguments[0][:1] in ("-", "+"):
        word = arguments.pop(0)
        if word == "--":
            shell.positional = arguments
            return 0
        if word in ("-", "+"):
            if word == "-" and arguments:
                break
            return 0
        for letter in word[1:]:
            if letter != "o":
                set_option(shell, letter, is_on=word[0] == "-")
            elif arguments:
                _set_long_option(shell, arguments.pop(0), is_on=word[0] == "-")
            else:
                await _show_options(shell)
    if arguments:
        shell.positional = arguments
    return 0


def set_option(shell: Shell, letter: str, *, is_on: bool) -> None:
    """Turn an option of one letter on or off. Raises BuiltinError."""
    if letter in NOT_EMULATED_LETTERS:
        raise BuiltinError(f"option -{letter} is not emulated")
    if letter not in OPTION_NAMES.values():
        raise BuiltinError(f"illegal option -{letter}")
    if is_on:
        shell.options.add(letter)
    else:
        shell.options.discard(letter)


def _set_long_option(shell: Shell, name: str, *, is_on: bool) -> None:
    if name in NOT_EMULATED:
        raise BuiltinError(f"option -o {name} is not emulated")
    if name not in OPTION_NAMES:
        raise BuiltinError(f"illegal option -o {name}", status=1)
    set_option(shell, OPTION_NAMES[name], is_on=is_on)


async def _show_options(shell: Shell) -> None:
    for name, letter in OPTION_NAMES.items():
        await shell.process.say(f"{name:<16}{'on' if letter in shell.options else 'off'}\n")


async def trap(shell: Shell, words: list[str]) -> int:
    """`trap TEXT SIGNAL...`, `trap - SIGNAL...`, `trap "" SIGNAL...`, and the list of traps."""
    arguments = words[1:]
    if arguments and arguments[0] == "--":
        arguments.pop(0)
    else:
        refuse_option(arguments)
    if not arguments:
        for signum in sorted(shell.traps):
            name = NAMES[signum] if signum else "EXIT"
            await shell.process.say(f"trap -- {_in_quotes(shell.traps[signum])} {name}\n")
        return 0
    # `trap TERM` and `trap 2` reset: there is no text, only signals.
    text: str | None = None
    if len(arguments) > 1 and not arguments[0].isdecimal():
        text = arguments.pop(0)
        text = None if text == "-" else text
    for name in arguments:
        found = signal_number(name)
        if found is None or (found and found not in NAMES):
            await shell.complain(f"{name}: invalid signal specification", "trap")
            return 1
        shell.set_trap(found, text)
    return 0
