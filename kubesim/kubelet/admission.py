"""Admission: what the rule of policy/admission.py needs to know about a pod and about the node.

Mirrors kubelet: pkg/kubelet/allocation/allocation_manager.go, canAdmitPod, and pkg/kubelet/lifecycle/predicate.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubesim.kubelet.active_pods import ActivePods, host_ports, requested
from kubesim.kubelet.container_resources import pod_qos
from kubesim.kubelet.pod_views import is_static
from kubesim.kubelet.security_config import uses_app_armor
from kubesim.model import k8s_v1 as v1
from kubesim.model.quantity import millicores, whole_units
from kubesim.policy.admission import AdmissionNode, AdmissionPod, Rejection, Room, admit, missing_resources
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.node_affinity import NodeAffinity, NodeRequirement, NodeSelectorTerm
from kubesim.policy.sysctl_admission import SysctlAllowlist, forbidden_sysctl
from kubesim.policy.taints import Taint, Toleration


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSituation:
    """The node at the moment of admission.

    `active_pods` are the admitted pods that still hold their resources: those that they were given, whatever their
    specs ask by now. `pressures` are the node conditions of type ...Pressure that are True, which the Node object tells
    only with its next status.
    """

    node: v1.Node
    os: str
    active_pods: ActivePods
    pressures: tuple[str, ...]
    is_shutting_down: bool
    kubelet_version: str
    gates: Mapping[str, bool]
    sysctls: SysctlAllowlist


def admission_refusal(pod: v1.Pod, situation: NodeSituation, *, room: Room = Room.AS_IT_IS) -> Rejection | None:
    """Why the kubelet refuses the pod; None when it takes it."""
    return admit(
        _pod(pod, situation),
        _node(situation),
        kubelet_version=situation.kubelet_version,
        gates=situation.gates,
        room=room,
    )


def missing_for(pod: v1.Pod, situation: NodeSituation) -> dict[str, int]:
    """What the node lacks for the pod, by resource: millicores, bytes, pieces."""
    return missing_resources(_pod(pod, situation), _node(situation))


def _pod(pod: v1.Pod, situation: NodeSituation) -> AdmissionPod:
    spec, gates = pod.spec, situation.gates
    context = spec.security_context
    return AdmissionPod(
        labels=pod.metadata.labels,
        os_name=spec.os.name if spec.os is not None else None,
        priority=spec.priority,
        is_static=is_static(pod),
        qos=pod_qos(pod, gates),
        node_name=spec.node_name,
        requests=requested(pod, uses_pod_level=gate_enabled(gates, "PodLevelResources")),
        affinity=_affinity(spec),
        tolerations=tuple(
            Toleration(key=one.key, operator=one.operator, value=one.value, effect=one.effect)
            for one in spec.tolerations
        ),
        host_ports=host_ports(pod),
        supplemental_groups_policy=context.supplemental_groups_policy if context is not None else None,
        uses_apparmor=uses_app_armor(pod),
        forbidden_sysctl=forbidden_sysctl(
            (one.name for one in context.sysctls) if context is not None else (),
            situation.sysctls,
            host_network=bool(spec.host_network),
            host_ipc=bool(spec.host_ipc),
        ),
        has_pod_level_resources=spec.resources is not None,
    )


def _node(situation: NodeSituation) -> AdmissionNode:
    node = situation.node
    features = node.status.features
    return AdmissionNode(
        name=node.metadata.name,
        os=situation.os,
        labels=node.metadata.labels,
        taints=tuple(Taint(key=one.key, value=one.value, effect=one.effect) for one in node.spec.taints),
        allocatable={
            name: millicores(amount) if name == "cpu" else whole_units(amount)
            for name, amount in node.status.allocatable.items()
        },
        used=situation.active_pods.used,
        pods=len(situation.active_pods),
        host_ports=tuple(situation.active_pods.host_ports),
        pressures=situation.pressures,
        supplemental_groups_policy=features.supplemental_groups_policy if features is not None else None,
        apparmor_error="AppArmor is not enabled on the host",
        declared_features=tuple(node.status.declared_features),
        is_shutting_down=situation.is_shutting_down,
    )


def _affinity(spec: v1.PodSpec) -> NodeAffinity:
    terms: tuple[NodeSelectorTerm, ...] | None = None
    node_affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = node_affinity.required_during_scheduling_ignored_during_execution if node_affinity is not None else None
    if required is not None:
        terms = tuple(
            NodeSelectorTerm(expressions=_requirements(term.match_expressions), fields=_requirements(term.match_fields))
            for term in required.node_selector_terms
        )
    return NodeAffinity(node_selector=tuple(sorted(spec.node_selector.items())), required_terms=terms)


def _requirements(requirements: Iterable[v1.NodeSelectorRequirement]) -> tuple[NodeRequirement, ...]:
    return tuple(NodeRequirement(key=one.key, operator=one.operator, values=tuple(one.values)) for one in requirements)
