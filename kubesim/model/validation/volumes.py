"""Volumes: their names, that each has one source, and the sources that kubesim emulates.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidateVolumes, validateVolumeSource and the functions it
calls for hostPath, secret, configMap, downwardAPI, projected and image).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubesim.model.k8s_v1 import (
    EmptyDirVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    PersistentVolumeClaimVolumeSource,
    Pod,
    Volume,
)
from kubesim.model.paths import Path
from kubesim.model.quantity import parse_quantity
from kubesim.model.validation.field_error import (
    FieldError,
    check_choice,
    check_problems,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kubesim.model.validation.names import backstep_problems, label_problems
from kubesim.model.validation.volume_files import (
    check_config_map,
    check_downward_api,
    check_projected,
    check_secret,
)

PULL_POLICIES = ("Always", "IfNotPresent", "Never")

_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_SOURCES = (
    ("empty_dir", "emptyDir"),
    ("host_path", "hostPath"),
    ("git_repo", "gitRepo"),
    ("gce_persistent_disk", "gcePersistentDisk"),
    ("aws_elastic_block_store", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistent_volume_claim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    ("downward_api", "downwardAPI"),
    ("fc", "fc"),
    ("flex_volume", "flexVolume"),
    ("config_map", "configMap"),
    ("azure_file", "azureFile"),
    ("vsphere_volume", "vsphereVolume"),
    ("photon_persistent_disk", "photonPersistentDisk"),
    ("portworx_volume", "portworxVolume"),
    ("azure_disk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scale_io", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
)
"""Every source, in upstream's order: the first is the volume's, all later ones are too many."""


def check_volumes(pod: Pod, valid: dict[str, Volume]) -> Iterator[FieldError]:
    """Every volume; what is right with itself goes to `valid`, by name: nothing else can be mounted."""
    volumes = pod.spec.volumes
    claims = {f"{pod.metadata.name}-{volume.name}" for volume in volumes if volume.ephemeral is not None}
    for index, volume in enumerate(volumes):
        path: Path = ("spec", "volumes", index)
        found = [*_check_source(volume, path), *_check_name(volume, path, valid)]
        if found:
            yield from found
        else:
            valid[volume.name] = volume
        claim = volume.persistent_volume_claim
        if claim is not None and claim.claim_name in claims:
            where = (*path, "persistentVolumeClaim", "claimName")
            yield invalid(where, claim.claim_name, "must not reference a PVC that gets created for an ephemeral volume")


def _check_name(volume: Volume, path: Path, taken: dict[str, Volume]) -> Iterator[FieldError]:
    where = (*path, "name")
    if not volume.name:
        yield required(where)
    else:
        yield from check_problems(where, volume.name, label_problems(volume.name))
    if volume.name in taken:
        yield duplicate(where, volume.name)


def _check_source(volume: Volume, path: Path) -> Iterator[FieldError]:
    has_source = False
    for attribute, name in _SOURCES:
        source = getattr(volume, attribute)
        if source is None:
            continue
        if has_source:
            # The one name that upstream misspells here.
            shown = "downwarAPI" if name == "downwardAPI" else name
            yield forbidden((*path, shown), "may not specify more than 1 volume type", place=(*path, name))
        elif attribute in _CONTENTS:
            yield from _CONTENTS[attribute](source, (*path, name))
        has_source = True
    if not has_source:
        yield required(path, "must specify a volume type")


def _check_empty_dir(source: EmptyDirVolumeSource, path: Path) -> Iterator[FieldError]:
    if source.size_limit is not None and parse_quantity(source.size_limit).nano < 0:
        yield forbidden((*path, "sizeLimit"), "SizeLimit field must be a valid resource quantity")


def _check_claim(source: PersistentVolumeClaimVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.claim_name:
        yield required((*path, "claimName"))


def _check_host_path(source: HostPathVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.path:
        yield required((*path, "path"))
        return
    yield from check_problems((*path, "path"), source.path, backstep_problems(source.path))
    yield from check_choice((*path, "type"), source.type, _HOST_PATH_TYPES)


def _check_image(source: ImageVolumeSource, path: Path) -> Iterator[FieldError]:
    if not source.reference:
        yield required((*path, "reference"))
    if source.pull_policy not in PULL_POLICIES:
        yield unsupported((*path, "pullPolicy"), source.pull_policy, PULL_POLICIES)


_CONTENTS: dict[str, Callable[[Any, Path], Iterator[FieldError]]] = {
    "config_map": check_config_map,
    "downward_api": check_downward_api,
    "empty_dir": _check_empty_dir,
    "host_path": _check_host_path,
    "image": _check_image,
    "persistent_volume_claim": _check_claim,
    "projected": check_projected,
    "secret": check_secret,
}
