"""`alias` and `unalias`. Mirrors busybox: shell/ash.c, aliascmd, unaliascmd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.shell.builtins_flow import refuse_option
from kubesim.userland.shell.quoting import single_quoted

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_TABLE_SIZE = 39
"""Mirrors busybox: shell/ash.c, ATABSIZE."""


async def alias(shell: Shell, words: list[str]) -> int:
    """`alias [NAME[=VALUE]...]`."""
    status = 0
    if len(words) == 1:
        # In the order of ash's hash table; those of one place in the order of their making.
        for name in sorted(shell.aliases, key=_place):
            await shell.process.say(f"{shown(shell, name)}\n")
        return 0
    for word in words[1:]:
        name, sign, value = word[1:].partition("=")
        name = word[:1] + name
        if sign:
            shell.aliases[name] = value
        elif name in shell.aliases:
            await shell.process.say(f"{shown(shell, name)}\n")
        else:
            await shell.write_error(f"alias: {word} not found\n")
            status = 1
    return status


async def unalias(shell: Shell, words: list[str]) -> int:
    """`unalias [-a | NAME...]`."""
    arguments = words[1:]
    if arguments and arguments[0] == "-a":
        shell.aliases.clear()
        return 0
    if arguments and arguments[0] == "--":
        arguments = arguments[1:]
    refuse_option(arguments)
    status = 0
    for name in arguments:
        if shell.aliases.pop(name, None) is None:
            await shell.write_error(f"unalias: {name} not found\n")
            status = 1
    return status


def shown(shell: Shell, name: str) -> str:
    """An alias as `alias` lists it."""
    return f"{name}={single_quoted(shell.aliases[name])}"


def _place(name: str) -> int:
    data = name.encode(errors="surrogateescape")
    return ((data[0] << 4 if data else 0) + sum(data)) % _TABLE_SIZE
