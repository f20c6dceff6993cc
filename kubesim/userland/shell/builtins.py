"""Commands that are part of the shell. `SPECIAL_BUILTINS` end a script when they fail; POSIX says which those are.

A builtin takes the shell and its words, and gives a status or something to await.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from kubesim.userland.shell import builtins_flow as flow
from kubesim.userland.shell import builtins_io as io
from kubesim.userland.shell import builtins_jobs as jobs
from kubesim.userland.shell import builtins_state as state
from kubesim.userland.shell.builtins_alias import alias, unalias
from kubesim.userland.shell.builtins_getopts import getopts
from kubesim.userland.shell.builtins_help import history, let, show_help
from kubesim.userland.shell.builtins_kill import kill
from kubesim.userland.shell.builtins_limits import times, ulimit, umask
from kubesim.userland.shell.builtins_options import set_options
from kubesim.userland.shell.builtins_read import read

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
    "local": state.local,
    "readonly": state.readonly,
    "return": flow.leave_function,
    "set": set_options,
    "shift": state.shift,
    "source": flow.source,
    "times": times,
    "trap": state.trap,
    "unset": state.unset,
}


BUILTINS: dict[str, Builtin] = {
    "[": io.test,
    "[[": io.test,
    "alias": alias,
    "bg": jobs.background,
    "cd": io.change_directory,
    "chdir": io.change_directory,
    "command": flow.command,
    "echo": io.echo,
    "false": flow.fail,
    "fg": jobs.foreground,
    "getopts": getopts,
    "hash": flow.remember,
    "help": show_help,
    "history": history,
    "jobs": jobs.jobs,
    "kill": kill,
    "let": let,
    "printf": io.printf,
    "pwd": io.show_directory,
    "read": read,
    "test": io.test,
    "true": flow.succeed,
    "type": flow.describe,
    "ulimit": ulimit,
    "umask": umask,
    "unalias": unalias,
    "wait": jobs.wait,
}
