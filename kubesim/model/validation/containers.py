"""Containers, init containers and ephemeral containers.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateContainers, validateInitContainers,
validateEphemeralContainers, validateContainerCommon, validateContainerPorts, validateContainerRestartPolicy,
validateInitContainerRestartPolicy, checkHostPortConflicts).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kubesim.model.k8s_v1 import Container, ContainerPort, EphemeralContainer, PodSpec, ResourceRequirements
from kubesim.model.paths import Path
from kubesim.model.validation.environment import check_env
from kubesim.model.validation.field_error import (
    FieldError,
    Named,
    check_choice,
    check_problems,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    too_many,
    unsupported,
)
from kubesim.model.validation.handlers import check_handlers
from kubesim.model.validation.mounts import check_devices, check_mounts
from kubesim.model.validation.names import label_problems, port_problems
from kubesim.model.validation.options import ValidationOptions
from kubesim.model.validation.pod_facts import AnyContainer, PodFacts
from kubesim.model.validation.resources import check_resize_policy, check_resources
from kubesim.model.validation.security import check_security_context
from kubesim.model.validation.volumes import PULL_POLICIES

RESTART_RULES_MAX = 20
EXIT_CODES_MAX = 255

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_NO_RESOURCES = ResourceRequirements()
_PLAIN_INIT = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"


def check_containers(spec: PodSpec, facts: PodFacts) -> Iterator[FieldError]:
    """The regular containers."""
    all_containers: Path = ("spec", "containers")
    if not spec.containers:
        yield required(all_containers)
    taken: set[str] = set()
    for index, container in enumerate(spec.containers):
        path: Path = (*all_containers, index)
        yield from _check_any(container, path, facts)
        if container.name in taken:
            yield duplicate((*path, "name"), container.name)
        taken.add(container.name)
        yield from check_handlers(container, path, facts)
        if facts.options.restart_rules:
            yield from _check_restart_policy(container, path, facts.options)
        elif container.restart_policy is not None:
            yield forbidden((*path, "restartPolicy"), "may not be set for non-init containers")
    yield from _check_host_ports(spec.containers, all_containers)


def check_init_containers(spec: PodSpec, facts: PodFacts) -> Iterator[FieldError]:
    """Init containers and sidecars."""
    taken = {container.name for container in spec.containers}
    for index, container in enumerate(spec.init_containers):
        path: Path = ("spec", "initContainers", index)
        yield from _check_any(container, path, facts)
        yield from _check_init_restart_policy(container, path, facts.options)
        if container.name in taken:
            yield duplicate((*path, "name"), container.name)
        elif container.name:
            taken.add(container.name)
        # Each for itself: they run one after the other. Upstream's path says index 0 for all of them.
        yield from _check_host_ports([container], ("spec", "initContainers"), first=index)
        if container.restart_policy == "Always":
            yield from check_handlers(container, path, facts)
        else:
            for key, value in (
                ("lifecycle", container.lifecycle),
                ("livenessProbe", container.liveness_probe),
                ("readinessProbe", container.readiness_probe),
                ("startupProbe", container.startup_probe),
            ):
                if value is not None:
                    yield forbidden((*path, key), _PLAIN_INIT)
        yield from _check_init_resize(container, path, facts.options)


def _check_init_resize(container: Container, path: Path, options: ValidationOptions) -> Iterator[FieldError]:
    if container.resize_policy and not options.init_resize_policy:
        shown = [
            {"ResourceName": policy.resource_name, "RestartPolicy": policy.restart_policy}
            for policy in container.resize_policy
        ]
        yield invalid((*path, "resizePolicy"), shown, "must not be set for init containers")
    if container.restart_policy == "Always":
        return
    for index, policy in enumerate(container.resize_policy):
        if policy.restart_policy == "RestartContainer":
            where = (*path, "resizePolicy", index, "restartPolicy")
            detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid(where, Named(policy.restart_policy), detail)


def check_ephemeral_containers(spec: PodSpec, facts: PodFacts) -> Iterator[FieldError]:
    """Ephemeral containers: what they may not have, and whose processes they want to see."""
    others = {container.name for container in (*spec.containers, *spec.init_containers)}
    taken = set(others)
    for index, container in enumerate(spec.ephemeral_containers):
        path: Path = ("spec", "ephemeralContainers", index)
        yield from _check_any(container, path, facts)
        yield from check_image_spaces(container, path)
        if container.name in taken:
            yield duplicate((*path, "name"), container.name)
        taken.add(container.name)
        target = container.target_container_name
        if target and target not in others:
            yield not_found((*path, "targetContainerName"), target)
        yield from _check_not_ephemeral(container, path)


def _check_not_ephemeral(container: EphemeralContainer, path: Path) -> Iterator[FieldError]:
    """Mirrors validateFieldAllowList, in the order of the fields of core.Container."""
    for key, is_set in (
        ("ports", bool(container.ports)),
        ("resources", container.resources != _NO_RESOURCES),
        ("resizePolicy", bool(container.resize_policy)),
        ("restartPolicy", container.restart_policy is not None),
        ("restartPolicyRules", bool(container.restart_policy_rules)),
        ("livenessProbe", container.liveness_probe is not None),
        ("readinessProbe", container.readiness_probe is not None),
        ("startupProbe", container.startup_probe is not None),
        ("lifecycle", container.lifecycle is not None),
    ):
        if is_set:
            yield forbidden((*path, key), _NOT_EPHEMERAL)
    for index, mount in enumerate(container.volume_mounts):
        for key, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                yield forbidden((*path, "volumeMounts", index, key), _NOT_EPHEMERAL)


def check_image_spaces(container: AnyContainer, path: Path) -> Iterator[FieldError]:
    """Mirrors validateContainerOnlyForPod: a template may have what a pod may not."""
    if container.image != container.image.strip():
        yield invalid((*path, "image"), container.image, "must not have leading or trailing whitespace")


def _check_any(container: AnyContainer, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    """What is common to all three kinds. Mirrors validateContainerCommon."""
    if not container.name:
        yield required((*path, "name"))
    else:
        problems = label_problems(container.name)
        if problems:
            yield from check_problems((*path, "name"), container.name, problems)
    if not container.image:
        yield required((*path, "image"))
    if container.termination_message_policy not in _MESSAGE_POLICIES:
        where = (*path, "terminationMessagePolicy")
        yield unsupported(where, container.termination_message_policy, _MESSAGE_POLICIES)
    if container.ports:
        yield from _check_ports(container.ports, (*path, "ports"))
    if container.env or container.env_from:
        yield from check_env(container, path, facts.options)
    if container.volume_mounts:
        yield from check_mounts(container, path, facts)
    if container.volume_devices:
        yield from check_devices(container, path, facts)
    if container.image_pull_policy not in PULL_POLICIES:
        yield unsupported((*path, "imagePullPolicy"), container.image_pull_policy, PULL_POLICIES)
    if container.resources != _NO_RESOURCES:
        yield from check_resources(container.resources, (*path, "resources"), facts.claims)
    if container.resize_policy:
        yield from check_resize_policy(container.resize_policy, (*path, "resizePolicy"), facts.restart_policy)
    if container.security_context is not None:
        yield from check_security_context(
            container.security_context, (*path, "securityContext"), has_host_users=facts.has_host_users
        )


def _check_ports(ports: Collection[ContainerPort], path: Path) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, port in enumerate(ports):
        where: Path = (*path, index)
        if port.name:
            problems = port_problems(port.name)
            yield from check_problems((*where, "name"), port.name, problems)
            if not problems and port.name in taken:
                yield duplicate((*where, "name"), port.name)
            taken.add(port.name)
        if port.container_port == 0:
            yield required((*where, "containerPort"))
        else:
            yield from check_problems(
                (*where, "containerPort"), port.container_port, port_problems(port.container_port)
            )
        if port.host_port != 0:
            yield from check_problems((*where, "hostPort"), port.host_port, port_problems(port.host_port))
        yield from check_choice((*where, "protocol"), port.protocol, _PROTOCOLS)


def _check_host_ports(containers: Sequence[Container], path: Path, *, first: int = 0) -> Iterator[FieldError]:
    """Ports of the node that two want. `first` is the true index of the first container."""
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.ports):
            if not port.host_port:
                continue
            wanted = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if wanted in taken:
                rest = ("ports", number, "hostPort")
                yield duplicate((*path, index, *rest), wanted, place=(*path, first + index, *rest))
            taken.add(wanted)


def _check_init_restart_policy(container: Container, path: Path, options: ValidationOptions) -> Iterator[FieldError]:
    policy, rules = container.restart_policy, container.restart_policy_rules
    if policy is None:
        if rules:
            yield required((*path, "restartPolicy"), "must specify restartPolicy when restart rules are used")
    elif not options.restart_rules:
        if policy != "Always":
            yield unsupported((*path, "restartPolicy"), policy, ("Always",))
    elif policy == "Always" and not options.restart_all_containers:
        if rules:
            detail = "restartPolicyRules are not allowed for init containers with restart policy Always"
            yield forbidden((*path, "restartPolicyRules"), detail)
    else:
        yield from _check_restart_policy(container, path, options)


def _check_restart_policy(container: Container, path: Path, options: ValidationOptions) -> Iterator[FieldError]:
    policy, rules = container.restart_policy, container.restart_policy_rules
    if policy is None:
        if not rules:
            return
        yield required((*path, "restartPolicy"), "must specify restartPolicy when restart rules are used")
    else:
        yield from check_choice((*path, "restartPolicy"), policy, _RESTART_POLICIES)
    where: Path = (*path, "restartPolicyRules")
    if len(rules) > RESTART_RULES_MAX:
        yield too_many(where, len(rules), RESTART_RULES_MAX)
    actions = ("Restart", "RestartAllContainers") if options.restart_all_containers else ("Restart",)
    for index, rule in enumerate(rules):
        yield from check_choice((*where, index, "action"), rule.action, actions)
        codes: Path = (*where, index, "exitCodes")
        if rule.exit_codes is None:
            yield required(codes, "must be specified")
            continue
        yield from check_choice((*codes, "operator"), rule.exit_codes.operator, ("In", "NotIn"))
        if len(rule.exit_codes.values) > EXIT_CODES_MAX:
            yield too_many((*codes, "values"), len(rule.exit_codes.values), EXIT_CODES_MAX)
