"""What users and controllers write into a pod past its main resource: ephemeral containers, and conditions.

Mirrors Kubernetes: pkg/registry/core/pod/strategy.go (podEphemeralContainersStrategy, podStatusStrategy) and
pkg/apis/core/validation/validation.go (ValidatePodEphemeralContainersUpdate, validatePodConditions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.ephemeral_container import new_ephemeral_container
from kubesim.model.paths import Path, field_path
from kubesim.model.timestamps import format_rfc3339
from kubesim.model.validation.field_error import check_choice, check_problems
from kubesim.model.validation.names import qualified_name_problems
from kubesim.model.yaml_text import Document
from kubesim.node.api_server import ApiServer
from kubesim.node.pod_strategy import pod_strategy
from kubesim.node.unsupported import unsupported_in_container

_SYSTEM_CONDITIONS = frozenset({"PodScheduled", "Ready", "Initialized"})
_STATUSES = ("True", "False", "Unknown")


def add_ephemeral_container(api: ApiServer, key: str, container: Mapping[str, Any], *, kubelet_version: str) -> None:
    """PATCH of the subresource `ephemeralcontainers` with one more container. Raises InputError."""
    pod = api.pod(key)
    if "kubernetes.io/config.mirror" in pod.metadata.annotations:
        hint = "change the manifest on the node"
        raise InputError("Forbidden: static pods do not support ephemeral containers", where=key, hint=hint)
    document = Document(value=dict(container), name=f"{key}, ephemeral container")
    added = new_ephemeral_container(document, pod.spec, strategy=pod_strategy(kubelet_version))
    missing = [
        InputError(
            f"{field_path(path)}: {what} is not emulated yet",
            where=document.where(path),
            hint="see the differences list of the README",
        )
        for path, what in unsupported_in_container(added)
    ]
    if missing:
        raise join_errors(missing)
    spec = replace(pod.spec, ephemeral_containers=[*pod.spec.ephemeral_containers, added])
    api.replace_pod(replace(pod, spec=spec))


def set_condition(api: ApiServer, key: str, kind: str, status: str, *, reason: str, message: str, now_ns: int) -> None:
    """Strategic merge PATCH of the subresource `status` with one condition. Raises InputError.

    A type that is new comes before those that are there: that is where such a patch puts it. lastTransitionTime moves
    when `status` does, as with every well-behaved controller.
    """
    pod = api.pod(key)
    before = next((one for one in pod.status.conditions if one.type == kind), None)
    path: Path = ("status", "conditions", pod.status.conditions.index(before) if before is not None else 0)
    problems = () if kind in _SYSTEM_CONDITIONS else qualified_name_problems(kind)
    refused = [*check_problems((*path, "Type"), kind, problems), *check_choice((*path, "status"), status, _STATUSES)]
    if refused:
        raise join_errors([InputError(str(one), where=key) for one in refused])
    same = before is not None and before.status == status
    condition = v1.PodCondition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=before.last_transition_time if before is not None and same else format_rfc3339(now_ns),
    )
    if before is None:
        conditions = [condition, *pod.status.conditions]
    else:
        conditions = [condition if one.type == kind else one for one in pod.status.conditions]
    api.replace_pod(replace(pod, status=replace(pod.status, conditions=conditions)))
