"""Labels and annotations by which the kubelet finds its pods in a runtime again.

Mirrors kubelet: pkg/kubelet/kuberuntime/labels.go and pkg/kubelet/types/labels.go.
"""

from __future__ import annotations

from collections.abc import Mapping

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
CONTAINER_NAME = "io.kubernetes.container.name"

HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"
TERMINATION_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
TERMINATION_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
PORTS = "io.kubernetes.container.ports"
PRE_STOP_HANDLER = "io.kubernetes.container.preStopHandler"
POD_DELETION_GRACE = "io.kubernetes.pod.deletionGracePeriod"
POD_TERMINATION_GRACE = "io.kubernetes.pod.terminationGracePeriod"


def restart_count(annotations: Mapping[str, str]) -> int:
    """The restart count that a container was created with; 0 when the annotation is missing or broken."""
    text = annotations.get(RESTART_COUNT, "")
    return int(text) if text.isdecimal() else 0
