"""What the API server fills in when a pod is created, as far as a kubelet's life depends on it.

Mirrors Kubernetes: pkg/apis/core/v1/defaults.go (SetDefaults_Pod, SetDefaults_PodSpec, SetDefaults_Container and the
others named below). The kubelet applies the same defaults to static pods. Not done here, because a registry or an
admission plugin does it and not the defaulting: uid, creationTimestamp, generation, the first status, and the service
account token volume. `admit_priority` is the one admission plugin a kubelet notices.

Left out: defaults of storage plugins that kubesim does not emulate (iscsi, rbd, azureDisk, scaleIO).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.image_name import default_pull_policy
from kubesim.model.k8s_v1 import (
    ConfigMapVolumeSource,
    Container,
    ContainerPort,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    EmptyDirVolumeSource,
    EnvVar,
    EphemeralContainer,
    HostPathVolumeSource,
    HTTPGetAction,
    ImageVolumeSource,
    Lifecycle,
    LifecycleHandler,
    Pod,
    PodSecurityContext,
    PodSpec,
    Probe,
    ProjectedVolumeSource,
    Quantity,
    ResourceRequirements,
    SecretVolumeSource,
    Volume,
    VolumeProjection,
)
from kubesim.model.pod_resources import default_pod_huge_pages, default_pod_requests
from kubesim.model.quantity import Amount, QuantityFormat, parse_quantity

TERMINATION_MESSAGE_PATH = "/dev/termination-log"
TERMINATION_GRACE_SECONDS = 30
FILE_MODE = 0o644
"""defaultMode of secret, configMap, downwardAPI and projected volumes."""
TOKEN_EXPIRATION_SECONDS = 3600

PRIORITY_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The classes that exist in every cluster. Mirrors pkg/apis/scheduling/types.go."""

_AnyContainer = TypeVar("_AnyContainer", Container, EphemeralContainer)
_T = TypeVar("_T")


def default_pod(pod: Pod) -> Pod:
    """The pod as the API server stores it: every default filled in, quantities in canonical form.

    Raises InputError, in upstream's words, for a quantity that is none.
    """
    metadata = pod.metadata
    if not metadata.namespace:
        metadata = replace(metadata, namespace="default")
    return replace(pod, metadata=metadata, spec=_default_spec(pod.spec))


def admit_priority(pod: Pod, classes: dict[str, int] | None = None) -> Pod:
    """spec.priority and preemptionPolicy as the Priority admission plugin sets them; static pods do not pass it.

    `classes` adds priority classes, name to value, to the two that always exist. Mirrors
    plugin/pkg/admission/priority/admission.go, admitPod. Raises InputError for an unknown class.
    """
    spec = pod.spec
    known = {**PRIORITY_CLASSES, **(classes or {})}
    priority = 0
    if spec.priority_class_name:
        if spec.priority_class_name not in known:
            what = f"no PriorityClass with name {spec.priority_class_name} was found"
            raise InputError(what, where=f"pod {pod.metadata.name}", hint=f"known: {', '.join(sorted(known))}")
        priority = known[spec.priority_class_name]
    elif spec.priority is not None:
        priority = spec.priority
    policy = spec.preemption_policy or "PreemptLowerPriority"
    return replace(pod, spec=replace(spec, priority=priority, preemption_policy=policy))


def _default_spec(spec: PodSpec) -> PodSpec:
    """Mirrors SetDefaults_PodSpec and the spec part of SetDefaults_Pod."""
    account = spec.service_account_name or spec.service_account
    spec = replace(
        spec,
        restart_policy=spec.restart_policy or "Always",
        dns_policy=spec.dns_policy or "ClusterFirst",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        security_context=_or(spec.security_context, PodSecurityContext()),
        termination_grace_period_seconds=_grace_seconds(spec.termination_grace_period_seconds),
        enable_service_links=_or(spec.enable_service_links, True),
        service_account_name=account,
        service_account=account,
        overhead=_canonical(spec.overhead),
        volumes=[_default_volume(volume) for volume in spec.volumes],
        containers=[_default_container(container, spec.host_network) for container in spec.containers],
        init_containers=[_default_container(container, spec.host_network) for container in spec.init_containers],
        ephemeral_containers=[_default_container(container, False) for container in spec.ephemeral_containers],
    )
    if spec.resources is None:
        return spec
    return default_pod_requests(
        default_pod_huge_pages(replace(spec, resources=_default_resources(spec.resources, requests_from_limits=False)))
    )


def _grace_seconds(asked: int | None) -> int:
    """Mirrors pkg/apis/core/v1/conversion.go, Convert_v1_Pod_To_core_Pod: no pod is stored with a negative period."""
    return TERMINATION_GRACE_SECONDS if asked is None else asked if asked >= 0 else 1


def _default_container(container: _AnyContainer, host_network: bool) -> _AnyContainer:
    """Mirrors SetDefaults_Container, SetDefaults_EphemeralContainer and defaultHostNetworkPorts."""
    return replace(
        container,
        image_pull_policy=container.image_pull_policy or default_pull_policy(container.image),
        termination_message_path=container.termination_message_path or TERMINATION_MESSAGE_PATH,
        termination_message_policy=container.termination_message_policy or "File",
        ports=[_default_port(port, host_network) for port in container.ports],
        env=[_default_env(variable) for variable in container.env],
        resources=_default_resources(container.resources, requests_from_limits=True),
        liveness_probe=_optional(_default_probe, container.liveness_probe),
        readiness_probe=_optional(_default_probe, container.readiness_probe),
        startup_probe=_optional(_default_probe, container.startup_probe),
        lifecycle=_optional(_default_lifecycle, container.lifecycle),
    )


def default_ephemeral_container(container: EphemeralContainer) -> EphemeralContainer:
    """An ephemeral container that is added to a pod, with every default filled in.

    Raises InputError, in upstream's words, for a quantity that is none.
    """
    return _default_container(container, host_network=False)


def _default_port(port: ContainerPort, host_network: bool) -> ContainerPort:
    host_port = port.container_port if host_network and not port.host_port else port.host_port
    return replace(port, protocol=port.protocol or "TCP", host_port=host_port)


def _default_env(variable: EnvVar) -> EnvVar:
    source = variable.value_from
    if source is None or source.field_ref is None or source.field_ref.api_version:
        return variable
    return replace(variable, value_from=replace(source, field_ref=replace(source.field_ref, api_version="v1")))


def _default_resources(resources: ResourceRequirements, *, requests_from_limits: bool) -> ResourceRequirements:
    limits, requests = _canonical(resources.limits), _canonical(resources.requests)
    if requests_from_limits:
        requests = {**requests, **{name: amount for name, amount in limits.items() if name not in requests}}
    return replace(resources, limits=limits, requests=requests)


def _canonical(amounts: dict[str, Quantity]) -> dict[str, Quantity]:
    """Rounded up to thousandths, as SetDefaults_ResourceList does, and in canonical text."""
    return {name: _rounded(parse_quantity(amount)) for name, amount in amounts.items()}


def _rounded(amount: Amount) -> str:
    if amount.nano % 1_000_000 == 0:
        return str(amount)
    # What has a fraction of a unit prints as a decimal anyway, so the format need not survive the rounding.
    return str(Amount(nano=amount.milli_value * 1_000_000, format=QuantityFormat.DECIMAL_SI))


def _default_probe(probe: Probe) -> Probe:
    """Mirrors SetDefaults_Probe."""
    grpc = probe.grpc
    if grpc is not None and grpc.service is None:
        grpc = replace(grpc, service="")
    return replace(
        probe,
        timeout_seconds=probe.timeout_seconds or 1,
        period_seconds=probe.period_seconds or 10,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
        http_get=_optional(_default_http_get, probe.http_get),
        grpc=grpc,
    )


def _default_lifecycle(lifecycle: Lifecycle) -> Lifecycle:
    return replace(
        lifecycle,
        post_start=_optional(_default_handler, lifecycle.post_start),
        pre_stop=_optional(_default_handler, lifecycle.pre_stop),
    )


def _default_handler(handler: LifecycleHandler) -> LifecycleHandler:
    return replace(handler, http_get=_optional(_default_http_get, handler.http_get))


def _default_http_get(action: HTTPGetAction) -> HTTPGetAction:
    """Mirrors SetDefaults_HTTPGetAction."""
    return replace(action, path=action.path or "/", scheme=action.scheme or "HTTP")


def _default_volume(volume: Volume) -> Volume:
    """Mirrors SetDefaults_Volume: a volume without any source is an emptyDir."""
    if volume == Volume(name=volume.name):
        return replace(volume, empty_dir=EmptyDirVolumeSource())
    return replace(
        volume,
        image=_optional(_default_image_volume, volume.image),
        secret=_optional(_default_mode, volume.secret),
        config_map=_optional(_default_mode, volume.config_map),
        downward_api=_optional(_default_downward, volume.downward_api),
        projected=_optional(_default_projected, volume.projected),
        host_path=_optional(_default_host_path, volume.host_path),
    )


def _default_image_volume(source: ImageVolumeSource) -> ImageVolumeSource:
    return replace(source, pull_policy=source.pull_policy or default_pull_policy(source.reference))


_WithMode = TypeVar(
    "_WithMode", SecretVolumeSource, ConfigMapVolumeSource, DownwardAPIVolumeSource, ProjectedVolumeSource
)


def _default_mode(source: _WithMode) -> _WithMode:
    return replace(source, default_mode=_or(source.default_mode, FILE_MODE))


def _default_host_path(source: HostPathVolumeSource) -> HostPathVolumeSource:
    return replace(source, type=_or(source.type, ""))


def _default_downward(source: DownwardAPIVolumeSource) -> DownwardAPIVolumeSource:
    return replace(_default_mode(source), items=[_default_downward_file(item) for item in source.items])


def _default_downward_file(item: DownwardAPIVolumeFile) -> DownwardAPIVolumeFile:
    if item.field_ref is None or item.field_ref.api_version:
        return item
    return replace(item, field_ref=replace(item.field_ref, api_version="v1"))


def _default_projected(source: ProjectedVolumeSource) -> ProjectedVolumeSource:
    return replace(_default_mode(source), sources=[_default_projection(projection) for projection in source.sources])


def _default_projection(projection: VolumeProjection) -> VolumeProjection:
    token, downward = projection.service_account_token, projection.downward_api
    if token is not None:
        token = replace(token, expiration_seconds=_or(token.expiration_seconds, TOKEN_EXPIRATION_SECONDS))
    if downward is not None:
        downward = replace(downward, items=[_default_downward_file(item) for item in downward.items])
    return replace(projection, service_account_token=token, downward_api=downward)


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _optional(fill: Callable[[_T], _T], value: _T | None) -> _T | None:
    return None if value is None else fill(value)
