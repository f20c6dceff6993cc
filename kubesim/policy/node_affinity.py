"""Does a node match what a pod's nodeSelector and required node affinity ask for?

Mirrors: staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go, GetRequiredNodeAffinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRequirement:
    """One matchExpressions or matchFields entry."""

    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist, Gt or Lt
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSelectorTerm:
    """One nodeSelectorTerms entry: all its requirements must hold; an empty term matches no node."""

    expressions: tuple[NodeRequirement, ...] = ()
    fields: tuple[NodeRequirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAffinity:
    """spec.nodeSelector, and requiredDuringSchedulingIgnoredDuringExecution (None: not asked for)."""

    node_selector: tuple[tuple[str, str], ...] = ()
    required_terms: tuple[NodeSelectorTerm, ...] | None = None


def matches_node(affinity: NodeAffinity, *, node_name: str, node_labels: Mapping[str, str]) -> bool:
    """Whether the node has every selected label and matches at least one required term."""
    if any(node_labels.get(key) != value for key, value in affinity.node_selector):
        return False
    terms = affinity.required_terms
    return terms is None or any(_matches_term(term, node_name, node_labels) for term in terms)


def _matches_term(term: NodeSelectorTerm, node_name: str, labels: Mapping[str, str]) -> bool:
    if not term.expressions and not term.fields:
        return False
    return all(_matches(one, labels) for one in term.expressions) and all(
        _matches(one, {"metadata.name": node_name}) for one in term.fields
    )


def _matches(requirement: NodeRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(value, requirement)
        case _:
            return False  # The API server refuses other operators; a static pod that has one matches nothing.


def _compares(value: str | None, requirement: NodeRequirement) -> bool:
    """Gt and Lt: both sides are whole numbers, else the requirement does not hold."""
    try:
        (bound,) = requirement.values
        have, wanted = int(value or ""), int(bound)
    except ValueError:
        return False
    return have > wanted if requirement.operator == "Gt" else have < wanted
