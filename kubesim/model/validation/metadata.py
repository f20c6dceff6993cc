"""Metadata of any object: names, labels, annotations, owners, finalizers.

Mirrors apimachinery: pkg/api/validation/objectmeta.go (ValidateObjectMetaAccessor, ValidateAnnotations,
ValidateOwnerReferences, ValidateFinalizers) and Kubernetes: pkg/apis/core/validation/validation.go,
validateKubeFinalizerName.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubesim.model.k8s_meta import ObjectMeta, OwnerReference
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    NOT_NEGATIVE,
    FieldError,
    byte_length,
    check_problems,
    forbidden,
    invalid,
    required,
    too_long,
)
from kubesim.model.validation.names import label_problems, qualified_name_problems, subdomain_problems
from kubesim.model.validation.scheduling import check_labels

ANNOTATIONS_BYTES_MAX = 256 * 1024

_PATH: Path = ("metadata",)
_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_UNCHANGED = "field is immutable"


def check_metadata(meta: ObjectMeta) -> Iterator[FieldError]:
    """The metadata of a pod, ConfigMap or Secret that is to be stored."""
    if meta.generate_name:
        name = meta.generate_name
        masked = name[:-2] + "a" if len(name) > 1 and name[-1] == "-" else name
        yield from check_problems((*_PATH, "generateName"), name, subdomain_problems(masked))
    if not meta.name and meta.generate_name:
        # An API server would have made one up before it looked.
        yield required((*_PATH, "name"), "no name is made out of generateName here")
    elif not meta.name:
        yield required((*_PATH, "name"), "name or generateName is required")
    else:
        problems = subdomain_problems(meta.name)
        if problems:
            yield from check_problems((*_PATH, "name"), meta.name, problems)
    problems = label_problems(meta.namespace)
    if problems:
        yield from check_problems((*_PATH, "namespace"), meta.namespace, problems)
    if meta.generation < 0:
        yield invalid((*_PATH, "generation"), meta.generation, NOT_NEGATIVE)
    yield from _check_changeable(meta)
    if meta.finalizers:
        yield from _check_finalizers(meta.finalizers)


def check_metadata_update(new: ObjectMeta, old: ObjectMeta) -> Iterator[FieldError]:
    """What an update may not change, and what it may, judged again. Mirrors ValidateObjectMetaAccessorUpdate."""
    if old.deletion_timestamp is not None:
        extra = sorted({*new.finalizers} - {*old.finalizers})
        if extra:
            shown = "[]string{" + ", ".join(f'"{name}"' for name in extra) + "}"
            detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
            yield forbidden((*_PATH, "finalizers"), detail)
    for key, value, before in (
        ("name", new.name, old.name),
        ("namespace", new.namespace, old.namespace),
        ("uid", new.uid, old.uid),
    ):
        if value != before:
            yield invalid((*_PATH, key), value, _UNCHANGED)
    yield from _check_changeable(new)


def _check_changeable(meta: ObjectMeta) -> Iterator[FieldError]:
    if meta.labels:
        yield from check_labels(meta.labels, (*_PATH, "labels"))
    if meta.annotations:
        yield from check_annotations(meta.annotations, (*_PATH, "annotations"))
    if meta.owner_references:
        yield from _check_owners(meta.owner_references, (*_PATH, "ownerReferences"))


def check_annotations(annotations: Mapping[str, str], path: Path) -> Iterator[FieldError]:
    """Keys and size of annotations; upstream's path does not say which."""
    for key in annotations:
        problems = qualified_name_problems(key.lower())
        if problems:
            yield from check_problems(path, key, problems, place=(*path, key))
    if sum(byte_length(key) + byte_length(value) for key, value in annotations.items()) > ANNOTATIONS_BYTES_MAX:
        yield too_long(path, ANNOTATIONS_BYTES_MAX)


def _check_owners(owners: Sequence[OwnerReference], path: Path) -> Iterator[FieldError]:
    first = ""
    for index, owner in enumerate(owners):
        place: Path = (*path, index)
        group, slash, version = owner.api_version.rpartition("/")
        if not version:
            yield invalid((*path, "apiVersion"), owner.api_version, "version must not be empty", place=place)
        for key, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                yield invalid((*path, key), value, "must not be empty", place=place)
        if (group, slash, version, owner.kind) == ("", "", "v1", "Event"):
            detail = "/v1, Kind=Event is disallowed from being an owner"
            yield invalid(path, _shown(owner), detail, place=place)
        if not owner.controller:
            continue
        name = f"{owner.kind}/{owner.name}"
        if first:
            detail = (
                f'Only one reference can have Controller set to true. Found "true" in references for {first} and {name}'
            )
            yield invalid(path, [_shown(one) for one in owners], detail, place=place)
        else:
            first = name


def _shown(owner: OwnerReference) -> dict[str, Any]:
    """An owner as Go marshals it, in the order of its fields."""
    found = msgspec.to_builtins(owner)
    return {
        key: found[key]
        for key in ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
        if key in found
    }


def _check_finalizers(finalizers: Sequence[str]) -> Iterator[FieldError]:
    path: Path = (*_PATH, "finalizers")
    for index, finalizer in enumerate(finalizers):
        yield from check_problems(path, finalizer, qualified_name_problems(finalizer), place=(*path, index))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        yield invalid(path, list(finalizers), "finalizer orphan and foregroundDeletion cannot be both set")
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in _FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid((*path, index), finalizer, detail)
