"""The Events of a resize: a few words, and the resources that the pod is to have, as JSON.

Mirrors kubelet: pkg/kubelet/events/resize.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubesim.model.k8s_v1 import Quantity
from kubesim.policy.go_json_text import go_json_text
from kubesim.policy.status_resources import NOTHING, Quantities

COMPLETED = "Pod resize completed"
STARTED = "Pod resize started"
ERROR = "Pod resize error"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedResources:
    """One container, and what its spec asks; `claims` are the names of its resource claims, with their requests."""

    name: str
    resources: Quantities = NOTHING
    claims: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def pending_words(reason: str) -> str:
    """What the Event of a resize that waits begins with: the reason is the admission handler's own."""
    return f"Pod resize {reason}"


def resize_message(
    words: str,
    *,
    generation: int,
    containers: Sequence[NamedResources],
    init_containers: Sequence[NamedResources] = (),
    error: str = "",
) -> str:
    """The message; pod-level resources are not in it, as upstream has them not."""
    summary: dict[str, Any] = {}
    if init_containers:
        summary["initContainers"] = [_row(one) for one in init_containers]
    if containers:
        summary["containers"] = [_row(one) for one in containers]
    summary["generation"] = generation
    if error:
        summary["error"] = error
    return f"{words}: {go_json_text(summary)}"


def _row(container: NamedResources) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if container.resources.limits:
        resources["limits"] = _sorted(container.resources.limits)
    if container.resources.requests:
        resources["requests"] = _sorted(container.resources.requests)
    if container.claims:
        resources["claims"] = list(container.claims)
    return {"name": container.name, "resources": resources}


def _sorted(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    return {name: str(amounts[name]) for name in sorted(amounts)}
