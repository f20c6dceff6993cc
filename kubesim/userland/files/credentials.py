"""Who a process is, and what that lets it do with files."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.capabilities import ALL_CAPABILITIES, capability_mask
from kubesim.userland.files.file_stat import FileKind, Stat

READ, WRITE, EXECUTE = 4, 2, 1
"""The permission bits that `may` is asked for; they add up."""

CAP_CHOWN = capability_mask(["CAP_CHOWN"])
CAP_DAC_OVERRIDE = capability_mask(["CAP_DAC_OVERRIDE"])
CAP_DAC_READ_SEARCH = capability_mask(["CAP_DAC_READ_SEARCH"])
CAP_FOWNER = capability_mask(["CAP_FOWNER"])
CAP_FSETID = capability_mask(["CAP_FSETID"])
CAP_MKNOD = capability_mask(["CAP_MKNOD"])
CAP_SYS_ADMIN = capability_mask(["CAP_SYS_ADMIN"])
"""Masks for `Credentials.has`."""

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
        """Whether the user is root. What root may do is a matter of its capabilities: see `has`."""
        return self.uid == 0

    @property
    def effective(self) -> int:
        """The capabilities that count: root has those of its bounding set, another user lost them with execve(2)."""
        return self.capabilities if self.uid == 0 else 0

    def has(self, capability: int) -> bool:
        """Whether a capability, as its mask, is effective; capable(2) of the kernel."""
        return self.effective & capability != 0

    def is_in_group(self, gid: int) -> bool:
        """Whether a group is one of the process's."""
        return gid == self.gid or gid in self.groups

    def owns(self, stat: Stat) -> bool:
        """Whether the owner's rights count. Mirrors linux: fs/inode.c, inode_owner_or_capable."""
        return self.uid == stat.uid or self.has(CAP_FOWNER)

    def may(self, stat: Stat, wanted: int) -> bool:
        """Whether permission bits or capabilities allow `wanted`. Mirrors linux: fs/namei.c, generic_permission."""
        if self.uid == stat.uid:
            granted = stat.mode >> 6
        elif self.is_in_group(stat.gid):
            granted = stat.mode >> 3
        else:
            granted = stat.mode
        if granted & wanted == wanted:
            return True
        held = self.effective
        if not held:
            return False
        if stat.kind is FileKind.DIRECTORY:
            return held & (CAP_DAC_OVERRIDE | (0 if wanted & WRITE else CAP_DAC_READ_SEARCH)) != 0
        if wanted == READ and held & CAP_DAC_READ_SEARCH:
            return True
        return held & CAP_DAC_OVERRIDE != 0 and (not wanted & EXECUTE or stat.mode & 0o111 != 0)


ROOT = Credentials(uid=0, gid=0)
