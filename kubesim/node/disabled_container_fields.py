"""Fields of a container that an API server drops on write, or refuses, because their feature gate is off. Pure.

Mirrors Kubernetes: pkg/api/pod/util.go, dropDisabledFields, and pkg/apis/core/validation/validation.go
(validateSleepAction, validateContainerRestartPolicy, validateInitContainerRestartPolicy).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.policy.feature_gates import gate_enabled

_AnyContainer = TypeVar("_AnyContainer", v1.Container, v1.EphemeralContainer)


def without_disabled_container_fields(container: _AnyContainer, gates: Mapping[str, bool]) -> _AnyContainer:
    """The container of any kind, as it is stored."""
    if container.lifecycle is not None:
        container = replace(container, lifecycle=_lifecycle(container.lifecycle, gates))
    security = container.security_context
    if security is not None and security.proc_mount is not None and not gate_enabled(gates, "ProcMountType"):
        container = replace(container, security_context=replace(security, proc_mount="Default"))
    if not gate_enabled(gates, "InPlacePodVerticalScaling"):
        container = replace(container, resize_policy=[])
    if not gate_enabled(gates, "EnvFiles"):
        container = replace(container, env=[_variable(one) for one in container.env])
    if not gate_enabled(gates, "RecursiveReadOnlyMounts"):
        mounts = [replace(mount, recursive_read_only=None) for mount in container.volume_mounts]
        container = replace(container, volume_mounts=mounts)
    return container


def _lifecycle(hooks: v1.Lifecycle, gates: Mapping[str, bool]) -> v1.Lifecycle | None:
    """The hooks that are left; None when dropping left nothing."""
    kept = hooks
    if not gate_enabled(gates, "ContainerStopSignals"):
        kept = replace(kept, stop_signal=None)
    if not gate_enabled(gates, "PodLifecycleSleepAction"):
        kept = replace(kept, post_start=_without_sleep(kept.post_start), pre_stop=_without_sleep(kept.pre_stop))
    return None if kept != hooks and kept == v1.Lifecycle() else kept


def _without_sleep(handler: v1.LifecycleHandler | None) -> v1.LifecycleHandler | None:
    if handler is None or handler.sleep is None:
        return handler
    kept = replace(handler, sleep=None)
    return None if kept == v1.LifecycleHandler() else kept


def _variable(variable: v1.EnvVar) -> v1.EnvVar:
    source = variable.value_from
    if source is None or source.file_key_ref is None:
        return variable
    return replace(variable, value_from=replace(source, file_key_ref=None))


def refuse_sleep_without_zero(pod: v1.Pod) -> None:
    """An older API server wants a hook to sleep for a second at least. Raises InputError with a line for each."""
    grace_seconds = pod.spec.termination_grace_period_seconds
    if grace_seconds is None:
        return
    lists = (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers))
    hooks = [
        (f"spec.{kind}[{index}].lifecycle.{name}.sleep", handler.sleep.seconds)
        for kind, containers in lists
        for index, container in enumerate(containers)
        if container.lifecycle is not None
        for name, handler in (
            ("postStart", container.lifecycle.post_start),
            ("preStop", container.lifecycle.pre_stop),
        )
        if handler is not None and handler.sleep is not None
    ]
    limit = f"must be greater than 0 and less than terminationGracePeriodSeconds ({grace_seconds})"
    errors = [
        InputError(
            f"{path}: Invalid value: {seconds}: {limit}. "
            "Enable AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.",
            where=f"{pod.metadata.namespace}/{pod.metadata.name}",
        )
        for path, seconds in hooks
        if not 0 < seconds <= grace_seconds
    ]
    if errors:
        raise join_errors(errors)


def refuse_restart_of_all(pod: v1.Pod) -> None:
    """Without its gate no rule restarts all containers, and a sidecar has no rules. InputError: a line for each."""
    where = f"{pod.metadata.namespace}/{pod.metadata.name}"
    hint = "the feature gate RestartAllContainersOnContainerExits is off here"
    lists = (("containers", pod.spec.containers), ("initContainers", pod.spec.init_containers))
    errors = []
    for kind, containers in lists:
        for index, container in enumerate(containers):
            path = f"spec.{kind}[{index}].restartPolicyRules"
            if kind == "initContainers" and container.restart_policy == "Always" and container.restart_policy_rules:
                what = "restartPolicyRules are not allowed for init containers with restart policy Always"
                errors.append(InputError(f"{path}: Forbidden: {what}", where=where, hint=hint))
                continue
            errors += [
                InputError(
                    f'{path}[{number}].action: Unsupported value: "{rule.action}": supported values: "Restart"',
                    where=where,
                    hint=hint,
                )
                for number, rule in enumerate(container.restart_policy_rules)
                if rule.action == "RestartAllContainers"
            ]
    if errors:
        raise join_errors(errors)
