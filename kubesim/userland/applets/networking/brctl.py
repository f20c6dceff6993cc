"""brctl: bridges of the network namespace.

Mirrors busybox: networking/brctl.c. Only what can be seen afterwards is emulated: a bridge is there or not.
"""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_NET_ADMIN
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

BRIDGE_COMMANDS = ("addbr", "delbr")


async def run(process: Process) -> int:
    """Make, remove or show bridges."""
    words = parse_options(process.argv, "", is_ordered=True).operands
    if not words:
        raise UsageError
    command = words[0]
    if command == "show":
        await process.say("bridge name\tbridge id\t\tSTP enabled\tinterfaces\n")
        for number, name in enumerate(process.network.bridges(), start=1):
            await process.say(f"{name}\t\t8000.{number:012x}\tno\t\t\n")
        return 0
    if command not in BRIDGE_COMMANDS:
        await process.complain(f"invalid argument '{command}' to 'brctl'")
        return 1
    if len(words) < 2:
        raise UsageError
    name = words[1]
    try:
        if not process.credentials.has(CAP_NET_ADMIN):
            raise FsError("EPERM")
        if command == "addbr":
            process.network.add_bridge(name)
        else:
            process.network.remove_bridge(name)
    except FsError as error:
        await process.complain(f"bridge {name}: {error.strerror}")
        return 1
    return 0
