"""The resource fields of a pod's status.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses, convertStatusToAPIStatus).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubesim.kubelet.resource_amounts import quantities, requirements
from kubesim.kubelet.shown_resources import ShownResources
from kubesim.model import k8s_v1 as v1
from kubesim.model.pod_resources import pod_limits, pod_requests
from kubesim.model.remembered import remembered, remembered_with
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_cgroup import PodCgroup, reading
from kubesim.policy.pod_view import (
    ContainerStatusView,
    PodPhase,
    PodStatusView,
    Running,
    RuntimeContainer,
    RuntimePod,
    RuntimeState,
    Terminated,
    status_of,
)
from kubesim.policy.status_resources import (
    NOTHING,
    Quantities,
    RuntimeResources,
    running_container_resources,
    running_pod_resources,
)

NO_REQUESTS: Mapping[str, v1.Quantity] = MappingProxyType({})
"""One for all pods that ask for nothing."""


def container_resource_fields(
    pod: v1.Pod,
    runtime: RuntimePod,
    *,
    old: PodStatusView | None,
    shown: Mapping[str, ShownResources],
    gates: Mapping[str, bool],
) -> dict[str, ShownResources]:
    """The resource fields of the containers that have any, by name.

    They are of the containers that the runtime knows; one that has ended and was removed keeps its last status, and
    these with it. `pod` has the resources that were allocated. `old` and `shown` are the status that was told last, and
    its resource fields.
    """
    if not gate_enabled(gates, "InPlacePodVerticalScaling"):
        return {}
    found: dict[str, ShownResources] = {}
    containers: list[v1.Container | v1.EphemeralContainer] = [*pod.spec.containers, *pod.spec.init_containers]
    for one in [*containers, *pod.spec.ephemeral_containers]:
        newest = runtime.newest(one.name)
        if newest is None:
            told = _told(old, one.name)
            if one.name in shown and told is not None and isinstance(told.state, Terminated):
                found[one.name] = shown[one.name]
            continue
        resources = one.resources
        if newest.state is RuntimeState.RUNNING:
            before = _shown_of_this(newest, old, shown)
            reported = newest.resources or RuntimeResources()
            resources = _unless_equal(resources, running_container_resources(quantities(resources), reported, before))
        found[one.name] = ShownResources(resources, one.resources.requests)
    return found


def pod_resource_fields(
    pod: v1.Pod,
    *,
    old_phase: PodPhase | None,
    shown: v1.ResourceRequirements | None,
    cgroup: PodCgroup | None,
    gates: Mapping[str, bool],
) -> tuple[Mapping[str, v1.Quantity], v1.ResourceRequirements | None]:
    """status.allocatedResources and status.resources of a pod with the resources that were allocated to it.

    Once the API says that the pod runs, its control group is asked. `shown` is what was told last, while the phase was
    `old_phase`.
    """
    if not gate_enabled(gates, "InPlacePodLevelResourcesVerticalScaling"):
        return {}, None
    uses_level = gate_enabled(gates, "PodLevelResources")
    requests = _requests(pod.spec, uses_level)
    if pod.status.phase != PodPhase.RUNNING:
        limits: dict[str, v1.Quantity] = {
            name: str(amount) for name, amount in pod_limits(pod.spec, uses_pod_level=uses_level).items()
        }
        return requests, requirements(Quantities(requests=requests, limits=limits))
    return requests, _told_of(pod.spec).of(pod.spec, requests, cgroup, shown if old_phase is PodPhase.RUNNING else None)


class _ToldOfPod:
    """status.resources of a running pod, made again when what they are made of is another object."""

    __slots__ = ("_before", "_cgroup", "_requests", "_told")

    def __init__(self) -> None:
        self._requests: Mapping[str, v1.Quantity] = NO_REQUESTS
        self._before: v1.ResourceRequirements | None = None
        self._cgroup: PodCgroup | None = None
        self._told: v1.ResourceRequirements | None = None

    def of(
        self,
        spec: v1.PodSpec,
        requests: Mapping[str, v1.Quantity],
        cgroup: PodCgroup | None,
        before: v1.ResourceRequirements | None,
    ) -> v1.ResourceRequirements:
        """Those of the pod with this spec, all of its requests, this control group, and what a running pod was told."""
        told = self._told
        is_same = before is self._before and cgroup is self._cgroup and requests is self._requests
        if told is None or not is_same:
            found = running_pod_resources(
                quantities(spec.resources),
                reading(cgroup),
                aggregated_memory=requests.get("memory"),
                old=quantities(before),
            )
            self._before, self._cgroup, self._requests = before, cgroup, requests
            self._told = told = before if before is not None and quantities(before) == found else requirements(found)
        return told


@remembered
def _told_of(_spec: v1.PodSpec) -> _ToldOfPod:
    return _ToldOfPod()


@remembered_with
def _requests(spec: v1.PodSpec, uses_level: bool) -> Mapping[str, v1.Quantity]:
    """What a pod asks for altogether."""
    return {name: str(amount) for name, amount in pod_requests(spec, uses_pod_level=uses_level).items()} or NO_REQUESTS


def _shown_of_this(
    container: RuntimeContainer, old: PodStatusView | None, shown: Mapping[str, ShownResources]
) -> Quantities:
    """The resources that were told of this very container while it ran."""
    if container.name not in shown:
        return NOTHING
    before = _told(old, container.name)
    if before is None or not isinstance(before.state, Running) or before.container_id != container.id:
        return NOTHING
    return quantities(shown[container.name].resources)


def _told(old: PodStatusView | None, name: str) -> ContainerStatusView | None:
    if old is None:
        return None
    statuses = (*old.init_container_statuses, *old.container_statuses, *old.ephemeral_container_statuses)
    return status_of(statuses, name)


def _unless_equal(resources: v1.ResourceRequirements, found: Quantities) -> v1.ResourceRequirements:
    """Most containers have what they asked for, and share the struct that says so."""
    return resources if quantities(resources) == found else requirements(found)
