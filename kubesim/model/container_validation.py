"""What the API server refuses in a container, as far as a kubelet's life depends on it.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateContainers, validateInitContainers,
validateEphemeralContainers, ValidateVolumeMounts, validateProbe, validateContainerPorts and the functions they call).
The values are those after defaulting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from kubesim.errors import InputError
from kubesim.model.field_error import (
    FieldError,
    check_choice,
    check_label,
    check_not_negative,
    check_range,
    duplicate,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kubesim.model.k8s_v1 import (
    Container,
    ContainerPort,
    EphemeralContainer,
    Lifecycle,
    Probe,
    Quantity,
    ResourceRequirements,
    SecurityContext,
    VolumeMount,
)
from kubesim.model.paths import MapKey, Path
from kubesim.model.quantity import parse_quantity
from kubesim.model.source_validation import check_env

ID_MAX = 2**31 - 1
PORT_MAX = 65535
RESTART_RULES_MAX = 20
EXIT_CODES_MAX = 255

PULL_POLICIES = ("Always", "IfNotPresent", "Never")

AnyContainer = Container | EphemeralContainer


def check_containers(
    containers: Collection[AnyContainer], kind: str, volumes: Collection[str], taken: set[str]
) -> Iterator[FieldError]:
    """All mistakes of one list of containers.

    `kind` is the list's JSON name: containers, initContainers or ephemeralContainers. `volumes` are the names that may
    be mounted; `taken` are the names of containers checked before, and grows.
    """
    for index, container in enumerate(containers):
        path: Path = ("spec", kind, index)
        yield from _check_names(container, path, taken)
        taken.add(container.name)
        yield from _check_policies(container, path)
        yield from check_resources(container.resources, (*path, "resources"))
        yield from _check_mounts(container, path, volumes)
        yield from _check_ports(container.ports, (*path, "ports"))
        yield from check_env(container, path)
        if container.security_context is not None:
            yield from _check_security(container.security_context, (*path, "securityContext"))
        if kind == "ephemeralContainers":
            yield from _check_ephemeral(container, path)
            continue
        if kind == "initContainers" and container.restart_policy != "Always":
            yield from _check_plain_init(container, path)
        yield from _check_probes(container, path)


def check_amounts(resources: ResourceRequirements, path: Path) -> Iterator[FieldError]:
    """Quantities that do not parse, or are negative."""
    yield from check_amount_map(resources.limits, (*path, "limits"))
    yield from check_amount_map(resources.requests, (*path, "requests"))


def check_amount_map(amounts: Mapping[str, Quantity], path: Path) -> Iterator[FieldError]:
    """The same for one map of resource names to quantities."""
    for name, amount in amounts.items():
        parsed = _nano(amount)
        if isinstance(parsed, str):
            yield invalid((*path, MapKey(name)), str(amount), parsed)
        elif parsed < 0:
            yield invalid((*path, MapKey(name)), str(amount), "must be greater than or equal to 0")


def check_resources(resources: ResourceRequirements, path: Path) -> Iterator[FieldError]:
    """Amounts as in `check_amounts`, and requests above their limits."""
    yield from check_amounts(resources, path)
    for name, request in resources.requests.items():
        limit = resources.limits.get(name)
        wanted, allowed = _nano(request), None if limit is None else _nano(limit)
        if isinstance(wanted, int) and isinstance(allowed, int) and wanted > allowed:
            detail = f"must be less than or equal to {name} limit of {limit}"
            yield invalid((*path, "requests"), str(request), detail)


def _nano(amount: Quantity) -> int | str:
    try:
        return parse_quantity(amount).nano
    except InputError as error:
        return error.what


def _check_names(container: AnyContainer, path: Path, taken: Collection[str]) -> Iterator[FieldError]:
    if not container.name:
        yield required((*path, "name"))
    else:
        yield from check_label((*path, "name"), container.name)
        if container.name in taken:
            yield duplicate((*path, "name"), container.name)
    if not container.image:
        yield required((*path, "image"))
    elif container.image != container.image.strip():
        yield invalid((*path, "image"), container.image, "must not have leading or trailing whitespace")


def _check_policies(container: AnyContainer, path: Path) -> Iterator[FieldError]:
    yield from check_choice((*path, "imagePullPolicy"), container.image_pull_policy, PULL_POLICIES)
    policies = ("File", "FallbackToLogsOnError")
    yield from check_choice((*path, "terminationMessagePolicy"), container.termination_message_policy, policies)
    yield from check_choice((*path, "restartPolicy"), container.restart_policy, ("Always", "Never", "OnFailure"))
    rules, where = container.restart_policy_rules, (*path, "restartPolicyRules")
    if rules and container.restart_policy is None:
        yield required((*path, "restartPolicy"), "must specify restartPolicy when restart rules are used")
    if len(rules) > RESTART_RULES_MAX:
        yield FieldError(path=where, body=f"Too many: {len(rules)}: must have at most {RESTART_RULES_MAX} items")
    for index, rule in enumerate(rules):
        if rule.action not in ("Restart", "RestartAllContainers"):
            yield unsupported((*where, index, "action"), rule.action, ("Restart", "RestartAllContainers"))
        if rule.exit_codes is None:
            yield required((*where, index, "exitCodes"), "must be specified")
            continue
        codes = (*where, index, "exitCodes")
        yield from check_choice((*codes, "operator"), rule.exit_codes.operator, ("In", "NotIn"))
        if len(rule.exit_codes.values) > EXIT_CODES_MAX:
            body = f"Too many: {len(rule.exit_codes.values)}: must have at most {EXIT_CODES_MAX} items"
            yield FieldError(path=(*codes, "values"), body=body)


def _check_mounts(container: AnyContainer, path: Path, volumes: Collection[str]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        where = (*path, "volumeMounts", index)
        if not mount.name:
            yield required((*where, "name"))
        elif mount.name not in volumes:
            yield not_found((*where, "name"), mount.name)
        if not mount.mount_path:
            yield required((*where, "mountPath"))
        elif mount.mount_path in seen:
            yield invalid((*where, "mountPath"), mount.mount_path, "must be unique")
        seen.add(mount.mount_path)
        yield from _check_sub_path(mount, where)
        yield from _check_propagation(mount, where, container.security_context)


def _check_sub_path(mount: VolumeMount, path: Path) -> Iterator[FieldError]:
    for key, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
        if value.startswith("/"):
            yield invalid((*path, key), value, "must be a relative path")
        elif ".." in value.split("/"):
            yield invalid((*path, key), value, "must not contain '..'")
    if mount.sub_path and mount.sub_path_expr:
        detail = "subPathExpr and subPath are mutually exclusive"
        yield invalid((*path, "subPathExpr"), mount.sub_path_expr, detail)


def _check_propagation(mount: VolumeMount, path: Path, security: SecurityContext | None) -> Iterator[FieldError]:
    modes = ("Bidirectional", "HostToContainer", "None")
    yield from check_choice((*path, "mountPropagation"), mount.mount_propagation, modes)
    if mount.mount_propagation == "Bidirectional" and not (security is not None and security.privileged):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden((*path, "mountPropagation"), detail)
    recursive = mount.recursive_read_only
    yield from check_choice((*path, "recursiveReadOnly"), recursive, ("Disabled", "Enabled", "IfPossible"))
    if recursive in ("Enabled", "IfPossible"):
        if not mount.read_only:
            yield forbidden((*path, "recursiveReadOnly"), "may only be specified when readOnly is true")
        if mount.mount_propagation not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            yield forbidden((*path, "recursiveReadOnly"), detail)


def _check_ports(ports: Collection[ContainerPort], path: Path) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        where = (*path, index)
        if port.name and port.name in names:
            yield duplicate((*where, "name"), port.name)
        names.add(port.name)
        if port.container_port == 0:
            yield required((*where, "containerPort"))
        else:
            yield from check_range((*where, "containerPort"), port.container_port, 1, PORT_MAX)
        if port.host_port != 0:
            yield from check_range((*where, "hostPort"), port.host_port, 1, PORT_MAX)
        yield from check_choice((*where, "protocol"), port.protocol, ("SCTP", "TCP", "UDP"))


def _check_security(security: SecurityContext, path: Path) -> Iterator[FieldError]:
    yield from check_range((*path, "runAsUser"), security.run_as_user, 0, ID_MAX)
    yield from check_range((*path, "runAsGroup"), security.run_as_group, 0, ID_MAX)
    yield from check_choice((*path, "procMount"), security.proc_mount, ("Default", "Unmasked"))
    if security.allow_privilege_escalation is False and security.privileged:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield invalid(path, "", detail)


def _check_ephemeral(container: AnyContainer, path: Path) -> Iterator[FieldError]:
    present: tuple[tuple[str, object], ...] = (
        ("ports", container.ports),
        ("resources", container.resources != ResourceRequirements()),
        ("resizePolicy", container.resize_policy),
        ("restartPolicy", container.restart_policy),
        ("restartPolicyRules", container.restart_policy_rules),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
        ("lifecycle", container.lifecycle),
    )
    for key, value in present:
        if value:
            yield forbidden((*path, key), "cannot be set for an Ephemeral Container")
    for index, mount in enumerate(container.volume_mounts):
        for key, sub_path in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if sub_path:
                yield forbidden((*path, "volumeMounts", index, key), "cannot be set for an Ephemeral Container")


def _check_plain_init(container: AnyContainer, path: Path) -> Iterator[FieldError]:
    present: tuple[tuple[str, object], ...] = (
        ("lifecycle", container.lifecycle),
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    )
    for key, value in present:
        if value is not None:
            yield forbidden((*path, key), "may not be set for init containers without restartPolicy=Always")


def _check_probes(container: AnyContainer, path: Path) -> Iterator[FieldError]:
    probes = (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    )
    for key, probe in probes:
        if probe is None:
            continue
        where = (*path, key)
        yield from _check_probe(probe, where)
        if key != "readinessProbe" and probe.success_threshold != 1:
            yield invalid((*where, "successThreshold"), probe.success_threshold, "must be 1")
        if key == "readinessProbe" and probe.termination_grace_period_seconds is not None:
            seconds = probe.termination_grace_period_seconds
            yield invalid((*where, "terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes")
    if container.lifecycle is not None:
        yield from _check_lifecycle(container.lifecycle, (*path, "lifecycle"))


def _check_probe(probe: Probe, path: Path) -> Iterator[FieldError]:
    yield from _check_handlers(
        (("exec", probe.exec), ("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket), ("grpc", probe.grpc)), path
    )
    for key, value in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        yield from check_not_negative((*path, key), value)
    seconds = probe.termination_grace_period_seconds
    if seconds is not None and seconds <= 0:
        yield invalid((*path, "terminationGracePeriodSeconds"), seconds, "must be greater than 0")


def _check_lifecycle(lifecycle: Lifecycle, path: Path) -> Iterator[FieldError]:
    for key, handler in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if handler is not None:
            handlers = (
                ("exec", handler.exec),
                ("httpGet", handler.http_get),
                ("tcpSocket", handler.tcp_socket),
                ("sleep", handler.sleep),
            )
            yield from _check_handlers(handlers, (*path, key))


def _check_handlers(handlers: Collection[tuple[str, object]], path: Path) -> Iterator[FieldError]:
    given = [(key, value) for key, value in handlers if value is not None]
    if not given:
        yield required(path, "must specify a handler type")
    for key, _ in given[1:]:
        yield forbidden((*path, key), "may not specify more than 1 handler type")
