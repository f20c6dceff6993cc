"""Pods with scheduling gates: no scheduler looks at them, and no kubelet hears of them, before the last gate is gone.

    created with gates    no node, PodScheduled False
    the last gate goes    bound to the node: its name in the spec, PodScheduled True; from then on its kubelet has it

Pods without gates are created as if they had been bound already. Pure: pods in, pods out.

Mirrors Kubernetes: pkg/registry/core/pod/strategy.go (applySchedulingGatedCondition) and
pkg/registry/core/pod/storage/storage.go (setPodNodeAndMetadata).
"""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1

GATED_REASON = "SchedulingGated"
GATED_MESSAGE = "Scheduling is blocked due to non-empty scheduling gates"


def is_scheduled(pod: v1.Pod) -> bool:
    """Whether a kubelet has to do with the pod."""
    return bool(pod.spec.node_name)


def is_ready_for_scheduler(pod: v1.Pod) -> bool:
    """Whether a pod that no kubelet has is to be bound now."""
    return not is_scheduled(pod) and not pod.spec.scheduling_gates and pod.metadata.deletion_timestamp is None


def placed(pod: v1.Pod, *, node_name: str, now: str) -> v1.Pod:
    """A pod as it is created: on the node, or waiting for its gates. `now` is an RFC 3339 time."""
    if not pod.spec.scheduling_gates:
        return replace(pod, spec=replace(pod.spec, node_name=pod.spec.node_name or node_name))
    gated = v1.PodCondition(
        type="PodScheduled", status="False", reason=GATED_REASON, message=GATED_MESSAGE, last_transition_time=now
    )
    return replace(pod, status=replace(pod.status, conditions=[*pod.status.conditions, gated]))


def bound(pod: v1.Pod, *, node_name: str, now: str) -> v1.Pod:
    """The pod with a node: the scheduler has decided. The generation stays."""
    scheduled = v1.PodCondition(type="PodScheduled", status="True", last_transition_time=now)
    others = [one for one in pod.status.conditions if one.type != "PodScheduled"]
    spec = replace(pod.spec, node_name=node_name)
    return replace(pod, spec=spec, status=replace(pod.status, conditions=[*others, scheduled]))
