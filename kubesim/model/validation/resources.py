"""Requests, limits and claims of containers and of whole pods.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateResourceRequirements, validateContainerResourceName,
validatePodResources, validatePodResourceConsistency, validateResourceClaimNames, validateResizePolicy) and
pkg/apis/core/helper/helpers.go. Quantities are canonical, as defaulting leaves them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import (
    ContainerResizePolicy,
    PodSpec,
    Quantity,
    ResourceClaim,
    ResourceRequirements,
)
from kubesim.model.paths import MapKey, Path
from kubesim.model.pod_resources import aggregate_limits, aggregate_requests
from kubesim.model.quantity import NANO, parse_quantity
from kubesim.model.validation.field_error import (
    NOT_NEGATIVE,
    FieldError,
    Named,
    check_problems,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kubesim.model.validation.names import label_problems, qualified_name_problems

_COMPUTE = ("cpu", "memory")
_HUGE_PAGES = "hugepages-"
_OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
_COUNTED = frozenset(
    ("pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
     "services.nodeports", "services.loadbalancers")
)  # fmt: skip
_STANDARD = frozenset(
    (*_COUNTED, *_OF_CONTAINERS, *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _OF_CONTAINERS),
     "storage", "requests.storage")
)  # fmt: skip
_POD_LEVEL = ("cpu", _HUGE_PAGES, "memory")
_RESIZABLE = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")

_NameCheck = Callable[[str, Path], Iterator[FieldError]]


def quantity_problem(amount: Quantity) -> str | None:
    """Why a quantity is none. An API server refuses such a pod when it decodes it, before it looks at anything else."""
    try:
        parse_quantity(amount)
    except InputError as error:
        return error.what
    return None


def check_amounts(amounts: Mapping[str, Quantity], path: Path) -> Iterator[FieldError]:
    """Quantities that do not parse."""
    for name, amount in amounts.items():
        problem = quantity_problem(amount)
        if problem is not None:
            yield invalid((*path, MapKey(name)), str(amount), problem)


def check_resources(
    resources: ResourceRequirements, path: Path, claims: Collection[str], *, of_pod: bool = False
) -> Iterator[FieldError]:
    """The resources of a container, or of a pod."""
    check_name = _check_pod_level_name if of_pod else _check_name
    limits, requests = resources.limits, resources.requests
    for name, limit in limits.items():
        where: Path = (*path, "limits", MapKey(name))
        yield from _check_amount(name, limit, where, check_name)
        if name.startswith(_HUGE_PAGES):
            yield from _check_pages(name, limit, where)
    for name, request in requests.items():
        where = (*path, "requests", MapKey(name))
        yield from _check_amount(name, request, where, check_name)
        yield from _check_against_limit(name, request, limits.get(name), path)
        if name.startswith(_HUGE_PAGES):
            yield from _check_pages(name, request, where)
    names = {*limits, *requests}
    if any(name.startswith(_HUGE_PAGES) for name in names) and names.isdisjoint(_COMPUTE):
        yield forbidden(path, "HugePages require cpu or memory")
    if resources.claims:
        yield from _check_claims(resources.claims, (*path, "claims"), claims)


def _check_amount(name: str, amount: Quantity, path: Path, check_name: _NameCheck) -> Iterator[FieldError]:
    yield from check_name(name, path)
    parsed = parse_quantity(amount)
    if parsed.nano < 0:
        yield invalid(path, str(parsed), NOT_NEGATIVE)
    if parsed.nano % NANO and _is_counted(name):
        yield invalid(path, str(parsed), "must be an integer")


def _check_pages(name: str, amount: Quantity, path: Path) -> Iterator[FieldError]:
    parsed = parse_quantity(amount)
    if not _is_whole_pages(name, parsed.value):
        yield invalid(path, str(parsed), f"{parsed} is not positive integer multiple of {name}")


def _check_against_limit(name: str, request: Quantity, limit: Quantity | None, path: Path) -> Iterator[FieldError]:
    may_exceed = _is_native(name) and not name.startswith(_HUGE_PAGES)
    place = (*path, "requests", MapKey(name))
    if limit is None:
        if not may_exceed:
            yield required((*path, "limits"), "Limit must be set for non overcommitable resources", place=place)
        return
    wanted, allowed = parse_quantity(request), parse_quantity(limit)
    if wanted.nano != allowed.nano and not may_exceed:
        yield invalid((*path, "requests"), str(wanted), f"must be equal to {name} limit of {allowed}", place=place)
    elif wanted.nano > allowed.nano:
        detail = f"must be less than or equal to {name} limit of {allowed}"
        yield invalid((*path, "requests"), str(wanted), detail, place=place)


def _check_name(name: str, path: Path) -> Iterator[FieldError]:
    if name in _COMPUTE:
        return
    found = list(_check_resource_name(name, path))
    yield from found
    if "/" not in name:
        if name not in _OF_CONTAINERS and not name.startswith(_HUGE_PAGES):
            yield invalid(path, Named(name), "must be a standard resource for containers")
    elif not _is_native(name) and not _is_extended(name):
        yield invalid(path, Named(name), "doesn't follow extended resource name standard")


def _check_pod_level_name(name: str, path: Path) -> Iterator[FieldError]:
    found = list(_check_resource_name(name, path))
    yield from found
    if not found and name not in _COMPUTE and not name.startswith(_HUGE_PAGES):
        yield unsupported(path, name, _POD_LEVEL)


def _check_resource_name(name: str, path: Path) -> Iterator[FieldError]:
    problems = qualified_name_problems(name)
    yield from check_problems(path, Named(name), problems)
    is_standard = name in _STANDARD or name.startswith((_HUGE_PAGES, "requests.hugepages-"))
    if not problems and "/" not in name and not is_standard:
        yield invalid(path, Named(name), "must be a standard resource type or fully qualified")


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def _is_extended(name: str) -> bool:
    return not _is_native(name) and not name.startswith("requests.") and not qualified_name_problems(f"requests.{name}")


def _is_counted(name: str) -> bool:
    """Whether a resource is a number of things."""
    return name in _COUNTED or _is_extended(name)


def _is_whole_pages(name: str, amount: int) -> bool:
    size = name.removeprefix(_HUGE_PAGES)
    if quantity_problem(size) is not None:
        return False
    page = parse_quantity(size)
    return page.nano > 0 and page.nano % NANO == 0 and amount % page.value == 0


def _check_claims(wanted: Sequence[ResourceClaim], path: Path, claims: Collection[str]) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, claim in enumerate(wanted):
        where: Path = (*path, index)
        if not claim.name:
            yield required(where)
            continue
        if claim.name in taken:
            yield duplicate(where, claim.name)
        else:
            key = f"{claim.name}/{claim.request}" if claim.request else claim.name
            if claim.request:
                yield from check_problems((*where, "request"), claim.request, label_problems(claim.request))
            if key in taken:
                yield duplicate(where, key)
            elif not claim.request:
                for other in sorted(taken):
                    if other.partition("/")[0] == claim.name:
                        yield duplicate(where, claim.name)
            taken.add(key)
        if claim.name not in claims:
            known = f": {', '.join(sorted(claims))}" if claims else " which is empty"
            yield not_found(where, claim.name, f"must be one of the names in pod.spec.resourceClaims{known}")


def check_resize_policy(
    policies: Sequence[ContainerResizePolicy], path: Path, pod_restart_policy: str
) -> Iterator[FieldError]:
    """What a resize of each resource does with the container. Upstream's paths forget the index."""
    taken: set[str] = set()
    for index, policy in enumerate(policies):
        place: Path = (*path, index)
        if policy.resource_name in taken:
            yield duplicate(place, Named(policy.resource_name))
        taken.add(policy.resource_name)
        for value, choices in ((policy.resource_name, _RESIZABLE), (policy.restart_policy, _RESIZE_POLICIES)):
            if not value:
                yield required(path, place=place)
            elif value not in choices:
                yield unsupported(path, value, choices, place=place)
        if pod_restart_policy == "Never" and policy.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
            yield invalid(path, Named(policy.restart_policy), detail, place=place)


def check_pod_resources(spec: PodSpec, claims: Collection[str]) -> Iterator[FieldError]:
    """The resources of the pod itself, against those of its containers."""
    path: Path = ("spec", "resources")
    if spec.resources is None:
        return
    if spec.os is not None and spec.os.name == "windows":
        yield forbidden(path, "may not be set for a windows pod")
        return
    if spec.resources.claims:
        yield forbidden((*path, "claims"), "claims may not be set for Resources at pod-level")
    yield from check_resources(spec.resources, path, claims, of_pod=True)
    yield from _check_consistency(spec, spec.resources, path)


def _check_consistency(spec: PodSpec, resources: ResourceRequirements, path: Path) -> Iterator[FieldError]:
    for name, amount in aggregate_requests(spec).items():
        own = resources.requests.get(name)
        if own is not None and amount.nano > parse_quantity(own).nano:
            detail = f"must be greater than or equal to aggregate container requests of {amount}"
            yield invalid((*path, "requests", MapKey(name)), str(own), detail)
    for name, amount in aggregate_limits(spec).items():
        own = resources.limits.get(name) if name.startswith(_HUGE_PAGES) else None
        if own is not None and amount.nano > parse_quantity(own).nano:
            detail = f"must be greater than or equal to aggregate container limits of {amount}"
            yield invalid((*path, "limits", MapKey(name)), str(own), detail)
    for index, container in enumerate(spec.containers):
        for name, limit in container.resources.limits.items():
            own = resources.limits.get(name)
            if own is not None and parse_quantity(limit).nano > parse_quantity(own).nano:
                shown = (*path, "containers", index, MapKey(name), "limits")
                place = ("spec", "containers", index, "resources", "limits", MapKey(name))
                yield invalid(shown, str(limit), f"must be less than or equal to pod limits of {own}", place=place)
