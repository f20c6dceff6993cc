"""Environment variables, and what they and volumes may ask of the pod itself.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom, validateObjectFieldSelector,
validateContainerResourceFieldSelector, validateFileKeyRefVolumes) and pkg/apis/core/pods/helpers.go
(ConvertDownwardAPIFieldLabel).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kubesim.model.k8s_v1 import (
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    ObjectFieldSelector,
    PodSpec,
    Quantity,
    ResourceFieldSelector,
    SecretKeySelector,
)
from kubesim.model.paths import Path
from kubesim.model.quantity import canonical_quantity
from kubesim.model.validation.field_error import (
    FieldError,
    check_problems,
    invalid,
    not_found,
    required,
    unsupported,
)
from kubesim.model.validation.names import (
    Problems,
    backstep_problems,
    config_key_problems,
    env_name_problems,
    label_problems,
    qualified_name_problems,
    relaxed_env_name_problems,
    subdomain_problems,
)
from kubesim.model.validation.options import ValidationOptions
from kubesim.model.validation.pod_facts import AnyContainer, containers_of

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
OTHER_FIELDS = ("spec.restartPolicy", "spec.schedulerName", "status.phase")
"""Fields that have a label, but that neither variables nor files may show."""
SUBSCRIPTED = ("metadata.annotations", "metadata.labels")
RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
CPU_DIVISORS = ("1m", "1")
BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")

_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_LABELS = frozenset((*ENV_FIELDS, *FILE_FIELDS, *OTHER_FIELDS))
_TOO_MANY = "may not have more than one field specified at a time"


def check_env(container: AnyContainer, path: Path, options: ValidationOptions) -> Iterator[FieldError]:
    """The variables of one container, and the sources of whole sets of them."""
    for index, variable in enumerate(container.env):
        where: Path = (*path, "env", index)
        if not variable.name:
            yield required((*where, "name"))
        else:
            problems = _name_problems(variable.name, options)
            if problems:
                yield from check_problems((*where, "name"), variable.name, problems)
        if variable.value_from is not None:
            yield from _check_value_from(variable, variable.value_from, (*where, "valueFrom"), options)
    for index, source in enumerate(container.env_from):
        yield from _check_env_from(source, (*path, "envFrom"), index, options)


def _name_problems(name: str, options: ValidationOptions) -> Problems:
    return relaxed_env_name_problems(name) if options.relaxed_env_names else env_name_problems(name)


def _check_value_from(
    variable: EnvVar, source: EnvVarSource, path: Path, options: ValidationOptions
) -> Iterator[FieldError]:
    if source.field_ref is not None:
        yield from check_field(source.field_ref, (*path, "fieldRef"), ENV_FIELDS)
    if source.resource_field_ref is not None:
        yield from check_resource_field(source.resource_field_ref, (*path, "resourceFieldRef"), in_volume=False)
    if source.config_map_key_ref is not None:
        yield from _check_key_ref(source.config_map_key_ref, (*path, "configMapKeyRef"))
    if source.secret_key_ref is not None:
        yield from _check_key_ref(source.secret_key_ref, (*path, "secretKeyRef"))
    if source.file_key_ref is not None:
        yield from _check_file_key_ref(source.file_key_ref, (*path, "fileKeyRef"))
    count = sum(getattr(source, name) is not None for name in source.__struct_fields__)
    if count == 0:
        names = ["`fieldRef`", "`resourceFieldRef`", "`configMapKeyRef`", "`secretKeyRef`"]
        names += ["`fileKeyRef`"] if options.env_files else []
        yield invalid(path, "", f"must specify one of: {', '.join(names[:-1])} or {names[-1]}")
    elif variable.value:
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif count > 1:
        yield invalid(path, "", _TOO_MANY)


def _check_key_ref(reference: ConfigMapKeySelector | SecretKeySelector, path: Path) -> Iterator[FieldError]:
    yield from check_problems((*path, "name"), reference.name, subdomain_problems(reference.name))
    if reference.key:
        yield from check_problems((*path, "key"), reference.key, config_key_problems(reference.key))
    else:
        yield required((*path, "key"))


def _check_file_key_ref(reference: FileKeySelector, path: Path) -> Iterator[FieldError]:
    for key, value, problems in (
        ("key", reference.key, relaxed_env_name_problems),
        ("volumeName", reference.volume_name, label_problems),
        ("path", reference.path, backstep_problems),
    ):
        if value:
            yield from check_problems((*path, key), value, problems(value))
        else:
            yield required((*path, key))


def _check_env_from(source: EnvFromSource, path: Path, index: int, options: ValidationOptions) -> Iterator[FieldError]:
    where: Path = (*path, index)
    if source.prefix:
        yield from check_problems((*where, "prefix"), source.prefix, _name_problems(source.prefix, options))
    found = [
        (key, reference)
        for key, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref))
        if reference is not None
    ]
    for key, reference in found:
        if reference.name:
            # A name that ends in a dash may be a prefix here: an oversight of upstream's.
            masked = reference.name[:-2] + "a" if len(reference.name) > 1 and reference.name[-1] == "-" else None
            problems = subdomain_problems(masked or reference.name)
            yield from check_problems((*where, key, "name"), reference.name, problems)
        else:
            yield required((*where, key, "name"))
    if not found:
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`", place=where)
    elif len(found) > 1:
        yield invalid(path, "", _TOO_MANY, place=where)


def check_field(
    selector: ObjectFieldSelector, path: Path, allowed: Collection[str], *, place: Path | None = None
) -> Iterator[FieldError]:
    """A field of the pod: one of `allowed`, or a single label or annotation."""
    where = path if place is None else place
    label = selector.field_path
    if not label:
        yield required((*path, "fieldPath"), place=(*where, "fieldPath"))
        return
    problem = _label_problem(selector)
    if problem:
        detail = f"error converting fieldPath: {problem}"
        yield invalid((*path, "fieldPath"), label, detail, place=(*where, "fieldPath"))
        return
    name, bracket, subscript = label.partition("['")
    if bracket:
        key = subscript.removesuffix("']")
        key = key.lower() if name == "metadata.annotations" else key
        yield from check_problems(path, key, qualified_name_problems(key), place=(*where, "fieldPath"))
        return
    name = "spec.nodeName" if label == "spec.host" else label
    if name not in allowed:
        yield unsupported((*path, "fieldPath"), name, sorted(allowed), place=(*where, "fieldPath"))


def _label_problem(selector: ObjectFieldSelector) -> str:
    label = selector.field_path
    if selector.api_version not in {"", "v1"}:
        return f"unsupported pod version: {selector.api_version}"
    name, bracket, _ = label.partition("['")
    if name and bracket and label.endswith("']"):
        return "" if name in SUBSCRIPTED else f"field label does not support subscript: {label}"
    return "" if label in _LABELS or label == "spec.host" else f"field label not supported: {label}"


def check_resource_field(
    selector: ResourceFieldSelector, path: Path, *, in_volume: bool, place: Path | None = None
) -> Iterator[FieldError]:
    """A request or limit of a container, and the unit it is shown in."""
    where = path if place is None else place
    resource = selector.resource
    if in_volume and not selector.container_name:
        yield required((*path, "containerName"), place=(*where, "containerName"))
    elif not resource:
        yield required((*path, "resource"), place=(*where, "resource"))
    elif resource not in RESOURCES and not resource.startswith(_HUGE_PAGES):
        yield unsupported((*path, "resource"), resource, RESOURCES, place=(*where, "resource"))
    problem = _divisor_problem(selector.divisor, resource)
    if problem:
        yield invalid((*path, "divisor"), resource, problem, place=(*where, "divisor"))


def _divisor_problem(divisor: Quantity, resource: str) -> str | None:
    text = canonical_quantity(divisor)
    name = "hugepages" if resource.startswith(_HUGE_PAGES) else resource.partition(".")[2]
    if text == "0" or not (name == "hugepages" or resource in RESOURCES):
        return None
    what = {"ephemeral-storage": "local ephemeral storage"}.get(name, name)
    allowed, shown = (CPU_DIVISORS, "1m and 1") if what == "cpu" else (BYTE_DIVISORS, ", ".join(BYTE_DIVISORS))
    return None if text in allowed else f"only divisor's values {shown} are supported with the {what} resource"


def check_file_volumes(spec: PodSpec) -> Iterator[FieldError]:
    """Variables from files: the file lies in an emptyDir."""
    volumes = {volume.name: volume for volume in spec.volumes}
    for path, container in containers_of(spec):
        for index, variable in enumerate(container.env):
            reference = variable.value_from.file_key_ref if variable.value_from is not None else None
            if reference is None:
                continue
            where = (*path, "env", index, "valueFrom", "fileKeyRef", "volumeName")
            volume = volumes.get(reference.volume_name)
            if volume is None:
                yield not_found(where, reference.volume_name)
            elif volume.empty_dir is None:
                yield invalid(where, reference.volume_name, "referenced volume must be of type emptyDir")
