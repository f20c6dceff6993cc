"""One ephemeral container, as a PATCH of a pod's subresource `ephemeralcontainers` brings it.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidatePodEphemeralContainersUpdate and
validateEphemeralContainers.
"""

from __future__ import annotations

from dataclasses import replace

from kubesim.errors import InputError
from kubesim.model.container_validation import check_amounts, check_containers
from kubesim.model.convert import convert, convert_all_errors, join_errors, value_at
from kubesim.model.field_error import FieldError, not_found
from kubesim.model.field_versions import version_errors
from kubesim.model.k8s_v1 import EphemeralContainer, PodSpec
from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.model.paths import Path, field_path
from kubesim.model.pod_defaults import default_ephemeral_container
from kubesim.model.yaml_text import Document

_LIST = "ephemeralContainers"


def new_ephemeral_container(
    document: Document, spec: PodSpec, *, path: Path = (), minor: int = LAST_MINOR
) -> EphemeralContainer:
    """The container that `document` holds at `path`, defaulted and valid as one more of the pod's.

    Raises one InputError with all mistakes. Their field paths are those of the pod: spec.ephemeralContainers[0].name.
    """
    mistakes = convert_all_errors(document, EphemeralContainer, path=path)
    if mistakes:
        raise join_errors(mistakes)
    written = convert(document, EphemeralContainer, path=path)
    mistakes = version_errors(value_at(document, path), EphemeralContainer, document, path, minor=minor)
    index = len(spec.ephemeral_containers)
    own: Path = ("spec", _LIST, index)
    refused = list(check_amounts(written.resources, (*own, "resources")))
    if not refused:
        written = default_ephemeral_container(written)
        refused = _refused(written, spec, own)
    mistakes += [
        InputError(f"{field_path(one.path)}: {one.body}", where=document.where((*path, *one.path[len(own) :])))
        for one in refused
    ]
    if mistakes:
        raise join_errors(mistakes)
    return written


def _refused(container: EphemeralContainer, spec: PodSpec, own: Path) -> list[FieldError]:
    others = {one.name for one in (*spec.containers, *spec.init_containers)}
    taken = others | {one.name for one in spec.ephemeral_containers}
    volumes = {one.name for one in spec.volumes}
    found = [
        replace(one, path=(*own, *one.path[len(own) :])) for one in check_containers([container], _LIST, volumes, taken)
    ]
    target = container.target_container_name
    if target and target not in others:
        found.append(not_found((*own, "targetContainerName"), target))
    return found
