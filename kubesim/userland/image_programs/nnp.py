"""nnp: the program of the image nonewprivs, a set-user-ID file that tells whom it runs as."""

from __future__ import annotations

from kubesim.userland.processes.process_life import Process


async def run_nnp(process: Process) -> int:
    """Mirrors kubernetes: test/images/nonewprivs/nnp.go, main."""
    await process.say(f"Effective uid: {process.credentials.uid}\n")
    return 0
