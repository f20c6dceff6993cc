"""Fields that an API server drops on write because their feature gate is off. Pure.

Mirrors Kubernetes: pkg/api/pod/util.go, dropDisabledFields and dropDisabledPodStatusFields, for gates that a kubelet
has too: the emulated API server has the gates of the emulated kubelet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import is_
from typing import TypeVar

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.node.disabled_container_fields import without_disabled_container_fields
from kubesim.policy.feature_gates import gate_enabled

_AnyContainer = TypeVar("_AnyContainer", v1.Container, v1.EphemeralContainer)


def without_disabled_fields(pod: v1.Pod, gates: Mapping[str, bool]) -> v1.Pod:
    """The pod as it is stored."""
    spec = pod.spec
    for gate, drop in _DROPS.items():
        if not gate_enabled(gates, gate):
            spec = drop(spec)
    spec = replace(
        spec,
        containers=[without_disabled_container_fields(one, gates) for one in spec.containers],
        init_containers=[without_disabled_container_fields(one, gates) for one in spec.init_containers],
        ephemeral_containers=[without_disabled_container_fields(one, gates) for one in spec.ephemeral_containers],
    )
    return replace(pod, spec=spec)


def _without_groups_policy(spec: v1.PodSpec) -> v1.PodSpec:
    context = spec.security_context
    if context is None or context.supplemental_groups_policy is None:
        return spec
    return replace(spec, security_context=replace(context, supplemental_groups_policy=None))


def _without_sidecars(spec: v1.PodSpec) -> v1.PodSpec:
    return replace(spec, init_containers=[replace(one, restart_policy=None) for one in spec.init_containers])


def _without_restart_rules(spec: v1.PodSpec) -> v1.PodSpec:
    """The restart policy of a sidecar is older than the rules and stays."""
    return replace(
        spec,
        containers=[_without_own_policy(one) for one in spec.containers],
        init_containers=[
            replace(one, restart_policy_rules=[]) if one.restart_policy == "Always" else _without_own_policy(one)
            for one in spec.init_containers
        ],
        ephemeral_containers=[_without_own_policy(one) for one in spec.ephemeral_containers],
    )


def _without_own_policy(container: _AnyContainer) -> _AnyContainer:
    return replace(container, restart_policy=None, restart_policy_rules=[])


def _without_image_volumes(spec: v1.PodSpec) -> v1.PodSpec:
    """The volumes go, and with them their mounts."""
    names = {volume.name for volume in spec.volumes if volume.image is not None}
    if not names:
        return spec
    return replace(
        spec,
        volumes=[volume for volume in spec.volumes if volume.image is None],
        containers=[_without_mounts(one, names) for one in spec.containers],
        init_containers=[_without_mounts(one, names) for one in spec.init_containers],
        ephemeral_containers=[_without_mounts(one, names) for one in spec.ephemeral_containers],
    )


def _without_mounts(container: _AnyContainer, names: Collection[str]) -> _AnyContainer:
    return replace(container, volume_mounts=[one for one in container.volume_mounts if one.name not in names])


def _without_projection(spec: v1.PodSpec, source: str) -> v1.PodSpec:
    """What is projected goes, and leaves an empty source that projects nothing."""
    if not any(volume.projected is not None for volume in spec.volumes):
        return spec
    return replace(spec, volumes=[_without_source(volume, source) for volume in spec.volumes])


def _without_source(volume: v1.Volume, source: str) -> v1.Volume:
    projected = volume.projected
    if projected is None:
        return volume
    sources = [replace(one, **{source: None}) for one in projected.sources]
    return replace(volume, projected=replace(projected, sources=sources))


_DROPS: Mapping[str, Callable[[v1.PodSpec], v1.PodSpec]] = {
    "UserNamespacesSupport": lambda spec: replace(spec, host_users=None),
    "SupplementalGroupsPolicy": _without_groups_policy,
    "PodLevelResources": lambda spec: replace(spec, resources=None),
    "SidecarContainers": _without_sidecars,
    "ContainerRestartRules": _without_restart_rules,
    "HostnameOverride": lambda spec: replace(spec, hostname_override=None),
    "ImageVolume": _without_image_volumes,
    "ClusterTrustBundleProjection": lambda spec: _without_projection(spec, "cluster_trust_bundle"),
    "PodCertificateRequest": lambda spec: _without_projection(spec, "pod_certificate"),
}
"""What happens to a spec without each gate; what only concerns a container is asked there."""


def without_disabled_status_fields(status: v1.PodStatus, gates: Mapping[str, bool]) -> v1.PodStatus:
    """The status as it is stored: the very same when it has nothing to drop."""
    regular, init = _kept(status.container_statuses, gates), _kept(status.init_container_statuses, gates)
    ephemeral = _kept(status.ephemeral_container_statuses, gates)
    if (
        regular is status.container_statuses
        and init is status.init_container_statuses
        and ephemeral is status.ephemeral_container_statuses
    ):
        return status
    return replace(
        status, container_statuses=regular, init_container_statuses=init, ephemeral_container_statuses=ephemeral
    )


def _kept(statuses: list[v1.ContainerStatus], gates: Mapping[str, bool]) -> list[v1.ContainerStatus]:
    if not statuses:
        return statuses
    kept = [_container_status(one, gates) for one in statuses]
    return statuses if all(map(is_, kept, statuses)) else kept


def _container_status(status: v1.ContainerStatus, gates: Mapping[str, bool]) -> v1.ContainerStatus:
    if status.user is not None and not gate_enabled(gates, "SupplementalGroupsPolicy"):
        status = replace(status, user=None)
    if status.stop_signal is not None and not gate_enabled(gates, "ContainerStopSignals"):
        status = replace(status, stop_signal=None)
    if not status.volume_mounts:
        return status
    if not gate_enabled(gates, "RecursiveReadOnlyMounts"):
        return replace(status, volume_mounts=[])
    has_volume_status = any(one.volume_status is not None for one in status.volume_mounts)
    if has_volume_status and not gate_enabled(gates, "ImageVolumeWithDigest"):
        status = replace(status, volume_mounts=[replace(one, volume_status=None) for one in status.volume_mounts])
    return status
