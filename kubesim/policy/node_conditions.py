"""The conditions of the node.

Mirrors kubelet: pkg/kubelet/nodestatus/setters.go (ReadyCondition, MemoryPressureCondition, ...) and
pkg/kubelet/runtime.go (runtimeErrors, networkErrors).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from msgspec import Struct

from kubesim.model.frozen_records import replace

DOWN_AFTER_NS = 30_000_000_000
"""How long the runtime may say nothing before it counts as down."""
_NEEDED_CAPACITY = ("cpu", "memory", "pods")
_STORAGE = "ephemeral-storage"


class NodeCondition(Struct, frozen=True, kw_only=True, gc=False):
    """One condition of the node; times in ns since the epoch."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_ns: int | None = None
    last_heartbeat_ns: int | None = None


class RuntimeCondition(Struct, frozen=True, kw_only=True, gc=False):
    """One condition of a CRI Status answer (RuntimeReady or NetworkReady)."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        status = "true" if self.status else "false"
        return f"{self.type}={status} reason:{self.reason} message:{self.message}"


class RuntimeHealth(Struct, frozen=True, kw_only=True, gc=False):
    """What decides whether pods are synced.

    `last_runtime_sync_ns` is the time of the last CRI Status whose RuntimeReady was true (None: none since the start).
    `has_status` says that there was any Status answer yet; `runtime_ready` and `network_ready` are its conditions,
    None when absent. The `..._error` texts come from PLEG, without its prefix.
    """

    now_ns: int
    last_runtime_sync_ns: int | None
    has_status: bool
    runtime_ready: RuntimeCondition | None = None
    network_ready: RuntimeCondition | None = None
    pleg_error: str = ""
    evented_pleg_error: str = ""


class NodeHealth(RuntimeHealth, frozen=True, kw_only=True, gc=False):
    """What the Ready condition is made from.

    `storage_error` is what the storage side says. `capacity` names the resources the node knows its capacity of: with
    `isolates_storage`, which is localStorageCapacityIsolation, it has to know that of its disk. `warnings` are soft
    problems of the container manager.
    """

    storage_error: str = ""
    is_shutting_down: bool = False
    isolates_storage: bool = True
    capacity: frozenset[str] = frozenset((*_NEEDED_CAPACITY, _STORAGE))
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PressureText:
    """The words of one pressure condition, False first."""

    type: str
    reasons: tuple[str, str]
    messages: tuple[str, str]
    events: tuple[str, str]


_PRESSURES = (
    _PressureText(
        type="MemoryPressure",
        reasons=("KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"),
        messages=("kubelet has sufficient memory available", "kubelet has insufficient memory available"),
        events=("NodeHasSufficientMemory", "NodeHasInsufficientMemory"),
    ),
    _PressureText(
        type="DiskPressure",
        reasons=("KubeletHasNoDiskPressure", "KubeletHasDiskPressure"),
        messages=("kubelet has no disk pressure", "kubelet has disk pressure"),
        events=("NodeHasNoDiskPressure", "NodeHasDiskPressure"),
    ),
    _PressureText(
        type="PIDPressure",
        reasons=("KubeletHasSufficientPID", "KubeletHasInsufficientPID"),
        messages=("kubelet has sufficient PID available", "kubelet has insufficient PID available"),
        events=("NodeHasSufficientPID", "NodeHasInsufficientPID"),
    ),
)
CONDITION_TYPES = frozenset({"Ready", *(text.type for text in _PRESSURES)})
"""Those that are the kubelet's own."""
_READY_EVENTS = ("NodeNotReady", "NodeReady")


def runtime_errors(health: RuntimeHealth) -> list[str]:
    """Why the kubelet does not start or sync any pod, in its order; [] when it does."""
    errors = []
    if health.last_runtime_sync_ns is None:
        errors.append("container runtime status check may not have completed yet")
    elif health.now_ns - health.last_runtime_sync_ns >= DOWN_AFTER_NS:
        errors.append("container runtime is down")
    if health.pleg_error:
        errors.append(f"PLEG is not healthy: {health.pleg_error}")
    if health.evented_pleg_error:
        errors.append(f"EventedPLEG is not healthy: {health.evented_pleg_error}")
    if health.has_status and (health.runtime_ready is None or not health.runtime_ready.status):
        errors.append(f"container runtime not ready: {_shown(health.runtime_ready)}")
    return errors


def network_error(*, has_status: bool, network_ready: RuntimeCondition | None) -> str:
    """Why pods with a network of their own are not synced; empty when they are. It is asked in every sync of a pod."""
    if not has_status:
        return "network state unknown"
    if network_ready is None or not network_ready.status:
        return f"container runtime network not ready: {_shown(network_ready)}"
    return ""


def storage_error(*, is_registered: bool) -> str:
    """Why pods may find no volumes; empty when they do.

    The CSINode object names the Node: it is written when there is one. A real kubelet tries for it after growing pauses
    and is some 0.2 s late; here it is there as soon as the node is registered.
    Mirrors pkg/volume/csi/csi_plugin.go, initializeCSINode.
    """
    return "" if is_registered else "CSINode is not yet initialized"


def ready_condition(health: NodeHealth) -> NodeCondition:
    """The Ready condition, still without times."""
    of_network = network_error(has_status=health.has_status, network_ready=health.network_ready)
    errors = [*runtime_errors(health), of_network, health.storage_error]
    if health.is_shutting_down:
        errors.append("node is shutting down")
    needed = (*_NEEDED_CAPACITY, _STORAGE) if health.isolates_storage else _NEEDED_CAPACITY
    missing = [name for name in needed if name not in health.capacity]
    if missing:
        errors.append(f"missing node capacity for resources: {', '.join(missing)}")
    text = aggregate(errors)
    condition = NodeCondition(
        type="Ready", status="True", reason="KubeletReady", message="kubelet is posting ready status"
    )
    if text:
        condition = NodeCondition(type="Ready", status="False", reason="KubeletNotReady", message=text)
    if health.warnings:
        condition = replace(condition, message=f"{condition.message}. WARNING: {aggregate(health.warnings)}")
    return condition


def node_conditions(
    health: NodeHealth, *, pressures: Collection[str] = (), old: Iterable[NodeCondition] = ()
) -> tuple[NodeCondition, ...]:
    """All conditions of a new node, in the order of their first creation: the pressures, then Ready.

    `pressures` are the types that are under pressure now. Each condition gets `now` as its heartbeat, and as its
    transition when its status is not the one it has in `old`.
    """
    before = {condition.type: condition for condition in old}
    conditions = [
        NodeCondition(
            type=text.type,
            status="True" if text.type in pressures else "False",
            reason=text.reasons[text.type in pressures],
            message=text.messages[text.type in pressures],
        )
        for text in _PRESSURES
    ]
    return tuple(_dated(one, before.get(one.type), health.now_ns) for one in (*conditions, ready_condition(health)))


def transition_events(old: Iterable[NodeCondition], new: Iterable[NodeCondition]) -> list[str]:
    """Reasons of the Normal node events for the conditions whose status changed, in order.

    A pressure condition that is new counts as changed, a new Ready condition does not. The message of such an event is
    `Node NAME status is now: REASON`.
    """
    before = {condition.type: condition.status for condition in old}
    pressure_events = {text.type: text.events for text in _PRESSURES}
    reasons = []
    for condition in new:
        was, is_true = before.get(condition.type), condition.status == "True"
        if condition.type == "Ready":
            if was is not None and was != condition.status:
                reasons.append(_READY_EVENTS[is_true])
        elif was != condition.status:
            reasons.append(pressure_events[condition.type][is_true])
    return reasons


def aggregate(errors: Iterable[str]) -> str:
    """Several error texts the way Go's aggregate prints them: one as it is, more as `[a, b]`, each only once.

    Mirrors: staging/src/k8s.io/apimachinery/pkg/util/errors/errors.go.
    """
    unique = list(dict.fromkeys(error for error in errors if error))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]" if unique else ""


def _shown(condition: RuntimeCondition | None) -> str:
    return "<nil>" if condition is None else str(condition)


def _dated(condition: NodeCondition, before: NodeCondition | None, now_ns: int) -> NodeCondition:
    same = before is not None and before.status == condition.status
    moved_ns = before.last_transition_ns if before is not None and same else now_ns
    return replace(condition, last_transition_ns=moved_ns, last_heartbeat_ns=now_ns)
