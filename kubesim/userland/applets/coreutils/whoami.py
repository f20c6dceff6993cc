"""whoami: the name of the effective user."""

from __future__ import annotations

from kubesim.userland.files.passwd import user_of_uid
from kubesim.userland.options import UsageError
from kubesim.userland.processes.process_life import Process


async def run(process: Process) -> int:
    """Print the name; a user without one is an error, as in busybox."""
    if process.argv[1:]:
        raise UsageError
    uid = process.credentials.uid
    entry = user_of_uid(process.files, uid)
    if entry is None:
        await process.complain(f"unknown uid {uid}")
        return 1
    await process.say(f"{entry.name}\n")
    return 0
