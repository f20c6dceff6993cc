"""Annotations of a pod that mean something: mirror pods, deletion cost, and the old profiles of seccomp and AppArmor.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidatePodSpecificAnnotations,
ValidatePodSpecificAnnotationUpdates, ValidateSeccompPodAnnotations, ValidateAppArmorPodAnnotations,
validateSeccompAnnotationsAndFields, validateAppArmorAnnotationsAndFieldsMatchOnCreate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kubesim.model.go_quote import go_quote
from kubesim.model.k8s_v1 import AppArmorProfile, Pod, PodSpec, SeccompProfile
from kubesim.model.paths import ChildName, MapKey, Path
from kubesim.model.validation.field_error import FieldError, check_problems, forbidden, invalid
from kubesim.model.validation.names import descending_path_problems
from kubesim.model.validation.pod_facts import containers_of

MIRROR = "kubernetes.io/config.mirror"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"

_PATH: Path = ("metadata", "annotations")
_SECCOMP = {"RuntimeDefault": ("runtime/default", "docker/default"), "Unconfined": ("unconfined",)}
_INT32 = range(-(2**31), 2**31)
_NUMBER = re.compile("0|-?[1-9][0-9]*")


def check_pod_annotations(pod: Pod) -> Iterator[FieldError]:
    """The annotations that upstream knows."""
    annotations = pod.metadata.annotations
    mirror = annotations.get(MIRROR)
    if mirror is not None and not pod.spec.node_name:
        yield invalid((*_PATH, MapKey(MIRROR)), mirror, "must set spec.nodeName if mirror pod annotation is set")
    cost = annotations.get(DELETION_COST)
    if cost is not None and not (_NUMBER.fullmatch(cost) and int(cost) in _INT32):
        yield invalid((*_PATH, MapKey(DELETION_COST)), cost, "must be a 32bit integer")
    for key, value in annotations.items():
        if key == SECCOMP_POD or key.startswith(SECCOMP_CONTAINER):
            yield from _check_seccomp(value, (*_PATH, ChildName(key)))
    names = {container.name for _, container in containers_of(pod.spec)}
    for key, value in annotations.items():
        if not key.startswith(APP_ARMOR):
            continue
        where = (*_PATH, MapKey(key))
        name = key.removeprefix(APP_ARMOR)
        if name not in names:
            yield invalid(where, name, "container not found")
        if value not in ("", "runtime/default", "unconfined") and not value.startswith("localhost/"):
            yield invalid(where, value, f"invalid AppArmor profile name: {go_quote(value)}")


def _check_seccomp(profile: str, path: Path) -> Iterator[FieldError]:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith("localhost/"):
        local = profile.removeprefix("localhost/")
        yield from check_problems(path, local, descending_path_problems(local))
    else:
        yield invalid(path, profile, "must be a valid seccomp profile")


def check_profiles_match(pod: Pod) -> Iterator[FieldError]:
    """Profiles that a new pod gives twice, as annotations and as fields."""
    annotations = pod.metadata.annotations
    spec = pod.spec
    context = spec.security_context
    if context is not None and context.seccomp_profile is not None and SECCOMP_POD in annotations:
        where: Path = ("spec", "securityContext", "seccompProfile")
        yield from _check_seccomp_match(annotations[SECCOMP_POD], context.seccomp_profile, where)
    for path, container in containers_of(spec):
        own = container.security_context.seccomp_profile if container.security_context is not None else None
        annotation = annotations.get(SECCOMP_CONTAINER + container.name)
        if own is not None and annotation is not None:
            yield from _check_seccomp_match(annotation, own, (*path, "securityContext", "seccompProfile"))
    yield from _check_app_armor_match(spec, annotations)


def _check_seccomp_match(annotation: str, profile: SeccompProfile, path: Path) -> Iterator[FieldError]:
    if profile.type == "Localhost":
        yield from _check_local_match(annotation, profile.localhost_profile, path, "seccomp")
    elif profile.type in _SECCOMP and annotation not in _SECCOMP[profile.type]:
        yield forbidden((*path, "type"), "seccomp type in annotation and field must match")


def _check_local_match(annotation: str, profile: str | None, path: Path, kind: str) -> Iterator[FieldError]:
    if not annotation.startswith("localhost/"):
        yield forbidden((*path, "type"), f"{kind} type in annotation and field must match")
    elif annotation.removeprefix("localhost/") != profile:
        yield forbidden((*path, "localhostProfile"), f"{kind} profile in annotation and field must match")


def _check_app_armor_match(spec: PodSpec, annotations: Mapping[str, str]) -> Iterator[FieldError]:
    if spec.os is not None and spec.os.name == "windows":
        return
    of_pod = spec.security_context.app_armor_profile if spec.security_context is not None else None
    for path, container in containers_of(spec):
        own = container.security_context.app_armor_profile if container.security_context is not None else None
        profile: AppArmorProfile | None = own or of_pod
        annotation = annotations.get(APP_ARMOR + container.name)
        if profile is None or annotation is None:
            continue
        where = (*path, "securityContext", "appArmorProfile")
        if profile.type == "Localhost":
            yield from _check_local_match(annotation, profile.localhost_profile, where, "apparmor")
        elif annotation != {"Unconfined": "unconfined", "RuntimeDefault": "runtime/default"}.get(
            profile.type, annotation
        ):
            yield forbidden((*where, "type"), "apparmor type in annotation and field must match")


def check_annotations_update(new: Mapping[str, str], old: Mapping[str, str]) -> Iterator[FieldError]:
    """Annotations that stay as they are for the whole life of a pod."""
    for key, before in old.items():
        if new.get(key) == before:
            continue
        if key.startswith(APP_ARMOR):
            yield forbidden((*_PATH, MapKey(key)), "may not remove or update AppArmor annotations")
        if key == MIRROR:
            yield forbidden((*_PATH, MapKey(key)), "may not remove or update mirror pod annotation")
    for key in new:
        if key in old:
            continue
        if key.startswith(APP_ARMOR):
            yield forbidden((*_PATH, MapKey(key)), "may not add AppArmor annotations")
        if key == MIRROR:
            yield forbidden((*_PATH, MapKey(key)), "may not add mirror pod annotation")
