"""Does the kubelet accept a pod that was put on its node, and with which words does it refuse one?

The handlers run in the kubelet's order; the first that refuses wins. Left to the rooms that own the facts: topology
alignment of devices and cpus (handlers 2 and 3), and which pods a critical pod preempts (preemption.py).

Mirrors kubelet: pkg/kubelet/allocation/allocation_manager.go (canAdmitPod), pkg/kubelet/eviction/eviction_manager.go
(Admit), pkg/kubelet/lifecycle/predicate.go and pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (Admit).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kubesim.policy.feature_gates import DEFAULT_GATES, NEWEST_VERSION, feature_gates, gate_enabled
from kubesim.policy.node_affinity import NodeAffinity, matches_node
from kubesim.policy.qos import QosClass
from kubesim.policy.shutdown_groups import SYSTEM_CRITICAL_PRIORITY
from kubesim.policy.sysctl_admission import SYSCTL_REASON
from kubesim.policy.taints import Taint, Toleration, is_tolerated

_MEMORY_PRESSURE = "MemoryPressure"
_MEMORY_PRESSURE_TAINT = Taint(key="node.kubernetes.io/memory-pressure", effect="NoSchedule")
_CORE_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_COUNTED_AS_OTHER = frozenset({"NodeAffinity", "NodePorts"})
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104  (compared with a pod's hostIP, nothing binds to it)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """One container port with a host port; an empty address is any address."""

    port: int
    protocol: str = "TCP"
    host_ip: str = ""


class Room(StrEnum):
    """What admission thinks of resources that the node lacks for a pod.

    Pods are ended for a critical one by a handler in the middle: those before it are asked first, those behind it when
    the others are gone.
    """

    AS_IT_IS = "as it is"
    WANTED = "wanted"
    """Others would be ended for it: what the handlers up to that one say apart from room."""
    MADE = "made"
    """Others were ended: what the handlers behind that one say."""


def is_critical_pod(*, is_static: bool, is_mirror: bool, priority: int | None) -> bool:
    """Whether the node works badly without the pod: it is never evicted, and others make room for it."""
    return is_static or is_mirror or (priority or 0) >= SYSTEM_CRITICAL_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPod:
    """What admission looks at in the new pod.

    `requests` are the pod's summed requests: cpu in millicores, memory and ephemeral-storage in bytes, others counted.
    `required_features` are the node features that the pod depends on (declared features of the node).
    `forbidden_sysctl` is what sysctl_admission.py says of its sysctls.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    os_name: str | None = None
    priority: int | None = None
    is_static: bool = False
    is_mirror: bool = False
    qos: QosClass = QosClass.BEST_EFFORT
    node_name: str = ""
    requests: Mapping[str, int] = field(default_factory=dict)
    affinity: NodeAffinity = field(default_factory=NodeAffinity)
    tolerations: tuple[Toleration, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    supplemental_groups_policy: str | None = None
    uses_apparmor: bool = False
    required_features: tuple[str, ...] = ()
    forbidden_sysctl: str | None = None
    has_pod_level_resources: bool = False

    @property
    def is_critical(self) -> bool:
        """Whether the kubelet would preempt others for it. Mirrors pkg/kubelet/types/pod_update.go, IsCriticalPod."""
        return is_critical_pod(is_static=self.is_static, is_mirror=self.is_mirror, priority=self.priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionNode:
    """What admission looks at in the node and in the pods it already holds.

    `allocatable` and `used` have the units of AdmissionPod.requests, `pods` counts the pods that are there already.
    `pressures` are the node conditions of type ...Pressure that are True. `supplemental_groups_policy` is the node's
    own status.features field. `apparmor_error` says why AppArmor can not be enforced; empty when it can.
    """

    name: str = ""
    os: str = "linux"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    allocatable: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)
    pods: int = 0
    host_ports: tuple[HostPort, ...] = ()
    pressures: tuple[str, ...] = ()
    supplemental_groups_policy: bool | None = None
    apparmor_error: str = ""
    declared_features: tuple[str, ...] = ()
    is_shutting_down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refused pod: reason and message of its Warning event.

    `lacking` names the resource that did not suffice, and `missing` by how much: a critical pod may still come in by
    preemption.
    """

    reason: str
    message: str
    lacking: str = ""
    missing: int = 0

    @property
    def status_message(self) -> str:
        """status.message of the pod, whose phase is Failed and whose status.reason is `reason`."""
        return f"Pod was rejected: {self.message}"

    @property
    def metric_reason(self) -> str:
        """Label `reason` of kubelet_admission_rejections_total."""
        return "Other" if self.reason in _COUNTED_AS_OTHER else self.reason


def admit(
    pod: AdmissionPod,
    node: AdmissionNode,
    *,
    kubelet_version: str = NEWEST_VERSION,
    gates: Mapping[str, bool] = DEFAULT_GATES,
    room: Room = Room.AS_IT_IS,
) -> Rejection | None:
    """The refusal of the first handler that refuses, or None when the pod may run."""
    first = None
    if room is not Room.MADE:
        first = (
            _under_pressure(pod, node)
            or _forbidden_sysctls(pod)
            or _wrong_os(pod, node)
            or _strict_groups(pod, node, kubelet_version)
            or (_too_little(pod, node) if room is Room.AS_IT_IS else None)
            or _misplaced(pod, node)
        )
    if first is not None or room is Room.WANTED:
        return first
    return (
        _apparmor(pod, node)
        or _pod_level_resources(pod, node)
        or _lacks_features(pod, node, gates)
        or _shutting_down(node)
    )


def _under_pressure(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    if not node.pressures or pod.is_critical:
        return None
    if node.pressures == (_MEMORY_PRESSURE,):
        tolerated = is_tolerated(_MEMORY_PRESSURE_TAINT, pod.tolerations)
        if pod.qos is not QosClass.BEST_EFFORT or tolerated:
            return None
    return Rejection(reason="Evicted", message=f"The node had condition: [{' '.join(node.pressures)}]. ")


def _forbidden_sysctls(pod: AdmissionPod) -> Rejection | None:
    if pod.forbidden_sysctl is None:
        return None
    return Rejection(reason=SYSCTL_REASON, message=pod.forbidden_sysctl)


def _pod_level_resources(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    if not pod.has_pod_level_resources or node.os != "windows":
        return None
    message = "pod-level resources are not supported on Windows"
    return Rejection(reason="PodLevelResourcesNotSupported", message=message)


def _wrong_os(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    label = pod.labels.get("kubernetes.io/os")
    if label is not None and label != node.os:
        message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        return Rejection(reason="PodOSSelectorNodeLabelDoesNotMatch", message=message)
    if pod.os_name is not None and pod.os_name != node.os:
        message = "Failed to admit pod as the OS field doesn't match node OS"
        return Rejection(reason="PodOSNotSupported", message=message)
    return None


def _strict_groups(pod: AdmissionPod, node: AdmissionNode, kubelet_version: str) -> Rejection | None:
    """While the gate was alpha, a Strict pod was admitted and silently merged by a runtime that lacks the feature."""
    gate = feature_gates(kubelet_version).get("SupplementalGroupsPolicy")
    if gate is None or gate.stage == "Alpha":
        return None
    if pod.supplemental_groups_policy != "Strict" or node.supplemental_groups_policy:
        return None
    message = "SupplementalGroupsPolicy=Strict is not supported in this node"
    return Rejection(reason="SupplementalGroupsPolicyNotSupported", message=message)


def _too_little(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    """The first resource that does not suffice, in the scheduler's order: pods, cpu, memory, storage, others by name.

    An extended resource (its name has a slash) that the node does not have is ignored: it may be known elsewhere.
    """
    return next(_shortages(pod, node), None)


def missing_resources(pod: AdmissionPod, node: AdmissionNode) -> dict[str, int]:
    """How much of each resource would have to be freed for the pod. Mirrors GetInsufficientAmount of predicate.go."""
    return {one.lacking: one.missing for one in _shortages(pod, node)}


def _shortages(pod: AdmissionPod, node: AdmissionNode) -> Iterator[Rejection]:
    if node.pods + 1 > node.allocatable.get("pods", 0):
        yield _out_of("pods", requested=1, used=node.pods, capacity=node.allocatable.get("pods", 0))
    others = sorted(
        name for name in pod.requests if name not in _CORE_RESOURCES and ("/" not in name or name in node.allocatable)
    )
    for name in (*_CORE_RESOURCES, *others):
        requested, used = pod.requests.get(name, 0), node.used.get(name, 0)
        capacity = node.allocatable.get(name, 0)
        if requested > 0 and requested > capacity - used:
            yield _out_of(name, requested=requested, used=used, capacity=capacity)


def _out_of(name: str, *, requested: int, used: int, capacity: int) -> Rejection:
    amounts = f"requested: {requested}, used: {used}, capacity: {capacity}"
    message = f"Node didn't have enough resource: {name}, {amounts}"
    missing = requested - (capacity - used)
    return Rejection(reason=f"OutOf{name}", message=message, lacking=name, missing=missing)


def _misplaced(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    if not matches_node(pod.affinity, node_name=node.name, node_labels=node.labels):
        return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    if pod.node_name and pod.node_name != node.name:
        return _predicate("NodeName", "node(s) didn't match the requested node name")
    if any(_conflict(wanted, taken) for wanted in pod.host_ports for taken in node.host_ports):
        return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    no_execute = [taint for taint in node.taints if taint.effect == "NoExecute"]
    if not pod.is_static and not all(is_tolerated(taint, pod.tolerations) for taint in no_execute):
        return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def _predicate(name: str, why: str) -> Rejection:
    return Rejection(reason=name, message=f"Predicate {name} failed: {why}")


def _conflict(wanted: HostPort, taken: HostPort) -> bool:
    """Mirrors the scheduler's HostPortInfo.CheckConflict: a port of any address conflicts with every address."""
    if wanted.port <= 0 or (wanted.port, wanted.protocol) != (taken.port, taken.protocol):
        return False
    addresses = {wanted.host_ip or _ANY_ADDRESS, taken.host_ip or _ANY_ADDRESS}
    return len(addresses) == 1 or _ANY_ADDRESS in addresses


def _apparmor(pod: AdmissionPod, node: AdmissionNode) -> Rejection | None:
    if node.os != "linux" or not pod.uses_apparmor or not node.apparmor_error:
        return None
    return Rejection(reason="AppArmor", message=f"Cannot enforce AppArmor: {node.apparmor_error}")


def _lacks_features(pod: AdmissionPod, node: AdmissionNode, gates: Mapping[str, bool]) -> Rejection | None:
    missing = [name for name in sorted(pod.required_features) if name not in node.declared_features]
    if not missing or not gate_enabled(gates, "NodeDeclaredFeatures"):
        return None
    message = f"Pod requires node features that are not available: {', '.join(missing)}"
    return Rejection(reason="PodFeatureUnsupported", message=message)


def _shutting_down(node: AdmissionNode) -> Rejection | None:
    if not node.is_shutting_down:
        return None
    return Rejection(reason="NodeShutdown", message="Pod was rejected as the node is shutting down.")
