"""What a kubelet makes of a pod that it found in a file of its node. Pure.

Mirrors kubelet: pkg/kubelet/config/common.go (generatePodName, applyDefaults, tryDecodeSinglePod), pkg/kubelet/types/
pod_update.go, pkg/kubelet/container/helpers.go (BuildPodFullName) and Kubernetes: pkg/api/pod/util.go
(HasAPIObjectReference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SOURCE_ANNOTATION = "kubernetes.io/config.source"
HASH_ANNOTATION = "kubernetes.io/config.hash"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
FILE_SOURCE = "file"
FILE_BYTES_MAX = 10 * 1024 * 1024

_FNV_OFFSET = 0x6C62272E07BB014262B821756295C58D
_FNV_PRIME = 0x0000000001000000000000000000013B
_HASH_BITS = 128

_PROJECTED = {
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}
_VOLUMES = {
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}


def static_pod_name(name: str, node_name: str) -> str:
    """metadata.name of a static pod: two nodes may have the same file."""
    return f"{name}-{node_name.lower()}"


def config_hash(pod_text: bytes, *, node_name: str, path: str) -> str:
    """The uid of a static pod without one: 128 bits of FNV-1a over the pod, the node and the file, as 32 hex digits.

    `pod_text` stands for the pod: the same bytes for the same defaulted pod. A real kubelet hashes a dump of Go's
    structs there, so that its hash is another one, and also changes with the version of the kubelet.
    """
    found = _FNV_OFFSET
    for byte in pod_text + f"host:{node_name}file:{path}".encode():
        found = ((found ^ byte) * _FNV_PRIME) & ((1 << _HASH_BITS) - 1)
    return f"{found:032x}"


def full_name(name: str, namespace: str) -> str:
    """What tells pods from others to a kubelet that does not ask for their uid."""
    return f"{name}_{namespace}"


def is_static(annotations: Mapping[str, str]) -> bool:
    """Whether a pod of the kubelet's configuration came from elsewhere than the API server."""
    return annotations.get(SOURCE_ANNOTATION, "api") != "api"


def is_mirror(annotations: Mapping[str, str]) -> bool:
    """Whether a pod of the API server stands for a static pod of its node."""
    return MIRROR_ANNOTATION in annotations


def is_mirror_of(mirror: Mapping[str, str], static: Mapping[str, str]) -> bool:
    """Whether a mirror pod was made of this very static pod of its name; both sides are annotations."""
    return is_mirror(mirror) and mirror[MIRROR_ANNOTATION] == static.get(HASH_ANNOTATION, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What a pod takes from objects of the API server.

    `volumes` are the names of the fields that hold the volumes' sources, and those of the sources of projected ones.
    """

    service_account: str = ""
    secrets: bool = False
    config_maps: bool = False
    resource_claims: bool = False
    volumes: tuple[str, ...] = ()
    projected: tuple[str, ...] = ()


def forbidden_reference(references: References, *, is_any_forbidden: bool) -> str:
    """The kubelet's error for a static pod that takes something from the API server; empty for one that does not.

    `is_any_forbidden` is the gate PreventStaticPodAPIReferences; before it only two kinds were refused.
    """
    if not is_any_forbidden:
        if "clusterTrustBundle" in references.projected:
            return "static pods may not use ClusterTrustBundle projected volume sources"
        return "static pods may not use ResourceClaims" if references.resource_claims else ""
    found = next(_forbidden_kinds(references), "")
    return f"static pods may not reference {found}" if found else ""


def _forbidden_kinds(references: References) -> Iterator[str]:
    if references.service_account:
        yield "serviceaccounts"
    if references.secrets:
        yield "secrets"
    if references.config_maps:
        yield "configmaps"
    if references.resource_claims:
        yield "resourceclaims"
    yield from (_VOLUMES[one] for one in references.volumes if one in _VOLUMES)
    yield from (_PROJECTED[one] for one in references.projected if one in _PROJECTED)
