"""`kill`: signals to processes of the same pid namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.kernel import checkpoint
from kubesim.userland.applets.procps.kill import BadSignal, listed_signals, take_signal
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.system_calls import kill as send_signal

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


async def kill(shell: Shell, words: list[str]) -> int:
    """`kill [-SIGNAL | -s SIGNAL] PID...` and `kill -l [SIGNAL...]`."""
    arguments = words[1:]
    if arguments and arguments[0] == "-l":
        return await _list(shell, arguments[1:])
    try:
        signum, arguments = take_signal(arguments)
    except BadSignal as error:
        return await _refuse(shell, f"bad signal name '{error}'")
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
    try:
        for line in listed_signals(names):
            await shell.process.say(line)
    except BadSignal as error:
        return await _refuse(shell, f"unknown signal '{error}'")
    return 0


async def _refuse(shell: Shell, message: str) -> int:
    await shell.write_error(f"{shell.process.name}: {message}\n")
    return 1
