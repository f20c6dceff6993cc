"""A pod that is to be stored.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidatePodCreate, validatePodMetadataAndSpec,
ValidatePodSpec). It runs on the pod after defaulting, as the API server does.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import DownwardAPIVolumeFile, Pod, PodSpec, ResourceRequirements, Volume
from kubesim.model.paths import Path
from kubesim.model.validation import pod_network, scheduling
from kubesim.model.validation.containers import (
    check_containers,
    check_ephemeral_containers,
    check_image_spaces,
    check_init_containers,
)
from kubesim.model.validation.environment import check_file_volumes
from kubesim.model.validation.field_error import (
    ID_MAX,
    FieldError,
    check_choice,
    check_problems,
    check_range,
    duplicate,
    forbidden,
    input_errors,
    invalid,
    required,
)
from kubesim.model.validation.go_value import go_value
from kubesim.model.validation.metadata import check_metadata
from kubesim.model.validation.names import label_problems, subdomain_problems
from kubesim.model.validation.operating_system import check_host_process, check_operating_system
from kubesim.model.validation.options import DEFAULT_OPTIONS, ValidationOptions
from kubesim.model.validation.pod_annotations import check_pod_annotations, check_profiles_match
from kubesim.model.validation.pod_facts import PodFacts, containers_of
from kubesim.model.validation.resources import check_amounts, check_pod_resources, check_resources, quantity_problem
from kubesim.model.validation.security import check_pod_security_context
from kubesim.model.validation.volumes import check_volumes
from kubesim.model.yaml_text import Document

_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_PREEMPTION_POLICIES = ("PreemptLowerPriority", "Never")


def validate_pod(
    pod: Pod, document: Document, path: Path = (), options: ValidationOptions = DEFAULT_OPTIONS
) -> list[InputError]:
    """Every refusal as `file:line:column: spec.containers[0].image: Required value`; empty for a good pod.

    `pod` is the defaulted pod that `document` holds at `path`.
    """
    return input_errors(pod_errors(pod, options), document, path)


def quantity_errors(pod: Pod) -> list[FieldError]:
    """Resource amounts that are none. To be asked before defaulting, which computes with them."""
    spec = pod.spec
    found: list[FieldError] = []
    for path, container in containers_of(spec):
        found += check_amounts(container.resources.limits, (*path, "resources", "limits"))
        found += check_amounts(container.resources.requests, (*path, "resources", "requests"))
        for index, variable in enumerate(container.env):
            reference = variable.value_from.resource_field_ref if variable.value_from is not None else None
            if reference is not None:
                where = (*path, "env", index, "valueFrom", "resourceFieldRef", "divisor")
                found += _amount_errors(where, reference.divisor, quantity_problem(reference.divisor))
    if spec.resources is not None:
        found += check_amounts(spec.resources.limits, ("spec", "resources", "limits"))
        found += check_amounts(spec.resources.requests, ("spec", "resources", "requests"))
    found += check_amounts(spec.overhead, ("spec", "overhead"))
    for index, volume in enumerate(spec.volumes):
        found += _volume_quantities(volume, ("spec", "volumes", index))
    return found


def _volume_quantities(volume: Volume, path: Path) -> Iterator[FieldError]:
    if volume.empty_dir is not None and volume.empty_dir.size_limit is not None:
        limit = volume.empty_dir.size_limit
        yield from _amount_errors((*path, "emptyDir", "sizeLimit"), limit, quantity_problem(limit))
    lists: list[tuple[Path, list[DownwardAPIVolumeFile]]] = []
    if volume.downward_api is not None:
        lists.append((("downwardAPI", "items"), volume.downward_api.items))
    for number, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
        if source.downward_api is not None:
            lists.append((("projected", "sources", number, "downwardAPI", "items"), source.downward_api.items))
    for steps, items in lists:
        for index, item in enumerate(items):
            if item.resource_field_ref is not None:
                divisor = item.resource_field_ref.divisor
                where = (*path, *steps, index, "resourceFieldRef", "divisor")
                yield from _amount_errors(where, divisor, quantity_problem(divisor))


def _amount_errors(path: Path, amount: object, problem: str | None) -> Iterator[FieldError]:
    if problem is not None:
        yield invalid(path, str(amount), problem)


def pod_errors(pod: Pod, options: ValidationOptions = DEFAULT_OPTIONS) -> list[FieldError]:
    """Every refusal of a defaulted pod that is new, in the API server's order."""
    return [*metadata_and_spec_errors(pod, options), *_check_create(pod, options)]


def metadata_and_spec_errors(pod: Pod, options: ValidationOptions) -> Iterator[FieldError]:
    """What is asked of a new pod and of a changed one. Mirrors validatePodMetadataAndSpec."""
    yield from check_metadata(pod.metadata)
    if pod.metadata.annotations:
        yield from check_pod_annotations(pod)
    yield from _check_spec(pod, options)
    spec = pod.spec
    if not spec.service_account_name and not options.names_service_account:
        yield from _check_tokens(spec)
    for kind, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            yield from check_image_spaces(container, ("spec", kind, index))


def _check_tokens(spec: PodSpec) -> Iterator[FieldError]:
    for index, volume in enumerate(spec.volumes):
        for number, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
            if source.service_account_token is not None:
                where = ("spec", "volumes", index, "projected", "sources", number, "serviceAccountToken")
                yield forbidden(where, "must not be specified when serviceAccountName is not set")


def _check_create(pod: Pod, options: ValidationOptions) -> Iterator[FieldError]:
    spec = pod.spec
    if spec.ephemeral_containers and not options.ephemeral_containers_on_create:
        yield forbidden(("spec", "ephemeralContainers"), "cannot be set on create")
    yield from check_gates_and_node(spec)
    if pod.metadata.annotations:
        yield from check_profiles_match(pod)


def check_gates_and_node(spec: PodSpec) -> Iterator[FieldError]:
    """A pod that waits for its scheduling gates is on no node."""
    if spec.node_name and spec.scheduling_gates:
        yield forbidden(("spec", "nodeName"), "cannot be set until all schedulingGates have been cleared")


def _check_spec(pod: Pod, options: ValidationOptions) -> Iterator[FieldError]:
    spec = pod.spec
    volumes: dict[str, Volume] = {}
    if spec.volumes:
        yield from check_volumes(pod, volumes)
    claims: frozenset[str] = frozenset()
    if spec.resource_claims:
        claims = frozenset(claim.name for claim in spec.resource_claims if claim.name)
        yield from _check_claims(spec)
    facts = _facts(spec, volumes, claims, options)
    yield from check_containers(spec, facts)
    if spec.init_containers:
        yield from check_init_containers(spec, facts)
    if spec.ephemeral_containers:
        yield from check_ephemeral_containers(spec, facts)
    if spec.resources is not None and options.pod_level_resources:
        yield from check_pod_resources(spec, claims)
    yield from _check_node_side(pod, options)
    yield from _check_names(spec)
    if spec.tolerations:
        yield from scheduling.check_tolerations(spec.tolerations, ("spec", "tolerations"), options)
    if spec.host_aliases:
        yield from pod_network.check_host_aliases(spec.host_aliases, options)
    yield from _check_classes(spec, options)


def _facts(spec: PodSpec, volumes: dict[str, Volume], claims: frozenset[str], options: ValidationOptions) -> PodFacts:
    return PodFacts(
        options=options,
        volumes=volumes,
        claims=claims,
        grace_seconds=spec.termination_grace_period_seconds,
        restart_policy=spec.restart_policy,
        os=spec.os.name if spec.os is not None else None,
        has_host_users=spec.host_users is not False,
    )


def ephemeral_errors(spec: PodSpec, options: ValidationOptions = DEFAULT_OPTIONS) -> Iterator[FieldError]:
    """Every refusal of the ephemeral containers of a spec that is good otherwise."""
    volumes = {volume.name: volume for volume in spec.volumes}
    claims = frozenset(claim.name for claim in spec.resource_claims)
    return check_ephemeral_containers(spec, _facts(spec, volumes, claims, options))


def _check_node_side(pod: Pod, options: ValidationOptions) -> Iterator[FieldError]:
    """From the host network to the name of the host, in upstream's order."""
    spec = pod.spec
    if spec.host_network:
        yield from pod_network.check_host_network_ports(spec)
    if spec.restart_policy not in _RESTART_POLICIES:
        yield from check_choice(("spec", "restartPolicy"), spec.restart_policy, _RESTART_POLICIES)
    if spec.dns_policy not in _DNS_POLICIES:
        yield from check_choice(("spec", "dnsPolicy"), spec.dns_policy, _DNS_POLICIES)
    if spec.node_selector:
        yield from scheduling.check_labels(spec.node_selector, ("spec", "nodeSelector"))
    yield from check_pod_security_context(spec, options)
    if spec.affinity is not None:
        yield from scheduling.check_affinity(spec.affinity, pod.metadata.labels)
    yield from pod_network.check_dns(spec, options)
    if spec.readiness_gates or spec.scheduling_gates:
        yield from scheduling.check_gates(spec)
    if spec.topology_spread_constraints:
        yield from scheduling.check_spread_constraints(spec.topology_spread_constraints, pod.metadata.labels)
    yield from check_host_process(spec)
    yield from pod_network.check_host_users(spec, options)
    yield from pod_network.check_hostname_override(spec)


def _check_names(spec: PodSpec) -> Iterator[FieldError]:
    if spec.service_account_name:
        yield from _check_subdomain("serviceAccountName", spec.service_account_name)
    if spec.node_name:
        yield from _check_subdomain("nodeName", spec.node_name)
    yield from check_range(("spec", "activeDeadlineSeconds"), spec.active_deadline_seconds, 1, ID_MAX)
    for key, value in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if value:
            yield from check_problems(("spec", key), value, label_problems(value))


def _check_classes(spec: PodSpec, options: ValidationOptions) -> Iterator[FieldError]:
    """From the priority to the system, in upstream's order."""
    if spec.priority_class_name:
        yield from _check_subdomain("priorityClassName", spec.priority_class_name)
    if spec.runtime_class_name is not None:
        yield from _check_subdomain("runtimeClassName", spec.runtime_class_name)
    if spec.preemption_policy is not None:
        yield from check_choice(("spec", "preemptionPolicy"), spec.preemption_policy, _PREEMPTION_POLICIES)
    if spec.overhead:
        yield from check_resources(ResourceRequirements(limits=spec.overhead), ("spec", "overhead"), ())
    if spec.os is not None:
        yield from check_operating_system(spec)
    if options.env_files:
        yield from check_file_volumes(spec)


def _check_subdomain(key: str, value: str) -> Iterator[FieldError]:
    return check_problems(("spec", key), value, subdomain_problems(value))


def _check_claims(spec: PodSpec) -> Iterator[FieldError]:
    """spec.resourceClaims. Mirrors validatePodResourceClaim."""
    taken: set[str] = set()
    for index, claim in enumerate(spec.resource_claims):
        where: Path = ("spec", "resourceClaims", index)
        if not claim.name:
            yield required((*where, "name"))
        elif claim.name in taken:
            yield duplicate((*where, "name"), claim.name)
        else:
            yield from check_problems((*where, "name"), claim.name, label_problems(claim.name))
            taken.add(claim.name)
        names = (claim.resource_claim_name, claim.resource_claim_template_name)
        if None not in names:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid(where, go_value(claim), detail)
        if names == (None, None):
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            yield invalid(where, go_value(claim), detail)
        for key, name in zip(("resourceClaimName", "resourceClaimTemplateName"), names, strict=True):
            if name is not None:
                yield from check_problems((*where, key), name, subdomain_problems(name))
