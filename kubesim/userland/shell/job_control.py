"""Turning job control on and off. Mirrors busybox: shell/ash.c, setjobctl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.processes.signals import SIGTSTP, SIGTTIN, SIGTTOU

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell

CONTROL_SIGNALS = frozenset((SIGTSTP, SIGTTIN, SIGTTOU))
"""What a shell with job control does not listen to itself."""


def set_job_control(shell: Shell, *, is_on: bool) -> bool:
    """Turn job control on or off; False, and a word about it, where no terminal controls the session."""
    process = shell.process
    terminal = process.terminal
    if not is_on:
        shell.jobs.has_control = False
        shell.own_signals = shell.own_signals - CONTROL_SIGNALS
        for signum in CONTROL_SIGNALS - shell.traps.keys():
            process.handlers.pop(signum, None)
        return True
    if terminal is None:
        return False
    if process.session_id != process.pid and process.group_id != process.pid:
        process.set_group(process.pid)
    terminal.group_id = process.group_id
    shell.jobs.has_control = True
    shell.own_signals = shell.own_signals | CONTROL_SIGNALS
    for signum in CONTROL_SIGNALS - shell.traps.keys():
        process.handlers[signum] = None
    return True
