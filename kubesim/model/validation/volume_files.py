"""Volumes that show objects as files: secret, configMap, downwardAPI and projected.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateSecretVolumeSource, validateConfigMapVolumeSource,
validateKeyToPath, validateDownwardAPIVolumeFile, validateProjectionSources). Upstream's paths of downward API files and
of tokens forget which item it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kubesim.model.k8s_v1 import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    KeyToPath,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
)
from kubesim.model.paths import Path
from kubesim.model.validation.environment import FILE_FIELDS, check_field, check_resource_field
from kubesim.model.validation.field_error import FieldError, check_problems, forbidden, invalid, required
from kubesim.model.validation.names import file_path_problems

MODE_MAX = 0o777
TOKEN_SECONDS_MIN = 600
TOKEN_SECONDS_MAX = 2**32

_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"


def check_secret(source: SecretVolumeSource, path: Path) -> Iterator[FieldError]:
    """A secret volume at `path`."""
    if not source.secret_name:
        yield required((*path, "secretName"))
    yield from _check_mode((*path, "defaultMode"), source.default_mode)
    yield from _check_items(source.items, path)


def check_config_map(source: ConfigMapVolumeSource, path: Path) -> Iterator[FieldError]:
    """A configMap volume at `path`."""
    if not source.name:
        yield required((*path, "name"))
    yield from _check_mode((*path, "defaultMode"), source.default_mode)
    yield from _check_items(source.items, path)


def check_downward_api(source: DownwardAPIVolumeSource, path: Path) -> Iterator[FieldError]:
    """A downwardAPI volume at `path`."""
    yield from _check_mode((*path, "defaultMode"), source.default_mode)
    for index, item in enumerate(source.items):
        yield from _check_file(item, path, (*path, "items", index))


def check_projected(source: ProjectedVolumeSource, path: Path) -> Iterator[FieldError]:
    """A projected volume at `path`, and files of its sources that have the same path."""
    yield from _check_mode((*path, "defaultMode"), source.default_mode)
    taken: set[str] = set()
    for index, one in enumerate(source.sources):
        where: Path = (*path, "sources", index)
        for key, projection in (("secret", one.secret), ("configMap", one.config_map)):
            if projection is None:
                continue
            if not projection.name:
                yield required((*where, key, "name"))
            for number, item in enumerate(projection.items):
                place: Path = (*where, key, "items", number)
                yield from _check_item(item, place)
                yield from _check_taken(item.path, projection.name, taken, path, (*place, "path"))
        if one.downward_api is not None:
            for number, file in enumerate(one.downward_api.items):
                place = (*where, "downwardAPI", "items", number)
                yield from _check_file(file, (*where, "downwardAPI"), place)
                yield from _check_taken(file.path, file.path, taken, path, (*place, "path"))
        if one.service_account_token is not None:
            yield from _check_token(one.service_account_token, (*where, "serviceAccountToken"), path)
        if sum(getattr(one, name) is not None for name in one.__struct_fields__) > 1:
            yield forbidden(where, "may not specify more than 1 volume type per source")


def _check_taken(file: str, shown: str, taken: set[str], path: Path, place: Path) -> Iterator[FieldError]:
    if file and file in taken:
        yield invalid(path, shown, "conflicting duplicate paths", place=place)
    taken.add(file)


def _check_token(token: ServiceAccountTokenProjection, path: Path, volume: Path) -> Iterator[FieldError]:
    seconds = token.expiration_seconds
    if seconds is not None and seconds < TOKEN_SECONDS_MIN:
        yield invalid((*path, "expirationSeconds"), seconds, "may not specify a duration less than 10 minutes")
    if seconds is not None and seconds > TOKEN_SECONDS_MAX:
        yield invalid((*path, "expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds")
    place = (*path, "path")
    if not token.path:
        yield required((*volume, "path"), place=place)
    else:
        yield from check_problems((*volume, "path"), token.path, file_path_problems(token.path), place=place)


def _check_items(items: Sequence[KeyToPath], path: Path) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        yield from _check_item(item, (*path, "items", index))


def _check_item(item: KeyToPath, path: Path) -> Iterator[FieldError]:
    if not item.key:
        yield required((*path, "key"))
    if not item.path:
        yield required((*path, "path"))
    yield from check_problems((*path, "path"), item.path, file_path_problems(item.path))
    yield from _check_mode((*path, "mode"), item.mode)


def _check_file(item: DownwardAPIVolumeFile, path: Path, place: Path) -> Iterator[FieldError]:
    if not item.path:
        yield required((*path, "path"), place=(*place, "path"))
    problems = file_path_problems(item.path)
    yield from check_problems((*path, "path"), item.path, problems, place=(*place, "path"))
    if item.field_ref is not None:
        yield from check_field(item.field_ref, (*path, "fieldRef"), FILE_FIELDS, place=(*place, "fieldRef"))
        if item.resource_field_ref is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield invalid(path, "resource", detail, place=place)
    elif item.resource_field_ref is not None:
        where = (*place, "resourceFieldRef")
        yield from check_resource_field(
            item.resource_field_ref, (*path, "resourceFieldRef"), in_volume=True, place=where
        )
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required", place=place)
    yield from _check_mode((*path, "mode"), item.mode, place=(*place, "mode"))


def _check_mode(path: Path, mode: int | None, *, place: Path | None = None) -> Iterable[FieldError]:
    if mode is not None and not 0 <= mode <= MODE_MAX:
        yield invalid(path, mode, _MODE_TEXT, place=place)
