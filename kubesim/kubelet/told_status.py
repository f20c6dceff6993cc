"""A pod's status as the API is told it: what the rules decide, and what surrounds that.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (generateAPIPodStatus, convertStatusToAPIStatus).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from kubesim.kubelet.pod_views import condition_struct, container_status_struct
from kubesim.kubelet.shown_resources import ShownResources
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import format_rfc3339
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_view import Condition, ContainerStatusView, PodStatusView


class Surroundings(Struct, frozen=True, kw_only=True):
    """The fields of a status that no rule decides: addresses, QoS, resources by container name, pod level resources."""

    pod_ips: tuple[str, ...] = ()
    host_ips: tuple[str, ...] = ()
    qos_class: str = ""
    containers: Mapping[str, ShownResources] = field(default_factory=dict)
    allocated_resources: Mapping[str, v1.Quantity] = field(default_factory=dict)
    resources: v1.ResourceRequirements | None = None


class Told(Struct, frozen=True, kw_only=True):
    """What was told last of a pod, and the struct that said it."""

    status: PodStatusView
    surroundings: Surroundings
    struct: v1.PodStatus


def told(
    status: PodStatusView,
    surroundings: Surroundings,
    before: Told | None,
    *,
    start_time_ns: int,
    observed_generation: int,
    gates: Mapping[str, bool],
) -> Told:
    """A status in the API's form. It shares with the one `before` what that says, too."""
    around = surroundings.containers
    if before is None or before.surroundings != surroundings:
        struct = _surroundings_struct(surroundings, start_time_ns=start_time_ns, gates=gates)
    else:
        struct = before.struct
    struct = replace(
        struct,
        observed_generation=observed_generation if gate_enabled(gates, "PodObservedGenerationTracking") else 0,
        phase=status.phase or "",
        reason=status.reason,
        message=status.message,
        conditions=_conditions(status.conditions, before),
        container_statuses=_container_statuses(status.container_statuses, around),
        init_container_statuses=_container_statuses(status.init_container_statuses, around),
        ephemeral_container_statuses=_container_statuses(status.ephemeral_container_statuses, around),
    )
    return Told(status=status, surroundings=surroundings, struct=struct)


def _conditions(conditions: tuple[Condition, ...], before: Told | None) -> list[v1.PodCondition]:
    """Those that were told before are the same structs."""
    if before is None or len(before.status.conditions) != len(conditions):
        return [condition_struct(one) for one in conditions]
    if conditions == before.status.conditions:
        return before.struct.conditions
    each = zip(conditions, before.status.conditions, before.struct.conditions, strict=True)
    return [struct if one is known else condition_struct(one) for one, known, struct in each]


def _container_statuses(
    statuses: tuple[ContainerStatusView, ...], resources: Mapping[str, ShownResources]
) -> list[v1.ContainerStatus]:
    return [container_status_struct(one, resources.get(one.name)) for one in statuses] if statuses else []


def _surroundings_struct(around: Surroundings, *, start_time_ns: int, gates: Mapping[str, bool]) -> v1.PodStatus:
    """What of a status no rule decides, resources of containers left out."""
    return v1.PodStatus(
        host_ip=around.host_ips[0] if around.host_ips else "",
        host_ips=[v1.HostIP(ip=ip) for ip in around.host_ips] if gate_enabled(gates, "PodHostIPs") else [],
        pod_ip=around.pod_ips[0] if around.pod_ips else "",
        pod_ips=[v1.PodIP(ip=ip) for ip in around.pod_ips],
        start_time=format_rfc3339(start_time_ns),
        qos_class=around.qos_class,
        allocated_resources=dict(around.allocated_resources),
        resources=around.resources,
    )
