"""Fields that an API server drops on write because their feature gate is off. Pure.

Mirrors Kubernetes: pkg/api/pod/util.go, dropDisabledFields and dropDisabledPodStatusFields. The emulated API server has
the gates of the emulated kubelet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.paths import field_path
from kubesim.model.stop_signal_validation import check_stop_signals
from kubesim.node.disabled_container_fields import (
    refuse_restart_of_all,
    refuse_sleep_without_zero,
    without_disabled_container_fields,
)
from kubesim.policy.env_from import strict_name_problems
from kubesim.policy.feature_gates import gate_enabled


def without_disabled_fields(pod: v1.Pod, gates: Mapping[str, bool]) -> v1.Pod:
    """The pod as it is stored. Raises InputError when what is left is not valid."""
    spec = replace(
        pod.spec,
        containers=[_container(one, gates) for one in pod.spec.containers],
        init_containers=[_init_container(one, gates) for one in pod.spec.init_containers],
        ephemeral_containers=[without_disabled_container_fields(one, gates) for one in pod.spec.ephemeral_containers],
    )
    if not gate_enabled(gates, "PodLevelResources"):
        spec = replace(spec, resources=None)
    if not gate_enabled(gates, "HostnameOverride"):
        spec = replace(spec, hostname_override=None)
    if not gate_enabled(gates, "UserNamespacesSupport"):
        spec = replace(spec, host_users=None)
    if spec.security_context is not None and not gate_enabled(gates, "SupplementalGroupsPolicy"):
        spec = replace(spec, security_context=replace(spec.security_context, supplemental_groups_policy=None))
    if spec.host_users is False and spec.host_network and not gate_enabled(gates, "UserNamespacesHostNetworkSupport"):
        raise InputError(
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            where=f"{pod.metadata.namespace}/{pod.metadata.name}",
            hint="a user namespace on the node's network needs the feature gate UserNamespacesHostNetworkSupport",
        )
    if not gate_enabled(gates, "ImageVolume"):
        _refuse_image_volumes(pod)
    if not gate_enabled(gates, "RelaxedEnvironmentVariableValidation"):
        _refuse_relaxed_names(pod)
    if not gate_enabled(gates, "PodLifecycleSleepActionAllowZero"):
        refuse_sleep_without_zero(replace(pod, spec=spec))
    if not gate_enabled(gates, "RestartAllContainersOnContainerExits"):
        refuse_restart_of_all(replace(pod, spec=spec))
    refused = [
        InputError(f"{field_path(error.path)}: {error.body}", where=f"{pod.metadata.namespace}/{pod.metadata.name}")
        for error in check_stop_signals(spec)
    ]
    if refused:
        raise join_errors(refused)
    return replace(pod, spec=spec)


def _container(container: v1.Container, gates: Mapping[str, bool]) -> v1.Container:
    if not gate_enabled(gates, "ContainerRestartRules"):
        container = replace(container, restart_policy=None, restart_policy_rules=[])
    return without_disabled_container_fields(container, gates)


def _init_container(container: v1.Container, gates: Mapping[str, bool]) -> v1.Container:
    kept = {"Always"} if gate_enabled(gates, "SidecarContainers") else set()
    if gate_enabled(gates, "ContainerRestartRules"):
        kept |= {"OnFailure", "Never"}
    else:
        container = replace(container, restart_policy_rules=[])
    if container.restart_policy not in kept:
        container = replace(container, restart_policy=None)
    return without_disabled_container_fields(container, gates)


def _refuse_image_volumes(pod: v1.Pod) -> None:
    for index, volume in enumerate(pod.spec.volumes):
        if volume.image is not None:
            raise InputError(
                f"spec.volumes[{index}]: Required value: must specify a volume type",
                where=f"{pod.metadata.namespace}/{pod.metadata.name}",
                hint="an image volume needs the feature gate ImageVolume, which is off here",
            )


def _refuse_relaxed_names(pod: v1.Pod) -> None:
    """Mirrors useRelaxedEnvironmentVariableValidation: a new pod has to keep to the old names of variables."""
    lists = (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers))
    names = [
        (f"spec.{kind}[{index}].{place}", name)
        for kind, containers in lists
        for index, container in enumerate(containers)
        for place, name in (
            *((f"env[{at}].name", one.name) for at, one in enumerate(container.env)),
            *((f"envFrom[{at}].prefix", one.prefix) for at, one in enumerate(container.env_from) if one.prefix),
        )
    ]
    problems = [
        f'{path}: Invalid value: "{name}": {problem}' for path, name in names for problem in strict_name_problems(name)
    ]
    if problems:
        raise InputError(
            "\n".join(problems),
            where=f"{pod.metadata.namespace}/{pod.metadata.name}",
            hint="other names need the feature gate RelaxedEnvironmentVariableValidation, which is off here",
        )


def without_disabled_status_fields(status: v1.PodStatus, gates: Mapping[str, bool]) -> v1.PodStatus:
    """The status as it is stored."""

    def kept(statuses: Sequence[v1.ContainerStatus]) -> list[v1.ContainerStatus]:
        return [_container_status(one, gates) for one in statuses]

    return replace(
        status,
        container_statuses=kept(status.container_statuses),
        init_container_statuses=kept(status.init_container_statuses),
        ephemeral_container_statuses=kept(status.ephemeral_container_statuses),
    )


def _container_status(status: v1.ContainerStatus, gates: Mapping[str, bool]) -> v1.ContainerStatus:
    if not gate_enabled(gates, "SupplementalGroupsPolicy"):
        status = replace(status, user=None)
    if not gate_enabled(gates, "ContainerStopSignals"):
        status = replace(status, stop_signal=None)
    if not gate_enabled(gates, "RecursiveReadOnlyMounts"):
        status = replace(status, volume_mounts=[])
    if not gate_enabled(gates, "ImageVolumeWithDigest"):
        status = replace(status, volume_mounts=[replace(one, volume_status=None) for one in status.volume_mounts])
    return status
