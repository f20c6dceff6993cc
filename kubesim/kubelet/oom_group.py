"""Whether memory that runs out in a container ends all of its processes; nodes have cgroup v2.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, calculateLinuxResources.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUP = {"memory.oom.group": "1"}


def oom_group(*, kills_one_process: bool) -> Mapping[str, str]:
    """What LinuxContainerResources.unified says of it, of containers and of sandboxes, since 1.28."""
    return {} if kills_one_process else _GROUP
