"""uname: a Linux machine; only the node name is the pod's."""

from __future__ import annotations

from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

KERNEL_RELEASE = "6.12.0-kubesim"
KERNEL_VERSION = "#1 SMP"
MACHINE = "x86_64"


async def run(process: Process) -> int:
    """Print what the options ask for, in uname's own order."""
    options = parse_options(process.argv, "amnrspvio")
    if options.operands:
        raise UsageError
    facts = {
        "s": "Linux",
        "n": process.hostname,
        "r": KERNEL_RELEASE,
        "v": KERNEL_VERSION,
        "m": MACHINE,
        "p": "unknown",
        "i": "unknown",
        "o": "GNU/Linux",
    }
    # What is unknown is no part of everything.
    wanted = facts.keys() - {"p", "i"} if "a" in options else options.flags or {"s"}
    await process.say(" ".join(text for letter, text in facts.items() if letter in wanted) + "\n")
    return 0
