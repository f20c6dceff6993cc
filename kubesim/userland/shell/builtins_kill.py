"""`kill`: signals to processes of the same pid namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.kernel import checkpoint
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.signals import NAMES, SIGTERM, number_of
from kubesim.userland.processes.system_calls import kill as send_signal

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


async def kill(shell: Shell, words: list[str]) -> int:
    """`kill [-SIGNAL | -s SIGNAL] PID...` and `kill -l [SIGNAL...]`."""
    arguments = words[1:]
    if arguments and arguments[0] == "-l":
        return await _list(shell, arguments[1:])
    signum = SIGTERM
    if arguments and arguments[0] == "-s" and len(arguments) > 1:
        name = arguments[1]
        arguments = arguments[2:]
    elif arguments and len(arguments[0]) > 1 and arguments[0][0] == "-" and arguments[0] != "--":
        name = arguments[0][1:]
        arguments = arguments[1:]
    else:
        name = str(SIGTERM)
    found = number_of(name)
    if found is None:
        return await _refuse(shell, f"bad signal name '{name}'")
    signum = found
    if arguments and arguments[0] == "--":
        arguments = arguments[1:]
    if not arguments:
        return await _refuse(shell, "you need to specify whom to kill")
    status = 0  # how many could not be signalled
    for argument in arguments:
        status += await _send(shell, argument, signum)
    await checkpoint()  # a signal to the shell itself arrives before its next command
    return status


async def _send(shell: Shell, argument: str, signum: int) -> int:
    if argument.startswith("%"):
        job = shell.jobs.named(argument)
        argument = str(-job.group_id) if job.has_own_group else str(job.processes[-1].pid)
    if not argument:
        return 0
    digits = argument.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 9:
        return await _refuse(shell, f"invalid number '{argument}'")
    pid = int(argument)
    try:
        send_signal(shell.process, pid, signum)
    except FsError as error:
        return await _refuse(shell, f"can't kill pid {pid}: {error.strerror}")
    return 0


async def _list(shell: Shell, names: list[str]) -> int:
    if not names:
        await shell.process.say("".join(f"{number:2d}) {name}\n" for number, name in NAMES.items()))
    for name in names:
        found = number_of(name) if not name.isdecimal() else int(name[:9]) & 0x7F
        if found is None:
            return await _refuse(shell, f"unknown signal '{name}'")
        shown = ("EXIT" if not found else NAMES.get(found, str(found))) if name.isdecimal() else str(found)
        await shell.process.say(f"{shown}\n")
    return 0


async def _refuse(shell: Shell, message: str) -> int:
    await shell.write_error(f"{shell.process.name}: {message}\n")
    return 1
