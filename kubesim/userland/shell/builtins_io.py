"""Builtins that print, look at files, or move between directories."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from kubesim.userland.applets.coreutils.echo import echo_bytes
from kubesim.userland.applets.coreutils.printf import Printf
from kubesim.userland.applets.coreutils.test import TestError, evaluate_test
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.shell.control import BuiltinError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


def echo(shell: Shell, words: list[str]) -> int | Awaitable[int]:
    """`echo`. Most of the time the output takes it at once."""
    process = shell.process
    data = echo_bytes(words[1:])
    file = process.descriptors().get(1)
    if file is not None and file.is_unbounded:
        file.write_now(data)
        return 0
    return _write(shell, data)


async def _write(shell: Shell, data: bytes) -> int:
    await shell.process.write(1, data)
    return 0


async def printf(shell: Shell, words: list[str]) -> int:
    """`printf FORMAT [ARGS]`."""
    arguments = words[2:] if words[1:2] == ["--"] else words[1:]
    if not arguments:
        await shell.write_error(f"{shell.process.name}: usage: printf FORMAT [ARGUMENT...]\n")
        return 2
    printed = Printf(arguments)
    for problem in printed.problems:
        await shell.write_error(f"{shell.process.name}: {problem}\n")
    await shell.process.write(1, printed.data)
    return 1 if printed.problems else 0


def test(shell: Shell, words: list[str]) -> int | Awaitable[int]:
    """`test`, `[` and `[[`."""
    arguments = words[1:]
    try:
        if words[0] != "test":
            end = "]" * len(words[0])
            if not arguments or arguments[-1] != end:
                raise TestError(f"missing {end}")
            arguments = arguments[:-1]
        return 0 if evaluate_test(arguments, shell.process, is_extended=words[0] == "[[") else 1
    except TestError as error:
        if not error.args[0]:
            return 2
        return _test_failed(shell, str(error))


async def _test_failed(shell: Shell, message: str) -> int:
    await shell.write_error(f"{shell.process.name}: {message}\n")
    return 2


def _without_path_options(arguments: list[str]) -> list[str]:
    """The words behind `-P` and `-L`, which mean the same here: a directory has the path it has without links."""
    for number, word in enumerate(arguments):
        if word == "--":
            return arguments[number + 1 :]
        if len(word) < 2 or word[0] != "-":
            return arguments[number:]
        wrong = word[1:].lstrip("PL")
        if wrong:
            raise BuiltinError(f"illegal option -{wrong[0]}")
    return []


async def change_directory(shell: Shell, words: list[str]) -> int:
    """`cd [DIRECTORY]`: HOME by default, `-` is the one before; CDPATH is searched as ash does."""
    arguments = _without_path_options(words[1:])
    variables = shell.variables
    target = arguments[0] if arguments else variables.get("HOME")
    if not target:
        return 0
    is_shown = target == "-"
    if is_shown:
        target = variables.get("OLDPWD") or shell.process.files.cwd
    candidates = [target]
    cdpath = variables.get("CDPATH")
    if cdpath and not target.startswith(("/", "./", "../")):
        candidates = [f"{directory}/{target}" if directory else target for directory in cdpath.split(":")] + [target]
    files = shell.process.files
    before = files.cwd
    for number, candidate in enumerate(candidates):
        try:
            files.change_directory(candidate)
        except FsError as error:
            if number == len(candidates) - 1:
                raise BuiltinError(f"can't cd to {target}: {error.strerror}") from None
            continue
        is_shown |= candidate != target
        break
    variables.set("OLDPWD", before)
    variables.set("PWD", files.cwd)
    if is_shown:
        await shell.process.say(f"{files.cwd}\n")
    return 0


async def show_directory(shell: Shell, words: list[str]) -> int:
    """`pwd [-PL]`."""
    _without_path_options(words[1:])
    await shell.process.say(f"{shell.process.files.cwd}\n")
    return 0
