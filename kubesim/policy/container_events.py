"""What the events say of a container that was created and started: by kubelets of different versions.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer. Since 1.35 the name is left to the
event's field path, so that events of a pod's containers are similar (kubernetes/kubernetes#134043).
"""

from __future__ import annotations

COLON_MINOR = 32
"""The first minor version that writes a colon before the name of a created container."""
NAMELESS_MINOR = 35
"""The first minor version that leaves the name out."""


def created_text(container_name: str, *, minor: int) -> str:
    """The message of `Created`. `minor` is the kubelet's."""
    if minor >= NAMELESS_MINOR:
        return "Container created"
    return f"Created container{':' if minor >= COLON_MINOR else ''} {container_name}"


def started_text(container_name: str, *, minor: int) -> str:
    """The message of `Started`. `minor` is the kubelet's."""
    return "Container started" if minor >= NAMELESS_MINOR else f"Started container {container_name}"
