"""What may change in a pod that exists. Pure.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidatePodUpdate.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1

MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def updated_pod(stored: v1.Pod, applied: v1.Pod) -> v1.Pod:
    """The stored pod with labels, annotations and mutable fields of the applied one. Raises InputError."""
    old, new = stored.spec, applied.spec
    new = replace(
        new,
        node_name=new.node_name or old.node_name,
        priority=old.priority if new.priority is None else new.priority,
        ephemeral_containers=old.ephemeral_containers,
    )
    if any(one not in new.tolerations for one in old.tolerations):
        raise _forbidden(applied)
    munged = replace(
        new,
        containers=_with_images(new.containers, old.containers),
        init_containers=_with_images(new.init_containers, old.init_containers),
        active_deadline_seconds=old.active_deadline_seconds,
        tolerations=old.tolerations,
    )
    if (old.termination_grace_period_seconds or 0) < 0 and new.termination_grace_period_seconds == 1:
        munged = replace(munged, termination_grace_period_seconds=old.termination_grace_period_seconds)
    if munged != old:
        raise _forbidden(applied)
    meta = replace(stored.metadata, labels=applied.metadata.labels, annotations=applied.metadata.annotations)
    return replace(stored, metadata=meta, spec=new)


def _with_images(new: Sequence[v1.Container], old: Sequence[v1.Container]) -> list[v1.Container]:
    """The new containers with the images of the old ones, so that all else can be compared."""
    if len(new) != len(old):
        return list(new)
    return [replace(one, image=before.image) for one, before in zip(new, old, strict=True)]


def _forbidden(pod: v1.Pod) -> InputError:
    return InputError(
        f'Pod "{pod.metadata.name}" is invalid: '
        f"spec: Forbidden: pod updates may not change fields other than {MUTABLE}",
        where=f"{pod.metadata.namespace}/{pod.metadata.name}",
        hint="delete the pod first",
    )
