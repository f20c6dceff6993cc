"""Calls of a process that need a privilege: what it asks of the kernel about others, and about its namespaces."""

from __future__ import annotations

from kubesim.userland.files.credentials import CAP_SYS_ADMIN, Credentials
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.job_control import members_of_group
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


def set_user(process: Process, uid: int) -> None:
    """setuid(2). Raises FsError EPERM for an id that is not its own, without CAP_SETUID."""
    if process.files.enters("setuid", arguments={0: uid}):
        _take_on(process, process.credentials.with_uid(uid), call="setuid")


def set_group(process: Process, gid: int) -> None:
    """setgid(2). Raises FsError EPERM for an id that is not its own, without CAP_SETGID."""
    if process.files.enters("setgid", arguments={0: gid}):
        _take_on(process, process.credentials.with_gid(gid), call="setgid")


def set_groups(process: Process, groups: tuple[int, ...]) -> None:
    """setgroups(2). Raises FsError EPERM without CAP_SETGID."""
    if process.files.enters("setgroups", arguments={0: len(groups)}):
        _take_on(process, process.credentials.with_groups(groups), call="setgroups")


def _take_on(process: Process, credentials: Credentials | None, *, call: str) -> None:
    if credentials is None:
        raise FsError("EPERM", call)
    process.files.credentials = credentials


def send_signal(process: Process, target: Process, signum: int) -> None:
    """kill(2). Raises FsError EPERM for a process of somebody else; signal 0 only asks."""
    if not process.files.enters("kill", arguments={0: target.pid, 1: signum}):
        return
    if not process.credentials.may_signal(target.credentials):
        raise FsError("EPERM")
    target.signal(signum, sender=process)


def kill(process: Process, pid: int, signum: int) -> None:
    """kill(2): to one process, to its own group (0), to everybody but pid 1 and itself (-1), to a group (-N).

    Raises FsError: ESRCH when there is nobody, EPERM when none of them may be sent it.
    """
    if not process.files.enters("kill", arguments={0: pid, 1: signum}):
        return
    namespace = process.namespace
    if pid > 0:
        found = namespace.find(pid)
        targets = [] if found is None else [found]
    elif pid == -1:
        targets = [other for other in namespace.processes() if other.pid != 1 and other is not process]
    else:
        targets = members_of_group(namespace, -pid or process.group_id)
    if not targets:
        raise FsError("ESRCH")
    allowed = [target for target in targets if process.credentials.may_signal(target.credentials)]
    if not allowed:
        raise FsError("EPERM")
    for target in allowed:
        target.signal(signum, sender=process)
