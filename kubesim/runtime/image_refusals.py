"""What the runtimes say when they refuse a call about an image.

Mirrors containerd: internal/cri/server/images/*.go, core/transfer/local/pull.go; CRI-O: server/image_*.go and
containers/image: docker/errors.go.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.runtime.refusal import refusal

NAME_MISSING = refusal("no image specified")
AMBIGUOUS = refusal("can not resolve {image!q} locally: ambiguous digest string")
REFERENCE_INVALID = refusal("failed to parse image reference {image!q}: {reason}", "{reason}")
NOT_FOUND = refusal(
    "failed to pull and unpack image {image!q}: failed to resolve image: {image}: not found",
    "initializing source docker://{image}: reading manifest {tag} in {repository}: manifest unknown",
    code=Code.NOT_FOUND,
)
UNAUTHORIZED = refusal(
    "failed to pull and unpack image {image!q}: failed to resolve image: unexpected status from HEAD request to "
    "https://{domain}/v2/{path}/manifests/{tag}: 401 Unauthorized",
    "initializing source docker://{image}: reading manifest {tag} in {repository}: unauthorized: access to the "
    "requested resource is not authorized",
)
PULL_FAILED = refusal(
    "failed to pull and unpack image {image!q}: {reason}", "initializing source docker://{image}: {reason}"
)
REGISTRY_UNAVAILABLE = refusal(
    "failed to pull and unpack image {image!q}: {reason}",
    "RegistryUnavailable: initializing source docker://{image}: {reason}",
)
AUTH_INVALID = refusal("invalid decoded auth: {auth!q}", "{reason}")
IN_USE = refusal("delete image: image used by {container_id}: image is in use by a container")
IN_USE_AS_VOLUME = refusal("the image is in use by {container_id}")
