"""RuntimeClass (node.k8s.io/v1): which handler of the runtime a pod asks for, and what that costs.

Mirrors Kubernetes: staging/src/k8s.io/api/node/v1/types.go.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from kubesim.model.k8s_v1 import ObjectMeta, Quantity, Toleration


def kind_runtime_class() -> Literal["RuntimeClass"]:
    """The kind, which is always written."""
    return "RuntimeClass"


def version_node_v1() -> Literal["node.k8s.io/v1"]:
    """The apiVersion, which is always written."""
    return "node.k8s.io/v1"


class Overhead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """What a pod costs beyond its containers."""

    pod_fixed: dict[str, Quantity] = field(default_factory=dict)


class Scheduling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Which nodes have the handler: merged into the pods."""

    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[Toleration] = field(default_factory=list)


class RuntimeClass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """node.k8s.io/v1 RuntimeClass. It has no namespace."""

    api_version: Literal["node.k8s.io/v1"] = field(default_factory=version_node_v1)
    handler: str = ""
    kind: Literal["RuntimeClass"] = field(default_factory=kind_runtime_class)
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None
