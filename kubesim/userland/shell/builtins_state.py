"""Builtins that change the state of the shell: variables, options, parameters, traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.processes.signals import NAMES
from kubesim.userland.processes.signals import number_of as signal_number
from kubesim.userland.shell.builtins_flow import number_of, refuse_option
from kubesim.userland.shell.control import ERR, EXIT, BuiltinError, ShellError
from kubesim.userland.shell.quoting import single_quoted
from kubesim.userland.shell.syntax import Command, Simple
from kubesim.userland.shell.variables import is_name

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


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
            shown = "" if value is None else f"={single_quoted(value)}"
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
            shown = "" if value is None else f"={single_quoted(value)}"
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
    """`unset [-fv] NAME...`: functions only with -f."""
    arguments = words[1:]
    option = "v"
    while arguments and len(arguments[0]) > 1 and arguments[0][0] == "-":
        word = arguments.pop(0)
        if word == "--":
            break
        for letter in word[1:]:
            if letter not in "fv":
                raise BuiltinError(f"illegal option -{letter}")
            option = letter
    for name in arguments:
        if option == "f":
            shell.functions.pop(name, None)
            continue
        _named(shell, name)
        try:
            shell.variables.unset(name)
        except ShellError as error:
            raise BuiltinError(error.message) from None
    return 0


def shift(shell: Shell, words: list[str]) -> int:
    """`shift [N]`; more than there are changes nothing."""
    count = number_of(words[1]) if len(words) > 1 else 1
    if count > len(shell.positional):
        return 1
    shell.set_positional(shell.positional[count:])
    return 0


def is_list_of_traps(command: Command) -> bool:
    """Whether a command is `trap` alone."""
    if not isinstance(command, Simple) or command.assignments or command.redirections:
        return False
    return command.plain_words == ("trap",)


def trap_lines(shell: Shell) -> str:
    """The traps as commands that set them again."""
    names = {EXIT: "EXIT", ERR: "ERR"}
    return "".join(
        f"trap -- {single_quoted(text)} {names.get(signum) or NAMES[signum]}\n"
        for signum, text in sorted(shell.traps.items())
    )


async def trap(shell: Shell, words: list[str]) -> int:
    """`trap TEXT SIGNAL...`, `trap - SIGNAL...`, `trap "" SIGNAL...`, and the list of traps."""
    arguments = words[1:]
    if arguments and arguments[0] == "--":
        arguments.pop(0)
    else:
        refuse_option(arguments)
    if not arguments:
        await shell.process.say(trap_lines(shell))
        return 0
    # `trap TERM` and `trap 2` reset: there is no text, only signals.
    text: str | None = None
    if len(arguments) > 1 and not arguments[0].isdecimal():
        text = arguments.pop(0)
        text = None if text == "-" else text
    for name in arguments:
        found = ERR if name == "ERR" else signal_number(name)
        if found is None or (found not in (EXIT, ERR) and found not in NAMES):
            await shell.complain(f"{name}: invalid signal specification", "trap")
            return 1
        shell.set_trap(found, text)
    return 0
