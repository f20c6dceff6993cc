"""What containers and volumes may ask of ConfigMaps, Secrets and the pod itself, in the API server's words.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom, validateKeyToPath,
validateDownwardAPIVolumeFile, validateProjectionSources) and pkg/apis/core/pods/helpers.go
(ConvertDownwardAPIFieldLabel).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from kubesim.errors import InputError
from kubesim.model.config_data import check_key
from kubesim.model.field_error import FieldError, check_subdomain, forbidden, invalid, required, unsupported
from kubesim.model.k8s_v1 import (
    Container,
    DownwardAPIVolumeFile,
    EnvFromSource,
    EnvVar,
    EphemeralContainer,
    KeyToPath,
    ObjectFieldSelector,
    ProjectedVolumeSource,
    Quantity,
    ResourceFieldSelector,
    Volume,
)
from kubesim.model.paths import Path
from kubesim.model.quantity import canonical_quantity

MODE_MAX = 0o777
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

_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"
_NAME_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_TOO_MANY = "may not have more than one field specified at a time"


def check_env(container: Container | EphemeralContainer, path: Path) -> Iterator[FieldError]:
    """The variables of one container. Names are judged by the relaxed rule of 1.32 and later."""
    for index, variable in enumerate(container.env):
        where = (*path, "env", index)
        if not variable.name:
            yield required((*where, "name"))
        yield from _check_name((*where, "name"), variable.name)
        yield from _check_value_from(variable, (*where, "valueFrom"))
    for index, source in enumerate(container.env_from):
        yield from _check_env_from(source, (*path, "envFrom"), index)


def _check_name(path: Path, name: str) -> Iterator[FieldError]:
    if not all(" " <= letter <= "~" and letter != "=" for letter in name):
        yield invalid(path, name, _NAME_TEXT)


def _check_value_from(variable: EnvVar, path: Path) -> Iterator[FieldError]:
    source = variable.value_from
    if source is None:
        return
    if source.field_ref is not None:
        yield from _check_field(source.field_ref, (*path, "fieldRef"), ENV_FIELDS)
    if source.resource_field_ref is not None:
        yield from _check_resource(source.resource_field_ref, (*path, "resourceFieldRef"))
    keys = (("configMapKeyRef", source.config_map_key_ref), ("secretKeyRef", source.secret_key_ref))
    for key, reference in keys:
        if reference is not None:
            yield from check_subdomain((*path, key, "name"), reference.name)
            if reference.key:
                yield from check_key((*path, key, "key"), reference.key)
            else:
                yield required((*path, key, "key"))
    count = sum(getattr(source, name) is not None for name in source.__struct_fields__)
    if count == 0:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield invalid(path, "", detail)
    elif variable.value:
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif count > 1:
        yield invalid(path, "", _TOO_MANY)


def _check_env_from(source: EnvFromSource, path: Path, index: int) -> Iterator[FieldError]:
    where = (*path, index)
    yield from _check_name((*where, "prefix"), source.prefix)
    found = [
        (key, reference)
        for key, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref))
        if reference is not None
    ]
    for key, reference in found:
        if reference.name:
            yield from check_subdomain((*where, key, "name"), reference.name)
        else:
            yield required((*where, key, "name"))
    if not found:
        yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
    elif len(found) > 1:
        yield invalid(path, "", _TOO_MANY)


def check_config_volume(volume: Volume, path: Path) -> Iterator[FieldError]:
    """The source of one volume that shows objects as files; other volumes pass."""
    if volume.secret is not None:
        if not volume.secret.secret_name:
            yield required((*path, "secret", "secretName"))
        yield from _check_mode((*path, "secret", "defaultMode"), volume.secret.default_mode)
        yield from _check_items((*path, "secret"), volume.secret.items)
    if volume.config_map is not None:
        if not volume.config_map.name:
            yield required((*path, "configMap", "name"))
        yield from _check_mode((*path, "configMap", "defaultMode"), volume.config_map.default_mode)
        yield from _check_items((*path, "configMap"), volume.config_map.items)
    if volume.downward_api is not None:
        yield from _check_mode((*path, "downwardAPI", "defaultMode"), volume.downward_api.default_mode)
        for item in volume.downward_api.items:
            yield from _check_file(item, (*path, "downwardAPI"))
    if volume.projected is not None:
        yield from _check_mode((*path, "projected", "defaultMode"), volume.projected.default_mode)
        yield from _check_sources(volume.projected, (*path, "projected"))


def _check_sources(projected: ProjectedVolumeSource, path: Path) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, source in enumerate(projected.sources):
        where = (*path, "sources", index)
        for key, one in (("secret", source.secret), ("configMap", source.config_map)):
            if one is not None:
                if not one.name:
                    yield required((*where, key, "name"))
                yield from _check_items((*where, key), one.items)
                yield from _check_taken(path, [(item.path, one.name) for item in one.items], taken)
        if source.downward_api is not None:
            for item in source.downward_api.items:
                yield from _check_file(item, (*where, "downwardAPI"))
            yield from _check_taken(path, [(item.path, item.path) for item in source.downward_api.items], taken)
        if sum(getattr(source, name) is not None for name in source.__struct_fields__) > 1:
            yield forbidden(where, "may not specify more than 1 volume type per source")


def _check_taken(path: Path, named: Sequence[tuple[str, str]], taken: set[str]) -> Iterator[FieldError]:
    for item_path, shown in named:
        if item_path and item_path in taken:
            yield invalid(path, shown, "conflicting duplicate paths")
        taken.add(item_path)


def _check_items(path: Path, items: Iterable[KeyToPath]) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        where = (*path, "items", index)
        if not item.key:
            yield required((*where, "key"))
        if not item.path:
            yield required((*where, "path"))
        yield from _check_path((*where, "path"), item.path)
        yield from _check_mode((*where, "mode"), item.mode)


def _check_file(item: DownwardAPIVolumeFile, path: Path) -> Iterator[FieldError]:
    if not item.path:
        yield required((*path, "path"))
    yield from _check_path((*path, "path"), item.path)
    if item.field_ref is not None:
        yield from _check_field(item.field_ref, (*path, "fieldRef"), FILE_FIELDS)
        if item.resource_field_ref is not None:
            yield invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif item.resource_field_ref is not None:
        if not item.resource_field_ref.container_name:
            yield required((*path, "resourceFieldRef", "containerName"))
        yield from _check_resource(item.resource_field_ref, (*path, "resourceFieldRef"))
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _check_mode((*path, "mode"), item.mode)


def _check_path(path: Path, value: str) -> Iterator[FieldError]:
    if value.startswith("/"):
        yield invalid(path, value, "must be a relative path")
    if ".." in value.split("/"):
        yield invalid(path, value, "must not contain '..'")
    if value.startswith("..") and not value.startswith("../"):
        yield invalid(path, value, "must not start with '..'")


def _check_mode(path: Path, mode: int | None) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= MODE_MAX:
        yield invalid(path, mode, _MODE_TEXT)


def _check_field(selector: ObjectFieldSelector, path: Path, allowed: Collection[str]) -> Iterator[FieldError]:
    label = selector.field_path
    if not label:
        yield required((*path, "fieldPath"))
        return
    problem = _label_problem(selector)
    if problem:
        yield invalid((*path, "fieldPath"), label, f"error converting fieldPath: {problem}")
    elif "['" not in label and label not in allowed:
        yield unsupported((*path, "fieldPath"), label, sorted(allowed))


def _label_problem(selector: ObjectFieldSelector) -> str:
    label = selector.field_path
    if selector.api_version not in {"", "v1"}:
        return f"unsupported pod version: {selector.api_version}"
    name, bracket, _ = label.partition("['")
    if name and bracket and label.endswith("']"):
        return "" if name in SUBSCRIPTED else f"field label does not support subscript: {label}"
    return "" if label in {*ENV_FIELDS, *FILE_FIELDS, *OTHER_FIELDS} else f"field label not supported: {label}"


def _check_resource(selector: ResourceFieldSelector, path: Path) -> Iterator[FieldError]:
    resource = selector.resource
    is_huge = resource.startswith(("requests.hugepages-", "limits.hugepages-"))
    if not resource:
        yield required((*path, "resource"))
    elif resource not in RESOURCES and not is_huge:
        yield unsupported((*path, "resource"), resource, RESOURCES)
    yield from _check_divisor(selector.divisor, resource, (*path, "divisor"))


def _check_divisor(divisor: Quantity, resource: str, path: Path) -> Iterator[FieldError]:
    try:
        text = canonical_quantity(divisor)
    except InputError as error:
        yield invalid(path, str(divisor), error.what)
        return
    if text == "0":
        return
    name = "hugepages" if ".hugepages-" in resource else resource.partition(".")[2]
    what = {"ephemeral-storage": "local ephemeral storage"}.get(name, name)
    allowed, shown = (CPU_DIVISORS, "1m and 1") if what == "cpu" else (BYTE_DIVISORS, ", ".join(BYTE_DIVISORS))
    if text not in allowed and (name == "hugepages" or resource in RESOURCES):
        yield invalid(path, resource, f"only divisor's values {shown} are supported with the {what} resource")
