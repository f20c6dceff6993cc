"""What the runtimes say when they refuse a call about an image.

Mirrors containerd: internal/cri/server/images/*.go, client/pull.go, core/transfer/local/pull.go,
core/remotes/docker/resolver.go and authorizer.go; CRI-O: server/image_*.go, internal/storage/image.go,
internal/ociartifact/store.go; containers/image: docker/errors.go.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.policy.runtime_profile import ImageSwitches
from kubesim.runtime.refusal import Refusal, refusal

NAME_MISSING = refusal("no image specified")
AMBIGUOUS = refusal("can not resolve {image!q} locally: ambiguous digest string")
REFERENCE_INVALID = refusal("failed to parse image reference {image!q}: {reason}", "{reason}")
AUTH_INVALID = refusal("{pulling}{resolving}{asking}{reason}", "{reason}")
IN_USE = refusal("delete image: image used by {container_id}: image is in use by a container")
IN_USE_BY_NAME = refusal("image used by {container_id}: image is in use by a container")
IN_USE_AS_VOLUME = refusal("the image is in use by {container_id}")
MOUNTED_AS_VOLUME = refusal("image {image!q} is mounted as volume to container with ID: {container_id}")

# -- pulls: `pulling`, `resolving`, `asking`, `source`, `suffix` are `pull_words`; `reason` is what a registry said --

PULL_FAILED = refusal("{pulling}{reason}", "{pulling}{source}{reason}{suffix}")
NOT_FOUND = refusal(
    "{pulling}{resolving}{image}: not found",
    "{pulling}{source}{reason}{suffix}",
    code=Code.NOT_FOUND,
)
UNAUTHORIZED = refusal("{pulling}{resolving}{reason}", "{pulling}{source}{reason}{suffix}")
REGISTRY_UNAVAILABLE = refusal("{pulling}{reason}", "RegistryUnavailable: {pulling}{source}{reason}{suffix}")
REGISTRY_UNREACHABLE = refusal("{pulling}{resolving}{reason}", "RegistryUnavailable: {pulling}{source}{reason}{suffix}")
NO_PLATFORM = refusal(
    "{pulling}{no_platform}: not found",
    "{as_image}choosing an image from manifest list docker://{image}: {reason}{artifact_no_platform}",
    code=Code.NOT_FOUND,
)
ARTIFACT_REFUSED = refusal("{pulling}{reason}", "{pulling}{reason}{suffix}")
SIGNATURE_INVALID = refusal(
    "{pulling}{reason}", "SignatureValidationFailed: {as_image}Source image rejected: {reason}{artifact_is_image}"
)
NO_PROGRESS = refusal(
    "{pulling}context canceled", "{pulling}reading blob {blob}: context canceled",
    code=Code.CANCELLED, crio_code=Code.CANCELLED,
)  # fmt: skip
MERGED_PULL_CANCELLED = refusal(
    "{pulling}context canceled", "{pulling}{source}context canceled",
    code=Code.CANCELLED, crio_code=Code.CANCELLED,
)  # fmt: skip

# -- what a registry says, by runtime, where a fixture names only the kind of failure ---------------------------------

MANIFEST_UNKNOWN = refusal("{image}: not found", "reading manifest {tag} in {repository}: manifest unknown")
ANONYMOUS_REFUSED = refusal(
    "pull access denied, repository does not exist or may require authorization: authorization failed: "
    "no basic auth credentials",
    "reading manifest {tag} in {repository}: unauthorized: authentication required",
)
LOGIN_REFUSED = refusal(
    "unexpected status from HEAD request to https://{host}/v2/{path}/manifests/{tag}: 401 Unauthorized",
    "reading manifest {tag} in {repository}: unauthorized: access to the requested resource is not authorized",
)
CONNECTION_REFUSED = refusal(
    'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": '
    "dial tcp 192.0.2.1:443: connect: connection refused",
    'pinging container registry {domain}: Get "https://{host}/v2/": '
    "dial tcp 192.0.2.1:443: connect: connection refused",
)
PLATFORM_MISSING = refusal(
    "no match for platform in manifest: not found",
    "no image found in image index for architecture {architecture!q}, variant {variant!q}, OS {os!q}",
)
SIGNATURE_MISSING = refusal("A signature was required, but no signature exists")


def pull_words(
    switches: ImageSwitches, *, image: str, host: str, reason: str, is_network: bool, digest: str = ""
) -> dict[str, str]:
    """How this version introduces and ends what a registry said; `digest` is of the index without the platform."""
    if switches.pull_error in ("reference", "image"):
        is_newer = switches.pull_error == "image"
        return {
            "pulling": f'failed to pull and unpack image "{image}": ',
            "resolving": "failed to resolve image: " if is_newer else f'failed to resolve reference "{image}": ',
            "asking": f'failed to get credentials for "{host}": ' if is_newer else "",
            "no_platform": (
                f"get image config descriptor: no match for platform in manifest {digest}"
                if is_newer
                else "no match for platform in manifest"
            ),
        }
    words = {
        "pulling": "",
        "as_image": "",
        "source": f"initializing source docker://{image}: ",
        "suffix": "",
        "artifact_is_image": "",
        "artifact_no_platform": "",
    }
    if switches.pull_error == "image-only":
        return words
    if switches.pull_error == "artifact-or-image":
        # What is an image goes on as if nothing had been asked.
        asked = "unable to try pulling possible OCI artifact: get manifest: build image source: "
        return {**words, "pulling": asked, "source": ""}
    is_newer = switches.pull_error == "image-or-artifact-unless-network"
    if is_newer and is_network:
        return {**words, "pulling": "unable to pull image: ", "as_image": "unable to pull image: "}
    asked = (
        "image reference: get manifest from ref: create image source: "
        if is_newer
        else ("get manifest: build image source: ")
    )
    is_image = (
        "image reference: reference is a container image, not an OCI artifact"
        if is_newer
        else ("provided artifact is a container image")
    )
    choosing = "image reference: choose manifest instance" if is_newer else "choose instance"
    both = "unable to pull image or OCI artifact: pull image err: "
    return {
        **words,
        "pulling": both,
        "as_image": both,
        "suffix": f"; artifact err: {asked}{reason}",
        "artifact_is_image": f"; artifact err: {is_image}",
        "artifact_no_platform": f"; artifact err: {choosing}: {reason}",
    }


def registry_row(kind: str) -> Refusal:
    """What a registry says for a kind of failure."""
    return {
        "not-found": MANIFEST_UNKNOWN,
        "unauthorized": LOGIN_REFUSED,
        "registry-unavailable": CONNECTION_REFUSED,
        "signature-invalid": SIGNATURE_MISSING,
        "no-matching-platform": PLATFORM_MISSING,
    }[kind]


def pull_row(kind: str) -> Refusal:
    """How PullImage passes it on."""
    return {
        "not-found": NOT_FOUND,
        "unauthorized": UNAUTHORIZED,
        "registry-unavailable": REGISTRY_UNREACHABLE,
        "signature-invalid": SIGNATURE_INVALID,
        "no-matching-platform": NO_PLATFORM,
    }[kind]
