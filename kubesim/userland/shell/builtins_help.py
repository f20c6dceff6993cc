"""Small builtins that ash has besides those of POSIX: `help`, `history`, `let`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.shell.arithmetic import ArithmeticFailed, compute
from kubesim.userland.shell.control import BuiltinError, ShellError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

_LINE_LENGTH = 60


async def show_help(shell: Shell, words: list[str]) -> int:
    """`help`: the names of all builtins. Mirrors busybox: shell/ash.c, helpcmd."""
    from kubesim.userland.shell.builtins import BUILTINS, SPECIAL_BUILTINS  # the table is built from this module

    del words
    lines: list[str] = []
    line = ""
    for name in sorted({*BUILTINS, *SPECIAL_BUILTINS}):
        line += f"{' ' if line else chr(9)}{name}"
        if len(line) > _LINE_LENGTH:
            lines.append(line)
            line = ""
    lines.append(line)
    title = "Built-in commands:"
    await shell.process.say("\n".join([title, "-" * len(title), *lines, ""]))
    return 0


def history(shell: Shell, words: list[str]) -> int:
    """`history`: a shell that nobody types into has none."""
    del shell, words
    return 0


def let(shell: Shell, words: list[str]) -> int:
    """`let EXPRESSION...`: 0 when the last one is not zero. Mirrors busybox: shell/ash.c, letcmd."""
    if len(words) < 2:
        raise BuiltinError("expression expected")
    number = 0
    try:
        for word in words[1:]:
            number = compute(word, shell.variables)
    except (ArithmeticFailed, ShellError) as error:
        raise BuiltinError(str(error)) from None
    return int(number == 0)
