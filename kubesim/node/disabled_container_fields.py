"""Fields of a container that an API server drops on write because their feature gate is off. Pure.

Mirrors Kubernetes: pkg/api/pod/util.go, dropDisabledFields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
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
