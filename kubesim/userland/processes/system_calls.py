"""Calls of a process that need a privilege: what it asks of the kernel about others, and about its namespaces."""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_SYS_ADMIN
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.uts_namespace import HOSTNAME_BYTES_MAX


def set_hostname(process: Process, name: str) -> None:
    """Rename its uts namespace. Raises FsError EPERM without CAP_SYS_ADMIN, EINVAL for more than 64 bytes.

    Mirrors linux: kernel/sys.c, sethostname.
    """
    length = len(name.encode(errors="surrogateescape"))
    if not process.files.enters("sethostname", arguments={1: length}):
        return
    if not process.credentials.has(CAP_SYS_ADMIN):
        raise FsError("EPERM")
    if length > HOSTNAME_BYTES_MAX:
        raise FsError("EINVAL")
    process.uts.hostname = name


def send_signal(process: Process, target: Process, signum: int) -> None:
    """kill(2). Raises FsError EPERM for a process of somebody else; signal 0 only asks."""
    if not process.files.enters("kill", arguments={0: target.pid, 1: signum}):
        return
    if not process.credentials.may_signal(target.credentials):
        raise FsError("EPERM")
    target.signal(signum, sender=process)
