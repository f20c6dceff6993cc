"""Who a process is, and what that lets it do with files."""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.model.frozen_records import replace
from kubesim.policy.capabilities import ALL_CAPABILITIES, capability_mask
from kubesim.policy.seccomp import SeccompFilter
from kubesim.userland.files.file_stat import FileKind, Stat

READ, WRITE, EXECUTE = 4, 2, 1
"""The permission bits that `may` is asked for; they add up."""

CAP_CHOWN = capability_mask(["CAP_CHOWN"])
CAP_DAC_OVERRIDE = capability_mask(["CAP_DAC_OVERRIDE"])
CAP_DAC_READ_SEARCH = capability_mask(["CAP_DAC_READ_SEARCH"])
CAP_FOWNER = capability_mask(["CAP_FOWNER"])
CAP_FSETID = capability_mask(["CAP_FSETID"])
CAP_KILL = capability_mask(["CAP_KILL"])
CAP_MKNOD = capability_mask(["CAP_MKNOD"])
CAP_NET_ADMIN = capability_mask(["CAP_NET_ADMIN"])
CAP_NET_BIND_SERVICE = capability_mask(["CAP_NET_BIND_SERVICE"])
CAP_NET_RAW = capability_mask(["CAP_NET_RAW"])
CAP_SETGID = capability_mask(["CAP_SETGID"])
CAP_SETUID = capability_mask(["CAP_SETUID"])
CAP_SYS_ADMIN = capability_mask(["CAP_SYS_ADMIN"])
"""Masks for `Credentials.has`."""

SET_UID, SET_GID = 0o4000, 0o2000
"""Mode bits of a program that runs as its owner, and in its group."""

SECCOMP_FILTER = 2
"""Mirrors linux: include/uapi/linux/seccomp.h, SECCOMP_MODE_FILTER."""

_SAME = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """User, group and supplementary groups of a process, as numbers; and what else limits it.

    Mirrors linux: include/linux/cred.h, struct cred.
    """

    uid: int
    """The effective one, which all checks look at."""
    gid: int
    groups: tuple[int, ...] = ()
    """What setgroups(2) was given; a runtime puts the primary group in it as well."""
    capabilities: int = ALL_CAPABILITIES
    """The bounding set as a mask: what root has, and what nobody else can get."""
    ambient_capabilities: int = 0
    """The part of the bounding set that users other than root keep when they execute a program."""
    seccomp_mode: int = 0
    """0 without a filter, else SECCOMP_FILTER."""
    seccomp: SeccompFilter | None = None
    """What the filter says, where it forbids more than capabilities do already."""
    no_new_privileges: bool = False
    """Executing a set-user-ID file changes nothing."""
    real_uid: int = _SAME
    """Who started it; differs from `uid` once a set-user-ID program was executed."""
    real_gid: int = _SAME

    def __post_init__(self) -> None:
        """The real ids are the effective ones unless they are given."""
        if self.real_uid == _SAME:
            object.__setattr__(self, "real_uid", self.uid)
        if self.real_gid == _SAME:
            object.__setattr__(self, "real_gid", self.gid)

    @property
    def is_root(self) -> bool:
        """Whether the user is root. What root may do is a matter of its capabilities: see `has`."""
        return self.uid == 0

    @property
    def effective(self) -> int:
        """The capabilities that count: root has those of its bounding set, another user keeps what is ambient.

        Mirrors linux: security/commoncap.c, handle_privileged_root.
        """
        return self.capabilities if self.uid == 0 else self.ambient_capabilities

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

    def may_search(self, uid: int, gid: int, mode: int) -> bool:
        """Whether it may go through a directory of this owner, group and mode: `may` with EXECUTE, for every step."""
        if self.uid == uid:
            granted = mode >> 6
        elif self.is_in_group(gid):
            granted = mode >> 3
        else:
            granted = mode
        return granted & EXECUTE != 0 or self.effective & (CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH) != 0

    def may_signal(self, target: Credentials) -> bool:
        """Whether it may send the target a signal. Mirrors linux: kernel/signal.c, kill_ok_by_cred."""
        # The saved ids of the target are its effective ones: nothing here gives a privilege up for a while.
        return not {self.uid, self.real_uid}.isdisjoint((target.uid, target.real_uid)) or self.has(CAP_KILL)

    def with_uid(self, uid: int) -> Credentials | None:
        """Who it is after setuid(2); None where it may not. Whoever leaves root leaves its capabilities.

        Mirrors linux: kernel/sys.c, __sys_setuid; security/commoncap.c, cap_emulate_setxuid.
        """
        if self.has(CAP_SETUID):
            ambient = 0 if uid and 0 in {self.uid, self.real_uid} else self.ambient_capabilities
            return replace(self, uid=uid, real_uid=uid, ambient_capabilities=ambient)
        return replace(self, uid=uid) if uid in {self.uid, self.real_uid} else None

    def with_gid(self, gid: int) -> Credentials | None:
        """Who it is after setgid(2); None where it may not. Mirrors linux: kernel/sys.c, __sys_setgid."""
        if self.has(CAP_SETGID):
            return replace(self, gid=gid, real_gid=gid)
        return replace(self, gid=gid) if gid in {self.gid, self.real_gid} else None

    def with_groups(self, groups: tuple[int, ...]) -> Credentials | None:
        """Who it is after setgroups(2); None where it may not. Mirrors linux: kernel/groups.c, setgroups."""
        return replace(self, groups=tuple(sorted(groups))) if self.has(CAP_SETGID) else None

    def executing(self, stat: Stat) -> Credentials:
        """Who it is once it executes this file. Mirrors linux: fs/exec.c, bprm_fill_uid; security/commoncap.c."""
        if self.no_new_privileges or stat.kind is not FileKind.FILE:
            return self
        uid = stat.uid if stat.mode & SET_UID else self.uid
        # Without the execute bit of the group, the bit stands for mandatory locking.
        gid = stat.gid if stat.mode & SET_GID and stat.mode & 0o010 else self.gid
        if (uid, gid) == (self.uid, self.gid):
            return self
        return replace(self, uid=uid, gid=gid, ambient_capabilities=0)


ROOT = Credentials(uid=0, gid=0)
