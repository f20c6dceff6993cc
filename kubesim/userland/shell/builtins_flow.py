"""Builtins that decide what runs next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.shell.control import BuiltinError, FunctionReturn, LoopJump, ShellError, ShellExit
from kubesim.userland.shell.external import find_program, run_program
from kubesim.userland.shell.quoting import single_quoted
from kubesim.userland.shell.token_stream import RESERVED

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


def number_of(text: str) -> int:
    """A number that is not negative. Raises BuiltinError in ash's words."""
    if not (text.isascii() and text.isdecimal()):
        raise BuiltinError(f"Illegal number: {text}")
    return min(int(text[:20]), 2**63 - 1) % 2**31


def refuse_option(arguments: list[str]) -> None:
    """Raises BuiltinError when the first argument is an option: all known ones are read by now."""
    if arguments and len(arguments[0]) > 1 and arguments[0][0] == "-":
        raise BuiltinError(f"illegal option {arguments[0][:2]}")


def succeed(shell: Shell, words: list[str]) -> int:
    """`true` and `:`."""
    del shell, words
    return 0


def fail(shell: Shell, words: list[str]) -> int:
    """`false`."""
    del shell, words
    return 1


def leave_loop(shell: Shell, words: list[str]) -> int:
    """`break [N]` and `continue [N]`; outside of loops they do nothing."""
    levels = number_of(words[1]) if len(words) > 1 else 1
    if levels == 0:
        raise BuiltinError(f"Illegal number: {words[1]}")
    if shell.loop_depth == 0:
        return 0
    raise LoopJump(min(levels, shell.loop_depth), is_break=words[0] == "break")


def leave_function(shell: Shell, words: list[str]) -> int:
    """`return [STATUS]`: leaves a function or a sourced file, else the script."""
    raise FunctionReturn(number_of(words[1]) & 0xFF if len(words) > 1 else shell.status)


def leave(shell: Shell, words: list[str]) -> int:
    """`exit [STATUS]`; in a trap the default is the status from before it."""
    if len(words) > 1:
        raise ShellExit(number_of(words[1]) & 0xFF)
    raise ShellExit(shell.status if shell.trap_status is None else shell.trap_status)


async def evaluate(shell: Shell, words: list[str]) -> int:
    """`eval`: the words are a script."""
    context, shell.context = shell.context, "eval"
    try:
        return await shell.nested(lambda: shell.run_text(" ".join(words[1:])))
    except ShellError as error:
        await shell.report(error)  # with its name
        raise
    finally:
        shell.context = context


async def source(shell: Shell, words: list[str]) -> int:
    """`. FILE [ARGS]`: run a file in this shell; a name without a slash is searched along PATH."""
    if len(words) < 2:
        return 2
    name = words[1]
    path: str | None = name
    if "/" not in name:
        path = _readable_along_path(shell, name)
        if path is None:
            raise BuiltinError(f"{name}: not found")
    assert path is not None, "a name with a slash is a path"
    text = await _script_text(shell, path)
    positional = shell.positional
    context, shell.context = shell.context, name
    if len(words) > 2:
        shell.positional = words[2:]
    try:
        return await shell.nested(lambda: shell.run_text(text, line=1, is_input=True))
    except FunctionReturn as returned:
        return returned.status
    except ShellError as error:
        await shell.report(error)  # with its name
        raise
    finally:
        shell.context = context
        if len(words) > 2:
            shell.positional = positional


async def _script_text(shell: Shell, path: str) -> str:
    parts = []
    try:
        file = shell.process.files.open_read(path).hold()
        try:
            while data := await shell.process.read_from(file):
                parts.append(data)
                await shell.process.grow(len(data))
        finally:
            file.release()
    except FsError as error:
        if error.errno_name != "EISDIR":  # a directory can be opened, and nothing is read from it
            raise BuiltinError(f"can't open '{path}': {error.strerror}") from None
    return b"".join(parts).decode(errors="surrogateescape")


def _readable_along_path(shell: Shell, name: str) -> str | None:
    for directory in (shell.variables.get("PATH") or "").split(":"):
        path = f"{directory or '.'}/{name}"
        if shell.process.files.exists(path):
            return path
    return None


async def execute(shell: Shell, words: list[str]) -> int:
    """`exec PROGRAM`: it takes the place of the shell. Without a program only the redirections stay."""
    if len(words) < 2:
        return 0
    executable, status = await find_program(shell, words[1], "exec")
    if executable is None:
        raise ShellExit(status)
    try:
        shell.process.execute(executable, words[1:], shell.variables.env())
    except FsError as error:
        await shell.complain(f"{words[1]}: {error.strerror}", "exec")
    raise ShellExit(126)


async def command(shell: Shell, words: list[str]) -> int:
    """`command [-v|-V] NAME`: run a command that is no function, or say what it is."""
    arguments = words[1:]
    option = ""
    while arguments and arguments[0] in ("-p", "-v", "-V", "--"):
        word = arguments.pop(0)
        if word == "--":
            break
        option = word if word != "-p" else option
    refuse_option(arguments)
    if not arguments:
        return 0
    if option:
        return await _describe(shell, arguments[0], is_short=option == "-v")
    if is_builtin(arguments[0]):
        try:
            return await shell.evaluate.builtin(arguments, is_special=False)
        except BuiltinError as error:
            await shell.complain(error.message, arguments[0])
            return error.status
    return await run_program(shell, arguments, shell.variables.env())


async def describe(shell: Shell, words: list[str]) -> int:
    """`type [-p] NAME...`."""
    status = 0
    is_short = words[1:2] == ["-p"]
    for name in words[1 + is_short :]:
        status = await _describe(shell, name, is_short=is_short) or status
    return status


def is_builtin(name: str) -> bool:
    """Whether the shell itself has this command."""
    from kubesim.userland.shell.builtins import BUILTINS, SPECIAL_BUILTINS  # the table is built from this module

    return name in BUILTINS or name in SPECIAL_BUILTINS


async def _describe(shell: Shell, name: str, *, is_short: bool) -> int:
    from kubesim.userland.shell.builtins import SPECIAL_BUILTINS  # the table is built from this module

    path: str | None = name
    if name in RESERVED:
        text = "a shell keyword"
    elif name in shell.aliases:
        text = f"an alias for {shell.aliases[name]}"
        path = f"alias {name}={single_quoted(shell.aliases[name])}" if is_short else name
    elif name in shell.functions:
        text = "a function"
    elif is_builtin(name):
        text = "a special shell builtin" if name in SPECIAL_BUILTINS else "a shell builtin"
    else:
        path = (name if shell.process.files.exists(name) else None) if "/" in name else shell.find_command(name)
        if path is None:
            if not is_short:
                await shell.process.say(f"{name}: not found\n")
            return 127
        text = path
    await shell.process.say(f"{path}\n" if is_short else f"{name} is {text}\n")
    return 0


async def remember(shell: Shell, words: list[str]) -> int:
    """`hash [-r] [NAME...]`: where programs were found; `-r` forgets it, a name finds it again."""
    arguments = words[1:]
    if arguments and arguments[0] == "-r":
        shell.found_commands.clear()
        return 0
    refuse_option(arguments)
    if not arguments:
        for path in dict.fromkeys(shell.found_commands.values()):
            await shell.process.say(f"{path}\n")
    for name in arguments:
        if shell.find_command(name) is None and not is_builtin(name) and name not in shell.functions:
            raise BuiltinError(f"{name}: not found", status=1)
    return 0
