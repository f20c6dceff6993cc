"""`jobs`, `fg`, `bg` and `wait`: what a shell does with its children after they began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.userland.shell.builtins_flow import number_of, refuse_option
from kubesim.userland.shell.control import BuiltinError

if TYPE_CHECKING:
    from kubesim.userland.shell.shell import Shell


async def jobs(shell: Shell, words: list[str]) -> int:
    """`jobs [-lp] [%JOB...]`."""
    letters, names = "", words[1:]
    while names and len(names[0]) > 1 and names[0][0] == "-":
        letters += names.pop(0)[1:]
    for letter in letters:
        if letter not in "lp":
            raise BuiltinError(f"illegal option -{letter}")
    only = [shell.jobs.named(name) for name in names] if names else None
    if "p" in letters:
        groups = shell.jobs.group_ids() if only is None else [job.group_id for job in only]
        await shell.process.say("".join(f"{group}\n" for group in groups))
    else:
        await shell.process.say("".join(shell.jobs.lines(only, has_pids="l" in letters)))
    return 0


async def foreground(shell: Shell, words: list[str]) -> int:
    """`fg [%JOB]`."""
    refuse_option(words[1:])
    status = 0
    for name in words[1:] or ["%"]:
        job = shell.jobs.controlled(name)
        await shell.process.say(f"{job.text}\n")
        status = await shell.jobs.bring_forward(job)
    return status


async def background(shell: Shell, words: list[str]) -> int:
    """`bg [%JOB...]`."""
    refuse_option(words[1:])
    for name in words[1:] or ["%"]:
        job = shell.jobs.controlled(name)
        await shell.process.say(f"[{job.number}] {job.text}\n")
        shell.jobs.send_back(job)
    return 0


async def wait(shell: Shell, words: list[str]) -> int:
    """`wait [PID|%JOB...]`: for all children in the background, or for these. A trap ends it at once."""
    names = words[1:]
    refuse_option(names)
    if not names:
        return await shell.jobs.wait_all()
    status = 0
    for name in names:
        if name.startswith("%"):
            job = shell.jobs.named(name)
        else:
            found = shell.jobs.find(number_of(name))
            if found is None:
                status = 127
                continue
            job = found
        status = await shell.jobs.wait_background(job)
    return status
