"""Which running containers do not have the resources that were allocated to them.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodResizeAction, IsPodResizeInProgress,
UpdateActuatedPodLevelResources) and kuberuntime_container.go (setActuatedContainerResources).
"""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_cgroups import PodCgroups
from kubesim.kubelet.resource_amounts import amounts, resizable_containers, resize_policies, with_pod_limits
from kubesim.kubelet.resource_records import ResourceRecords
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.pod_view import RuntimePod, RuntimeState
from kubesim.policy.resize_plan import ContainerResize, container_resize


class ResizeNeeds:
    """Compares what pods were given with `actuated`: what the kubelet told the runtime last."""

    def __init__(self, *, actuated: ResourceRecords, cgroups: PodCgroups, node: NodeSettings) -> None:
        self._actuated = actuated
        self._cgroups = cgroups
        self._is_recorded = gate_enabled(node.gates, "InPlacePodVerticalScaling")
        self._is_possible = self._is_recorded and node.os == "linux"
        self._pod_level = gate_enabled(node.gates, "InPlacePodLevelResourcesVerticalScaling")
        self._init_too = gate_enabled(node.gates, "InPlacePodVerticalScalingInitContainers")

    def container_created(
        self, pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, resources: v1.ResourceRequirements
    ) -> None:
        """The runtime is told of these resources of a container."""
        if self._is_recorded:
            self._actuated.put_container(pod.metadata.uid, container.name, self._effective(pod, resources))

    def cgroup_created(self, pod: v1.Pod) -> None:
        """The control group of the pod is new, and has the resources of the pod itself."""
        level = pod.spec.resources
        if self._is_recorded and level is not None and (level.requests or level.limits):
            self._actuated.put_level(pod.metadata.uid, level)

    def is_in_progress(self, pod: v1.Pod, runtime: RuntimePod) -> bool:
        """Whether a running container, or the pod itself, does not have what was allocated to it."""
        uid = pod.metadata.uid
        for one in self._running(pod, runtime):
            wanted, actuated = self._effective(pod, one.resources), self._actuated.container(uid, one.name)
            if wanted is not actuated and amounts(wanted) != amounts(actuated):
                return True
        level = pod.spec.resources
        if level is None or not self._pod_level:
            return False
        given = self._actuated.level(uid)
        return given is not None and amounts(level) != amounts(given)

    def resizes(self, pod: v1.Pod, runtime: RuntimePod) -> dict[str, ContainerResize]:
        """What has to change in running containers, by name."""
        if not self._is_possible:
            return {}
        running = self._running(pod, runtime)
        if not running:
            return {}
        uid = pod.metadata.uid
        level = self._actuated.level(uid) if self._pod_level else None
        found: dict[str, ContainerResize] = {}
        for one in running:
            actuated = self._actuated.container(uid, one.name) or v1.ResourceRequirements()
            if level is None and actuated is self._effective(pod, one.resources):
                continue
            resize = container_resize(
                current=amounts(with_pod_limits(actuated, level)),
                desired=amounts(self._effective(pod, one.resources)),
                policies=resize_policies(one),
            )
            if resize is not None:
                found[one.name] = resize
        return found

    def resizes_pod_level(self, pod: v1.Pod) -> bool:
        """Whether the control group of the pod does not have what was allocated to the pod itself."""
        if not (self._pod_level and self._is_possible and self._cgroups.is_on):
            return False
        actuated, level = self._actuated.level(pod.metadata.uid), pod.spec.resources
        return actuated is not level and amounts(actuated) != amounts(level)

    def forget(self, uid: str) -> None:
        """A pod is gone."""
        self._actuated.remove(uid)

    def _running(self, pod: v1.Pod, runtime: RuntimePod) -> Sequence[v1.Container]:
        for one in runtime.containers:
            if one.state is RuntimeState.RUNNING:
                break
        else:
            return ()
        resizable = resizable_containers(pod.spec, init_too=self._init_too)
        newest = [(one, runtime.newest(one.name)) for one in resizable]
        return [one for one, last in newest if last is not None and last.state is RuntimeState.RUNNING]

    def _effective(self, pod: v1.Pod, resources: v1.ResourceRequirements) -> v1.ResourceRequirements:
        level = pod.spec.resources if self._pod_level else None
        return resources if level is None else with_pod_limits(resources, level)
