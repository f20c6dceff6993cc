"""Light checks of a pod in the API server's words: what a kubelet could never be handed.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (ValidatePod, ValidatePodSpec, validateVolumes,
validatePodSpecSecurityContext). It runs on the pod after defaulting, as the API server does. Left out: everything that
only a scheduler or a storage plugin cares about (affinity, tolerations, most volume sources).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import fields

from kubesim.errors import InputError
from kubesim.model.container_validation import (
    ID_MAX,
    PULL_POLICIES,
    AnyContainer,
    check_amount_map,
    check_amounts,
    check_containers,
    check_resources,
)
from kubesim.model.field_error import (
    FieldError,
    check_choice,
    check_label,
    check_not_negative,
    check_range,
    check_subdomain,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kubesim.model.k8s_v1 import Pod, PodSecurityContext, PodSpec, Volume
from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.model.paths import Path, field_path
from kubesim.model.source_validation import check_config_volume
from kubesim.model.windows_validation import check_operating_system
from kubesim.model.yaml_text import Document

_VOLUME_SOURCES = [(field.name, field.encode_name) for field in fields(Volume) if field.name != "name"]
_IMAGE_SUB_PATH_MINOR = 33
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")


def validate_pod(pod: Pod, document: Document, path: Path = (), *, minor: int = LAST_MINOR) -> list[InputError]:
    """Every refusal as `file:line:column: spec.containers[0].image: Required value`; empty for a good pod.

    `pod` is the defaulted pod that `document` holds at `path`, `minor` the version of the API server.
    """
    errors = pod_errors(pod)
    if minor < _IMAGE_SUB_PATH_MINOR:
        errors += _image_sub_path_errors(pod.spec)
    return input_errors(errors, document, path)


def input_errors(errors: Iterable[FieldError], document: Document, path: Path = ()) -> list[InputError]:
    """Refusals with the place in the document that holds the object at `path`."""
    return [
        InputError(f"{field_path(error.path)}: {error.body}", where=document.where((*path, *error.path)))
        for error in errors
    ]


def quantity_errors(pod: Pod) -> list[FieldError]:
    """Resource amounts that are none. To be asked before defaulting, which computes with them."""
    spec = pod.spec
    found: list[FieldError] = []
    kinds: tuple[tuple[str, Sequence[AnyContainer]], ...] = (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for kind, containers in kinds:
        for index, container in enumerate(containers):
            found += check_amounts(container.resources, ("spec", kind, index, "resources"))
    if spec.resources is not None:
        found += check_amounts(spec.resources, ("spec", "resources"))
    found += check_amount_map(spec.overhead, ("spec", "overhead"))
    return found


def pod_errors(pod: Pod) -> list[FieldError]:
    """Every refusal of a defaulted pod, in the API server's order."""
    return [*_check_metadata(pod), *_check_spec(pod.spec)]


def _check_metadata(pod: Pod) -> Iterator[FieldError]:
    path: Path = ("metadata", "name")
    if not pod.metadata.name:
        yield required(path, "name or generateName is required")
    else:
        yield from check_subdomain(path, pod.metadata.name)
    if pod.metadata.namespace:
        yield from check_label(("metadata", "namespace"), pod.metadata.namespace)


def _check_spec(spec: PodSpec) -> Iterator[FieldError]:
    yield from _check_volumes(spec.volumes)
    names = {volume.name for volume in spec.volumes}
    taken: set[str] = set()
    if not spec.containers:
        yield required(("spec", "containers"))
    yield from check_containers(spec.containers, "containers", names, taken)
    yield from check_containers(spec.init_containers, "initContainers", names, taken)
    yield from check_containers(spec.ephemeral_containers, "ephemeralContainers", names, taken)
    if spec.resources is not None:
        yield from check_resources(spec.resources, ("spec", "resources"))
    yield from check_choice(("spec", "restartPolicy"), spec.restart_policy, ("Always", "OnFailure", "Never"))
    yield from check_choice(("spec", "dnsPolicy"), spec.dns_policy, _DNS_POLICIES)
    if spec.dns_policy == "None" and (spec.dns_config is None or not spec.dns_config.nameservers):
        yield required(("spec", "dnsConfig"), "must provide `dnsConfig` when `dnsPolicy` is None")
    yield from check_not_negative(("spec", "terminationGracePeriodSeconds"), spec.termination_grace_period_seconds)
    yield from check_range(("spec", "activeDeadlineSeconds"), spec.active_deadline_seconds, 1, ID_MAX)
    if spec.os is not None:
        yield from check_choice(("spec", "os", "name"), spec.os.name, ("linux", "windows"))
    yield from _check_host_users(spec)
    if spec.security_context is not None:
        yield from _check_security(spec.security_context)
    yield from check_operating_system(spec)


def _check_host_users(spec: PodSpec) -> Iterator[FieldError]:
    """A user namespace goes with no other namespace of the node. Mirrors validateHostUsers, and its spelling."""
    if spec.host_users is not None and spec.os is not None and spec.os.name == "windows":
        yield forbidden(("spec", "hostUsers"), "cannot be set for a windows pod")
    if spec.host_users is not False:
        return
    # The network of the node is a matter of a feature gate: kubesim.node.disabled_fields asks it.
    for is_set, name in ((spec.host_pid, "HostPID"), (spec.host_ipc, "HostIPC")):
        if is_set:
            yield forbidden(("spec", name), "when `hostUsers` is false")


def _check_security(security: PodSecurityContext) -> Iterator[FieldError]:
    path: Path = ("spec", "securityContext")
    yield from check_range((*path, "runAsUser"), security.run_as_user, 0, ID_MAX)
    yield from check_range((*path, "runAsGroup"), security.run_as_group, 0, ID_MAX)
    yield from check_range((*path, "fsGroup"), security.fs_group, 0, ID_MAX)
    for index, group in enumerate(security.supplemental_groups):
        yield from check_range((*path, "supplementalGroups", index), group, 0, ID_MAX)
    policy = security.supplemental_groups_policy
    yield from check_choice((*path, "supplementalGroupsPolicy"), policy, ("Merge", "Strict"))
    yield from check_choice(
        (*path, "fsGroupChangePolicy"), security.fs_group_change_policy, ("Always", "OnRootMismatch")
    )


def _image_sub_path_errors(spec: PodSpec) -> Iterator[FieldError]:
    """What the first two alpha versions of image volumes could not do."""
    images = {volume.name for volume in spec.volumes if volume.image is not None}
    lists: tuple[tuple[str, Sequence[AnyContainer]], ...] = (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
    )
    for kind, containers in lists:
        for index, container in enumerate(containers):
            for at, mount in enumerate(container.volume_mounts):
                path: Path = ("spec", kind, index, "volumeMounts", at)
                for key, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
                    if value and mount.name in images:
                        yield invalid((*path, key), value, "not allowed in image volume sources")


def _check_volumes(volumes: list[Volume]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        path: Path = ("spec", "volumes", index)
        if not volume.name:
            yield required((*path, "name"))
        else:
            yield from check_label((*path, "name"), volume.name)
            if volume.name in seen:
                yield duplicate((*path, "name"), volume.name)
        seen.add(volume.name)
        sources = [source for attribute, source in _VOLUME_SOURCES if getattr(volume, attribute) is not None]
        for source in sources[1:]:
            yield forbidden((*path, source), "may not specify more than 1 volume type")
        yield from _check_sources(volume, path)


def _check_sources(volume: Volume, path: Path) -> Iterator[FieldError]:
    if volume.image is not None:
        if not volume.image.reference:
            yield required((*path, "image", "reference"))
        if volume.image.pull_policy and volume.image.pull_policy not in PULL_POLICIES:
            yield unsupported((*path, "image", "pullPolicy"), volume.image.pull_policy, PULL_POLICIES)
    if volume.host_path is not None and not volume.host_path.path:
        yield required((*path, "hostPath", "path"))
    yield from check_config_volume(volume, path)
