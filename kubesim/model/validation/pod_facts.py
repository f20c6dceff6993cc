"""What the checks of a container need to know of its pod, looked up once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubesim.model.k8s_v1 import Container, EphemeralContainer, PodSpec, Volume
from kubesim.model.paths import Path
from kubesim.model.validation.options import ValidationOptions

AnyContainer = Container | EphemeralContainer


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One pod as the checks of its containers see it."""

    options: ValidationOptions
    volumes: Mapping[str, Volume]
    """By name, those that are valid themselves."""
    claims: frozenset[str]
    """Names of spec.resourceClaims."""
    grace_seconds: int | None
    restart_policy: str
    os: str | None
    """spec.os.name; None without spec.os."""
    has_host_users: bool


def containers_of(spec: PodSpec) -> Iterator[tuple[Path, AnyContainer]]:
    """Every container with its path. Mirrors pkg/apis/core/pods/helpers.go, VisitContainersWithPath, and its order."""
    lists: tuple[tuple[str, Sequence[AnyContainer]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for kind, containers in lists:
        for index, container in enumerate(containers):
            yield ("spec", kind, index), container
