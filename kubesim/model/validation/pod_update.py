"""A pod that is to be changed.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidatePodUpdate, ValidateContainerUpdates,
validateOnlyAddedTolerations, validateOnlyDeletedSchedulingGates). Left out: what may change while scheduling gates hold
a pod back, which kubesim does not emulate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from kubesim.model.k8s_v1 import Container, Pod, PodSpec, Toleration
from kubesim.model.paths import Path
from kubesim.model.validation.containers import check_image_spaces
from kubesim.model.validation.field_error import ID_MAX, FieldError, forbidden, invalid, required
from kubesim.model.validation.go_value import spec_diff
from kubesim.model.validation.metadata import check_metadata_update
from kubesim.model.validation.options import DEFAULT_OPTIONS, ValidationOptions
from kubesim.model.validation.pod import metadata_and_spec_errors
from kubesim.model.validation.pod_annotations import check_annotations_update

MUTABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_DEADLINE: Path = ("spec", "activeDeadlineSeconds")


def pod_update_errors(new: Pod, old: Pod, options: ValidationOptions = DEFAULT_OPTIONS) -> list[FieldError]:
    """Every refusal of the change from `old`, a stored pod, to `new`, in the API server's order; each is said once."""
    found = [
        *check_metadata_update(new.metadata, old.metadata),
        *metadata_and_spec_errors(new, options),
        *check_annotations_update(new.metadata.annotations, old.metadata.annotations),
        *_check_spec(new.spec, old.spec),
    ]
    return list({str(error): error for error in found}.values())


def _check_spec(new: PodSpec, old: PodSpec) -> Iterator[FieldError]:
    """Upstream stops at what makes the rest pointless."""
    for kind, containers, before in (
        ("containers", new.containers, old.containers),
        ("initContainers", new.init_containers, old.init_containers),
    ):
        if len(containers) != len(before):
            yield forbidden(("spec", kind), "pod updates may not add or remove containers")
            return
        yield from _check_images(containers, ("spec", kind))
    deadline = list(_check_deadline(new.active_deadline_seconds, old.active_deadline_seconds))
    yield from deadline
    if deadline and new.active_deadline_seconds is not None:
        return
    yield from _check_tolerations(new.tolerations, old.tolerations)
    gates = {gate.name for gate in old.scheduling_gates}
    for index, gate in enumerate(new.scheduling_gates):
        if gate.name not in gates:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            yield forbidden(("spec", "schedulingGates", index, "name"), detail)
    munged = _munged(new, old)
    if munged != old:
        detail = f"pod updates may not change fields other than {MUTABLE}\n{spec_diff(old, munged)}"
        yield forbidden(("spec",), detail)


def _check_images(containers: Sequence[Container], path: Path) -> Iterator[FieldError]:
    for index, container in enumerate(containers):
        if not container.image:
            yield required((*path, index, "image"))
        yield from check_image_spaces(container, (*path, index))


def _check_deadline(new: int | None, old: int | None) -> Iterator[FieldError]:
    """A deadline may come nearer, and never goes away."""
    if new is None:
        if old is not None:
            yield invalid(_DEADLINE, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= ID_MAX:
        yield invalid(_DEADLINE, new, f"must be between 0 and {ID_MAX}, inclusive")
    elif old is not None and old < new:
        yield invalid(_DEADLINE, new, "must be less than or equal to previous value")


def _check_tolerations(new: Sequence[Toleration], old: Sequence[Toleration]) -> Iterator[FieldError]:
    timeless = [replace(one, toleration_seconds=None) for one in new]
    if any(replace(one, toleration_seconds=None) not in timeless for one in old):
        yield forbidden(("spec", "tolerations"), "existing toleration can not be modified except its tolerationSeconds")


def _munged(new: PodSpec, old: PodSpec) -> PodSpec:
    """The new spec with the old values of what may change: all the rest has to be equal."""
    changed = replace(
        new,
        containers=_with_images(new.containers, old.containers),
        init_containers=_with_images(new.init_containers, old.init_containers),
        active_deadline_seconds=old.active_deadline_seconds,
        scheduling_gates=old.scheduling_gates,
        tolerations=old.tolerations,
    )
    if (old.termination_grace_period_seconds or 0) < 0 and new.termination_grace_period_seconds == 1:
        changed = replace(changed, termination_grace_period_seconds=old.termination_grace_period_seconds)
    return changed


def _with_images(new: Sequence[Container], old: Sequence[Container]) -> list[Container]:
    return [replace(one, image=before.image) for one, before in zip(new, old, strict=True)]
