"""Linux capabilities of a container: which it gets, and the masks that the kernel shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
"""All of them in the order of their bits. Mirrors linux: include/uapi/linux/capability.h."""

ALL_CAPABILITIES = (1 << len(CAPABILITIES)) - 1
"""The mask of all of them."""

_BITS = {name: bit for bit, name in enumerate(CAPABILITIES)}


def container_capabilities(
    *,
    default: Sequence[str],
    added: Iterable[str],
    dropped: Iterable[str],
    is_privileged: bool = False,
    is_prefix_always_added: bool = False,
) -> tuple[str, ...]:
    """The capabilities of a container: of ALL first what is added, then what is dropped; then the named ones.

    Names count in any case, with CAP_ or without, unless the prefix is always added: CAP_X is CAP_CAP_X then. A
    privileged container has every one. Mirrors containerd: internal/cri/opts/spec_linux_opts.go, WithCapabilities;
    CRI-O: internal/factory/container/container.go, SpecSetupCapabilities.

    >>> container_capabilities(default=["CAP_KILL"], added=["net_admin"], dropped=["ALL"])
    ('CAP_NET_ADMIN',)
    """
    if is_privileged:
        return CAPABILITIES
    add = [_full_name(name, is_prefix_always_added) for name in added]
    drop = {_full_name(name, is_prefix_always_added) for name in dropped}
    names = list(CAPABILITIES if "CAP_ALL" in add else default)
    if "CAP_ALL" in drop:
        names = []
    names += [name for name in dict.fromkeys(add) if name != "CAP_ALL" and name not in names]
    return tuple(name for name in names if name not in drop)


def capability_mask(names: Iterable[str]) -> int:
    """The bits of these capabilities; a name that the kernel does not have is left out, as runc leaves it out.

    >>> f"{capability_mask(['CAP_CHOWN', 'CAP_NET_RAW']):016x}"
    '0000000000002001'
    """
    mask = 0
    for name in names:
        if name in _BITS:
            mask |= 1 << _BITS[name]
    return mask


def _full_name(name: str, is_prefix_always_added: bool) -> str:
    upper = name.upper()
    is_full = upper.startswith("CAP_") and not is_prefix_always_added
    return upper if is_full else f"CAP_{upper}"
