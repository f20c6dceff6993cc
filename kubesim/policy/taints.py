"""Which taints of a node a pod does not tolerate.

Mirrors: staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go (FindMatchingUntoleratedTaint) and
staging/src/k8s.io/api/core/v1/toleration.go (ToleratesTaint).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """One taint of a node."""

    key: str
    value: str = ""
    effect: str = ""  # NoSchedule, PreferNoSchedule or NoExecute


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """One toleration of a pod; an empty key with Exists tolerates all, an empty effect any effect."""

    key: str = ""
    operator: str = ""  # Exists or Equal; empty means Equal
    value: str = ""
    effect: str = ""


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether the toleration covers the taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in {"", "Equal"} and toleration.value == taint.value


def is_tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    """Whether any of the tolerations covers the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)
