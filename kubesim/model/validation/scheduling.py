"""Tolerations, affinity, topology spread constraints, readiness and scheduling gates.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateTolerations, validateAffinity,
ValidateNodeSelectorRequirement, ValidateNodeFieldSelectorRequirement, validatePodAffinityTerm,
validateTopologySpreadConstraints, ValidateMatchLabelKeysAndMismatchLabelKeys, validateReadinessGates,
validateSchedulingGates), and apimachinery: pkg/apis/meta/v1/validation/validation.go, ValidateLabelSelector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kubesim.model.k8s_v1 import (
    Affinity,
    LabelSelector,
    NodeAffinity,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinityTerm,
    PodSpec,
    Toleration,
    TopologySpreadConstraint,
)
from kubesim.model.paths import ChildName, Path
from kubesim.model.validation.field_error import (
    POSITIVE,
    FieldError,
    Named,
    check_choice,
    check_problems,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kubesim.model.validation.names import (
    decimal_problems,
    label_problems,
    label_value_problems,
    qualified_name_problems,
    subdomain_problems,
)
from kubesim.model.validation.options import ValidationOptions

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNLIMITED = ("Equal", "Exists")
_COMPARED = ("Equal", "Exists", "Lt", "Gt")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NO_OPERATOR = "not a valid selector operator"
_SEVERAL = "must be specified when `operator` is 'In' or 'NotIn'"
_NONE = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSIONS = ("Honor", "Ignore")
_WEIGHT_MAX = 100
_INT64 = range(-(2**63), 2**63)


def check_tolerations(
    tolerations: Sequence[Toleration], path: Path, options: ValidationOptions
) -> Iterator[FieldError]:
    """Tolerations at `path`."""
    for index, toleration in enumerate(tolerations):
        where: Path = (*path, index)
        if toleration.key:
            yield from check_problems((*where, "key"), toleration.key, qualified_name_problems(toleration.key))
        elif toleration.operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid((*where, "operator"), Named(toleration.operator), detail)
        if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield invalid((*where, "effect"), Named(toleration.effect), detail)
        yield from _check_toleration_value(toleration, where, options)
        if toleration.effect and toleration.effect not in _EFFECTS:
            yield unsupported((*where, "effect"), toleration.effect, _EFFECTS)


def _check_toleration_value(toleration: Toleration, path: Path, options: ValidationOptions) -> Iterator[FieldError]:
    value, where, place = toleration.value, (*path, "operator"), (*path, "value")
    match toleration.operator:
        case "Equal" | "":
            problems = label_value_problems(value)
            if problems:
                yield invalid(where, value, ";".join(problems), place=place)
        case "Exists":
            if value:
                yield invalid(where, value, "value must be empty when `operator` is 'Exists'", place=place)
        case "Lt" | "Gt":
            if not options.compared_tolerations:
                yield unsupported(where, toleration.operator, _COMPARED)
                return
            problems = decimal_problems(value)
            yield from check_problems(place, value, problems)
            # Go reads more forms than the canonical one: a sign, and zeros before the number.
            digits = value[1:] if value[:1] in ("+", "-") else value
            if not (digits.isascii() and digits.isdigit()):
                yield invalid(place, value, f'strconv.ParseInt: parsing "{value}": invalid syntax')
            elif int(value) not in _INT64:
                yield invalid(place, value, f'strconv.ParseInt: parsing "{value}": value out of range')
        case _:
            yield unsupported(where, toleration.operator, _UNLIMITED)


def check_labels(labels: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    """Keys and values of labels; upstream's path does not say which."""
    for key, value in labels.items():
        problems = qualified_name_problems(key)
        if problems:
            yield from check_problems(path, key, problems, place=(*path, key))
        problems = label_value_problems(value)
        if problems:
            yield from check_problems(path, value, problems, place=(*path, key))


def check_affinity(affinity: Affinity | None, labels: Mapping[str, str]) -> Iterator[FieldError]:
    """spec.affinity of a pod with these labels."""
    if affinity is None:
        return
    if affinity.node_affinity is not None:
        yield from _check_node_affinity(affinity.node_affinity, ("spec", "affinity", "nodeAffinity"))
    for key, found in (("podAffinity", affinity.pod_affinity), ("podAntiAffinity", affinity.pod_anti_affinity)):
        if found is None:
            continue
        where: Path = ("spec", "affinity", key)
        for index, term in enumerate(found.required_during_scheduling_ignored_during_execution):
            yield from _check_pod_term(term, (*where, _REQUIRED, index), labels)
        for index, weighted in enumerate(found.preferred_during_scheduling_ignored_during_execution):
            yield from _check_weight(weighted.weight, (*where, _PREFERRED, index, "weight"))
            place = (*where, _PREFERRED, index, "podAffinityTerm")
            yield from _check_pod_term(weighted.pod_affinity_term, place, labels)


def _check_weight(weight: int, path: Path) -> Iterator[FieldError]:
    if not 1 <= weight <= _WEIGHT_MAX:
        yield invalid(path, weight, f"must be in the range 1-{_WEIGHT_MAX}")


def _check_node_affinity(affinity: NodeAffinity, path: Path) -> Iterator[FieldError]:
    wanted = affinity.required_during_scheduling_ignored_during_execution
    if wanted is not None:
        where: Path = (*path, _REQUIRED, "nodeSelectorTerms")
        if not wanted.node_selector_terms:
            yield required(where, "must have at least one node selector term")
        for index, term in enumerate(wanted.node_selector_terms):
            yield from _check_node_term(term, (*where, index), checks_values=True)
    for index, preferred in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        where = (*path, _PREFERRED, index)
        yield from _check_weight(preferred.weight, (*where, "weight"))
        yield from _check_node_term(preferred.preference, (*where, "preference"), checks_values=False)


def _check_node_term(term: NodeSelectorTerm, path: Path, *, checks_values: bool) -> Iterator[FieldError]:
    for index, requirement in enumerate(term.match_expressions):
        where: Path = (*path, "matchExpressions", index)
        yield from _check_node_operator(requirement, where)
        yield from check_problems((*where, "key"), requirement.key, qualified_name_problems(requirement.key))
        for number, value in enumerate(requirement.values if checks_values else ()):
            yield from check_problems((*where, "values", number), value, label_value_problems(value))
    for index, requirement in enumerate(term.match_fields):
        where = (*path, "matchFields", index)
        if requirement.operator not in ("In", "NotIn"):
            yield invalid((*where, "operator"), Named(requirement.operator), _NO_OPERATOR)
        elif len(requirement.values) != 1:
            detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            yield required((*where, "values"), detail)
        if requirement.key != "metadata.name":
            yield invalid((*where, "key"), requirement.key, "not a valid field selector key")
            continue
        for number, value in enumerate(requirement.values):
            yield from check_problems((*where, "values", number), value, subdomain_problems(value))


def _check_node_operator(requirement: NodeSelectorRequirement, path: Path) -> Iterator[FieldError]:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                yield required((*path, "values"), _SEVERAL)
        case "Exists" | "DoesNotExist":
            if requirement.values:
                yield forbidden((*path, "values"), _NONE)
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                yield required((*path, "values"), detail)
        case _:
            yield invalid((*path, "operator"), Named(requirement.operator), _NO_OPERATOR)


def _check_pod_term(term: PodAffinityTerm, path: Path, labels: Mapping[str, str]) -> Iterator[FieldError]:
    yield from check_label_selector(term.label_selector, (*path, "labelSelector"))
    yield from check_label_selector(term.namespace_selector, (*path, "namespaceSelector"))
    for index, namespace in enumerate(term.namespaces):
        place = (*path, "namespaces", index)
        yield from check_problems((*path, "namespace"), namespace, label_problems(namespace), place=place)
    yield from _check_label_keys(term.match_label_keys, term.mismatch_label_keys, term.label_selector, path, labels)
    where = (*path, "topologyKey")
    if not term.topology_key:
        yield required(where, "can not be empty")
    yield from check_problems(where, term.topology_key, qualified_name_problems(term.topology_key))


def check_label_selector(selector: LabelSelector | None, path: Path) -> Iterator[FieldError]:
    """A selector of labels at `path`."""
    if selector is None:
        return
    yield from check_labels(selector.match_labels, (*path, "matchLabels"))
    for index, requirement in enumerate(selector.match_expressions):
        where: Path = (*path, "matchExpressions", index)
        match requirement.operator:
            case "In" | "NotIn":
                if not requirement.values:
                    yield required((*where, "values"), _SEVERAL)
            case "Exists" | "DoesNotExist":
                if requirement.values:
                    yield forbidden((*where, "values"), _NONE)
            case _:
                yield invalid((*where, "operator"), Named(requirement.operator), _NO_OPERATOR)
        yield from check_problems((*where, "key"), requirement.key, qualified_name_problems(requirement.key))
        for number, value in enumerate(requirement.values):
            yield from check_problems((*where, "values", number), value, label_value_problems(value))


def _check_label_keys(
    matched: Sequence[str],
    mismatched: Sequence[str],
    selector: LabelSelector | None,
    path: Path,
    labels: Mapping[str, str],
) -> Iterator[FieldError]:
    """Labels that all matching pods share with this one; `labels` are its own."""
    for name, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        if keys and selector is None:
            yield forbidden((*path, name), "must not be specified when labelSelector is not set")
            continue
        for index, key in enumerate(keys):
            yield from check_problems((*path, name, index), key, qualified_name_problems(key))
    if selector is not None:
        # The API server has added an expression for each key whose label the pod has.
        added = [key for key in (*matched, *mismatched) if key in labels]
        taken = set(selector.match_labels)
        for key in (*(one.key for one in selector.match_expressions), *added):
            if key in matched and key in taken:
                index = max(number for number, one in enumerate(matched) if one == key)
                detail = "exists in both matchLabelKeys and labelSelector"
                yield invalid((*path, index), key, detail, place=(*path, "matchLabelKeys", index))
            taken.add(key)
    for index, key in enumerate(matched):
        if key in mismatched:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid((*path, "matchLabelKeys", index), key, detail)


def check_spread_constraints(
    constraints: Sequence[TopologySpreadConstraint], labels: Mapping[str, str]
) -> Iterator[FieldError]:
    """spec.topologySpreadConstraints of a pod with these labels."""
    for index, constraint in enumerate(constraints):
        path: Path = ("spec", "topologySpreadConstraints", index)
        if constraint.max_skew <= 0:
            yield invalid((*path, "maxSkew"), constraint.max_skew, POSITIVE)
        if not constraint.topology_key:
            yield required((*path, "topologyKey"), "can not be empty")
        yield from check_choice((*path, "whenUnsatisfiable"), constraint.when_unsatisfiable, _UNSATISFIABLE)
        kind = (constraint.topology_key, constraint.when_unsatisfiable)
        if any((one.topology_key, one.when_unsatisfiable) == kind for one in constraints[index + 1 :]):
            shown = "{" + ", ".join(kind) + "}"
            yield duplicate((*path, ChildName("{topologyKey, whenUnsatisfiable}")), shown, place=path)
        if constraint.min_domains is not None:
            if constraint.min_domains <= 0:
                yield invalid((*path, "minDomains"), constraint.min_domains, POSITIVE)
            if constraint.when_unsatisfiable != "DoNotSchedule":
                detail = (
                    f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {constraint.when_unsatisfiable}"
                )
                yield invalid((*path, "minDomains"), constraint.min_domains, detail)
        yield from check_choice((*path, "nodeAffinityPolicy"), constraint.node_affinity_policy, _INCLUSIONS)
        yield from check_choice((*path, "nodeTaintsPolicy"), constraint.node_taints_policy, _INCLUSIONS)
        yield from _check_label_keys(constraint.match_label_keys, (), constraint.label_selector, path, labels)
        yield from check_label_selector(constraint.label_selector, (*path, "labelSelector"))


def check_gates(spec: PodSpec) -> Iterator[FieldError]:
    """spec.readinessGates and spec.schedulingGates."""
    for index, gate in enumerate(spec.readiness_gates):
        where: Path = ("spec", "readinessGates", index, "conditionType")
        yield from check_problems(where, gate.condition_type, qualified_name_problems(gate.condition_type))
    taken: set[str] = set()
    for index, waits in enumerate(spec.scheduling_gates):
        where = ("spec", "schedulingGates", index)
        yield from check_problems(where, waits.name, qualified_name_problems(waits.name))
        if waits.name in taken:
            yield duplicate(where, waits.name)
        taken.add(waits.name)
