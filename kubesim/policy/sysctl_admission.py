"""Which sysctls may a pod set on this node?

Mirrors kubelet: pkg/kubelet/sysctl/allowlist.go (NewAllowlist, validateSysctl, Admit), safe_sysctls.go and
staging/src/k8s.io/component-helpers/node/util/sysctl/namespace.go (GetNamespace).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubesim.model.sysctl_name import dotted_sysctl

SYSCTL_REASON = "SysctlForbidden"

_SAFE_SINCE = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
"""The minor version from which a kubelet takes a sysctl for safe. Our node's kernel has namespaces for all of them."""

_IPC, _NET = "IPC", "Net"
_NAMESPACES = {"kernel.sem": _IPC}
_PREFIXES = {"kernel.shm": _IPC, "kernel.msg": _IPC, "fs.mqueue.": _IPC, "net.": _NET}
_PATTERN_TEXT = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9*]"
_PATTERN = re.compile(_PATTERN_TEXT)
_LENGTH_MAX = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class SysctlAllowlist:
    """What a node allows: names, and beginnings of names."""

    names: frozenset[str]
    prefixes: tuple[str, ...] = ()


def sysctl_allowlist(*, minor: int, unsafe: Sequence[str], is_linux: bool) -> SysctlAllowlist:
    """The safe sysctls of a kubelet's minor version and the unsafe ones that its configuration allows.

    `unsafe` holds no problems (`unsafe_sysctl_problem`). Other systems than Linux have no safe ones.
    """
    safe = {name for name, since in _SAFE_SINCE.items() if is_linux and minor >= since}
    normal = [dotted_sysctl(one) for one in unsafe]
    return SysctlAllowlist(
        names=frozenset(safe | {one for one in normal if not one.endswith("*")}),
        prefixes=tuple(one.rstrip("*") for one in normal if one.endswith("*")),
    )


def unsafe_sysctl_problem(patterns: Iterable[str]) -> str:
    """Why a kubelet does not start with these `allowedUnsafeSysctls`; empty when it does."""
    for pattern in patterns:
        if len(pattern) > _LENGTH_MAX or _PATTERN.fullmatch(pattern) is None:
            return f'sysctl "{pattern}" must have at most {_LENGTH_MAX} characters and match regex ^{_PATTERN_TEXT}$'
        name = dotted_sysctl(pattern).rstrip("*")
        if not _namespace(name):
            return f'the sysctls "{name}" are not known to be namespaced'
    return ""


def forbidden_sysctl(
    names: Iterable[str], allowlist: SysctlAllowlist, *, host_network: bool, host_ipc: bool
) -> str | None:
    """The message of the refusal of a pod that sets these sysctls; None when it may."""
    for asked in names:
        name = dotted_sysctl(asked)
        if name not in allowlist.names and not name.startswith(allowlist.prefixes or ("\0",)):
            return f'forbidden sysctl: "{name}" not allowlisted'
        namespace = _namespace(name)
        if (namespace == _NET and host_network) or (namespace == _IPC and host_ipc):
            return f'forbidden sysctl: "{name}" not allowed with host {namespace} enabled'
    return None


def _namespace(name: str) -> str:
    """The namespace that the kernel keeps a sysctl in; empty for those of the whole machine."""
    if name in _NAMESPACES:
        return _NAMESPACES[name]
    return next((namespace for prefix, namespace in _PREFIXES.items() if name.startswith(prefix)), "")
