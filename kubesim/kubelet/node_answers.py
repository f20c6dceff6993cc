"""What the pod engine asks about its node, again each time: the answers change while pods run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from kubesim.model import k8s_v1 as v1
from kubesim.policy.admission import Rejection

RoomForResize = Callable[[v1.Pod, Callable[[Rejection | None], object]], Coroutine[Any, Any, None]]
"""Given a pod that asks for more, and who hears what is said against that when the others are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAnswers:
    """Questions that other parts of the kubelet answer. Texts are empty when all is well."""

    supports_rro: Callable[[], bool]
    """Whether the runtime makes recursive read-only mounts."""
    runtime_errors: Callable[[], list[str]]
    """Why no pod is synced now; [] when they are."""
    well_until_ns: Callable[[], int]
    """When that is another answer though nothing happens."""
    network_error: Callable[[], str]
    """Why pods with a network of their own are not synced now."""
    allocatable: Callable[[], Mapping[str, v1.Quantity]]
    """What the Node object says that pods can have."""
    admission_refusal: Callable[[v1.Pod], Rejection | None]
    """What the handlers of admission say of a pod, beside all others with what they were given."""
    room_for_resize: RoomForResize
    """Ends pods for the resize of a critical one."""
