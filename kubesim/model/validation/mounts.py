"""volumeMounts and volumeDevices of a container.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateVolumeMounts, validateMountPropagation,
validateMountRecursiveReadOnly, ValidateVolumeDevices). Upstream's paths of what is wrong with a mount's own words
forget which mount it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.model.k8s_v1 import SecurityContext, VolumeMount
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    FieldError,
    check_problems,
    forbidden,
    invalid,
    not_found,
    required,
    unsupported,
)
from kubesim.model.validation.names import backstep_problems, descending_path_problems
from kubesim.model.validation.pod_facts import AnyContainer, PodFacts

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def check_mounts(container: AnyContainer, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    """Every mount, and how they stand to each other and to the block devices."""
    devices = {device.name: device.device_path for device in container.volume_devices}
    all_mounts: Path = (*path, "volumeMounts")
    taken: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        where: Path = (*all_mounts, index)
        if not mount.name:
            yield required((*where, "name"))
        if mount.name not in facts.volumes:
            yield not_found((*where, "name"), mount.name)
        if not mount.mount_path:
            yield required((*where, "mountPath"))
        if mount.mount_path in taken:
            yield invalid((*where, "mountPath"), mount.mount_path, "must be unique")
        taken.add(mount.mount_path)
        if devices:
            yield from _check_overlap(mount.name, mount.mount_path, devices, where, "mountPath", "volumeDevices")
        if mount.sub_path or mount.sub_path_expr:
            yield from _check_sub_path(mount, all_mounts, index, facts)
        if mount.mount_propagation is not None:
            yield from _check_propagation(mount, all_mounts, index, container.security_context)
        if mount.recursive_read_only is not None:
            yield from _check_recursive(mount, all_mounts, index)


def _check_overlap(
    name: str, path: str, others: dict[str, str], where: Path, key: str, kind: str
) -> Iterator[FieldError]:
    if name in others:
        yield invalid((*where, "name"), name, f"must not already exist in {kind}")
    if path in others.values():
        yield invalid((*where, key), path, f"must not already exist as a path in {kind}")


def _check_sub_path(mount: VolumeMount, mounts: Path, index: int, facts: PodFacts) -> Iterator[FieldError]:
    place: Path = (*mounts, index, "subPath")
    problems = descending_path_problems(mount.sub_path)
    yield from check_problems((*mounts, "subPath"), mount.sub_path, problems, place=place)
    if mount.sub_path and mount.sub_path_expr:
        detail = "subPathExpr and subPath are mutually exclusive"
        yield invalid((*mounts, index, "subPathExpr"), mount.sub_path_expr, detail)
    problems = descending_path_problems(mount.sub_path_expr)
    place = (*mounts, index, "subPathExpr")
    yield from check_problems((*mounts, "subPathExpr"), mount.sub_path_expr, problems, place=place)
    volume = facts.volumes.get(mount.name)
    if facts.options.image_volume_sub_paths or volume is None or volume.image is None:
        return
    for key, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
        if value:
            yield invalid((*mounts, index, key), value, "not allowed in image volume sources")


def _check_propagation(
    mount: VolumeMount, mounts: Path, index: int, security: SecurityContext | None
) -> Iterator[FieldError]:
    path, place = (*mounts, "mountPropagation"), (*mounts, index, "mountPropagation")
    if mount.mount_propagation not in _PROPAGATIONS:
        yield unsupported(path, mount.mount_propagation, _PROPAGATIONS, place=place)
    if mount.mount_propagation == "Bidirectional" and not (security is not None and security.privileged):
        detail = "Bidirectional mount propagation is available only to privileged containers"
        yield forbidden(path, detail, place=place)


def _check_recursive(mount: VolumeMount, mounts: Path, index: int) -> Iterator[FieldError]:
    path, place = (*mounts, "recursiveReadOnly"), (*mounts, index, "recursiveReadOnly")
    if mount.recursive_read_only not in _RECURSIVE:
        yield unsupported(path, mount.recursive_read_only, _RECURSIVE, place=place)
    if mount.recursive_read_only not in ("Enabled", "IfPossible"):
        return
    if not mount.read_only:
        yield forbidden(path, "may only be specified when readOnly is true", place=place)
    if mount.mount_propagation not in (None, "None"):
        detail = "may only be specified when mountPropagation is None or not specified"
        yield forbidden(path, detail, place=place)


def check_devices(container: AnyContainer, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    """Every block device, and how they stand to each other and to the mounts."""
    mounts = {mount.name: mount.mount_path for mount in container.volume_mounts}
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(container.volume_devices):
        where: Path = (*path, "volumeDevices", index)
        if not device.name:
            yield required((*where, "name"))
        if device.name in names:
            yield invalid((*where, "name"), device.name, "must be unique")
        volume = facts.volumes.get(device.name)
        if volume is None:
            yield not_found((*where, "name"), device.name)
        elif volume.persistent_volume_claim is None and volume.ephemeral is None:
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            yield invalid((*where, "name"), device.name, detail)
        if not device.device_path:
            yield required((*where, "devicePath"))
        if device.device_path in paths:
            yield invalid((*where, "devicePath"), device.device_path, "must be unique")
        if backstep_problems(device.device_path):
            yield invalid((*where, "devicePath"), device.device_path, "can not contain backsteps ('..')")
        else:
            paths.add(device.device_path)
        yield from _check_overlap(device.name, device.device_path, mounts, where, "devicePath", "volumeMounts")
        if device.name:
            names.add(device.name)
