"""One ephemeral container, as a PATCH of a pod's subresource `ephemeralcontainers` brings it.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidatePodEphemeralContainersUpdate and
validateEphemeralContainers.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from kubesim.model.convert import convert, convert_all_errors, join_errors, value_at
from kubesim.model.field_versions import version_errors
from kubesim.model.k8s_v1 import EphemeralContainer, PodSpec
from kubesim.model.paths import Path
from kubesim.model.pod_defaults import default_ephemeral_container
from kubesim.model.validation.field_error import input_errors
from kubesim.model.validation.options import DEFAULT_STRATEGY, PodStrategy
from kubesim.model.validation.pod import ephemeral_errors
from kubesim.model.validation.resources import check_amounts
from kubesim.model.yaml_text import Document


def new_ephemeral_container(
    document: Document, spec: PodSpec, *, path: Path = (), strategy: PodStrategy = DEFAULT_STRATEGY
) -> EphemeralContainer:
    """The container that `document` holds at `path`, defaulted and valid as one more of the pod's.

    Raises one InputError with all mistakes. Their field paths are those of the pod: spec.ephemeralContainers[0].name.
    """
    mistakes = convert_all_errors(document, EphemeralContainer, path=path)
    if mistakes:
        raise join_errors(mistakes)
    written = convert(document, EphemeralContainer, path=path)
    mistakes = version_errors(value_at(document, path), EphemeralContainer, document, path, minor=strategy.minor)
    own: Path = ("spec", "ephemeralContainers", len(spec.ephemeral_containers))
    refused = [
        error
        for name, amounts in (("limits", written.resources.limits), ("requests", written.resources.requests))
        for error in check_amounts(amounts, (*own, "resources", name))
    ]
    if not refused:
        written = default_ephemeral_container(written)
        after = structs.replace(spec, ephemeral_containers=[*spec.ephemeral_containers, written])
        refused = [error for error in ephemeral_errors(after, strategy.options) if error.path[: len(own)] == own]
    placed = [replace(error, place=(error.place or error.path)[len(own) :]) for error in refused]
    mistakes += input_errors(placed, document, path)
    if mistakes:
        raise join_errors(mistakes)
    return written
