"""Commands that are part of the shell. `SPECIAL_BUILTINS` end a script when they fail; POSIX says which those are.

A builtin takes the shell and its words, and gives a status or something to await.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from kubesim.userland.shell import builtins_flow as flow
from kubesim.userland.shell import builtins_io as io
from kubesim.userland.shell import builtins_state as state
from kubesim.userland.shell.builtins_kill import kill
from kubesim.userland.shell.builtins_read import read
from kubesim.userland.shell.control import BuiltinError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

Builtin: TypeAlias = "Callable[[Shell, list[str]], int | Awaitable[int]]"

SPECIAL_BUILTINS: dict[str, Builtin] = {
    ".": flow.source,
    ":": flow.succeed,
    "break": flow.leave_loop,
    "continue": flow.leave_loop,
    "eval": flow.evaluate,
    "exec": flow.execute,
    "exit": flow.leave,
    "export": state.export,
    "readonly": state.readonly,
    "return": flow.leave_function,
    "set": state.set_options,
    "shift": state.shift,
    "source": flow.source,
    "trap": state.trap,
    "unset": state.unset,
}


def _not_emulated(shell: Shell, words: list[str]) -> int:
    """A builtin of ash that this shell lacks."""
    del shell, words
    raise BuiltinError("not emulated")


BUILTINS: dict[str, Builtin] = {
    "[": io.test,
    "cd": io.change_directory,
    "chdir": io.change_directory,
    "command": flow.command,
    "echo": io.echo,
    "false": flow.fail,
    "hash": io.forget_commands,
    "kill": kill,
    "local": state.local,
    "printf": io.printf,
    "pwd": io.show_directory,
    "read": read,
    "test": io.test,
    "true": flow.succeed,
    "type": flow.describe,
    "umask": io.umask,
    "wait": flow.wait,
    **dict.fromkeys(
        ("[[", "alias", "bg", "fg", "getopts", "help", "history", "jobs", "let", "times", "ulimit", "unalias"),
        _not_emulated,
    ),
}
