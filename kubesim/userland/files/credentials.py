"""Who a process is, and what that lets it do with files."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.capabilities import ALL_CAPABILITIES
from kubesim.userland.files.file_stat import FileKind, Stat

READ, WRITE, EXECUTE = 4, 2, 1
"""The permission bits that `may` is asked for; they add up."""

SECCOMP_FILTER = 2
"""Mirrors linux: include/uapi/linux/seccomp.h, SECCOMP_MODE_FILTER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User, group and supplementary groups of a process, as numbers; and what else limits it."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    """What setgroups(2) was given; a runtime puts the primary group in it as well."""
    capabilities: int = ALL_CAPABILITIES
    """The bounding set as a mask: what root has, and what nobody else can get."""
    seccomp_mode: int = 0
    """0 without a filter, else SECCOMP_FILTER. What a filter forbids is not emulated."""
    no_new_privileges: bool = False
    """Executing a set-user-ID file changes nothing."""

    @property
    def is_root(self) -> bool:
        """Root passes every check but one: it executes a file only when somebody may."""
        return self.uid == 0

    def may(self, stat: Stat, wanted: int) -> bool:
        """Whether the permission bits allow `wanted`. Mirrors linux: fs/namei.c, acl_permission_check."""
        if self.is_root:
            return not wanted & EXECUTE or stat.kind is FileKind.DIRECTORY or stat.mode & 0o111 != 0
        if self.uid == stat.uid:
            granted = stat.mode >> 6
        elif self.gid == stat.gid or stat.gid in self.groups:
            granted = stat.mode >> 3
        else:
            granted = stat.mode
        return granted & wanted == wanted


ROOT = Credentials(uid=0, gid=0)
