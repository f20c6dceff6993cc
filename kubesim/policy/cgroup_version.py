"""What does a kubelet say of a machine with control groups of version 1?

Mirrors kubelet: pkg/kubelet/cm/container_manager.go and pkg/kubelet/kubelet_linux.go (cgroupVersionCheck).
"""

from __future__ import annotations

MAINTENANCE_MINOR, DEPRECATED_MINOR = 31, 35


def cgroup_v1_warning(minor: int) -> str:
    """The message of the Warning `CgroupV1` with which such a node starts; empty for a kubelet that says nothing."""
    if minor < MAINTENANCE_MINOR:
        return ""
    if minor < DEPRECATED_MINOR:
        return "cgroup v1 support is in maintenance mode, please migrate to cgroup v2"
    return (
        "cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. "
        "Please migrate to cgroup v2. More information at "
        "https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1"
    )
