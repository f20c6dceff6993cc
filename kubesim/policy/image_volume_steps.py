"""Why an image volume is what it is: a step for each decision of the kubelet and of the runtime.

The decisions are those of `pull_policy`, `env_expansion` and `image_volume`; here are the sentences about them. Mirrors
kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, getImageVolumes, and pkg/kubelet/kubelet_pods.go, makeMounts;
containerd: internal/cri/server/container_image_mount.go; CRI-O: server/container_create_linux.go, mountImage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kubesim.policy.image_volume import ImageMountStatus, SubPathOutcome
from kubesim.policy.image_volume_dialect import ImageVolumeDialect
from kubesim.policy.kubelet_fixes import IMAGE_VOLUME_DIGEST
from kubesim.policy.pull_policy import ALWAYS, NEVER

VolumeOutcome = Literal["sent", "mounted", "left-out", "refused", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeStep:
    """One decision on the way to a mounted image."""

    by: Literal["kubelet", "runtime"]
    rule: str
    """The kubelet's: `user-namespace`, `pull-policy`, `pull`, `sub-path`, `read-only`, `mount`, `volume-status`. A
    runtime's: `image-mount`, `artifact`, `sub-path`, `mount`, `status`."""
    outcome: VolumeOutcome
    """`sent`: what the kubelet asks for. `mounted`: it is there. `left-out`: asked for, and ignored. `refused`: the
    end. `note`: none of these."""
    text: str
    file: str = ""
    """The manifest, when a field of it decides."""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedLink:
    """A symbolic link on the way to a sub path."""

    path: str
    target: str


def pull_policy_step(policy: str, *, is_written: bool, tag: str | None) -> VolumeStep:
    """Where the pull policy comes from, and what it means. `tag` is that of the reference, None for no reference."""
    source = "as the manifest says"
    if not is_written:
        name = "latest" if tag == "latest" else "not latest"
        source = f"which the API server fills in, for the tag is {name}"
    meaning = {
        ALWAYS: "every sync of the pod pulls",
        NEVER: "it must be on the node",
    }.get(policy, "it is pulled when the node lacks it")
    return VolumeStep(
        by="kubelet", rule="pull-policy", outcome="note", text=f"pullPolicy is {policy}, {source}: {meaning}"
    )


def pull_step(*, is_pulled: bool, image_ref: str) -> VolumeStep:
    """How the image came to the node; `image_ref` is what the runtime calls it."""
    text = f"PullImage answers {image_ref}" if is_pulled else f"the image is on the node: ImageStatus says {image_ref}"
    return VolumeStep(by="kubelet", rule="pull", outcome="note", text=text)


def sent_sub_path_step(sub_path: str, *, expression: str = "") -> VolumeStep:
    """What the kubelet makes of subPath or subPathExpr."""
    if expression:
        text = f"subPathExpr {expression!r} with the container's variables is {sub_path!r}: image_sub_path"
    elif sub_path:
        text = f"subPath is {sub_path!r}: image_sub_path"
    else:
        return VolumeStep(
            by="kubelet", rule="sub-path", outcome="note", text="the manifest sets no sub path: the whole image"
        )
    return VolumeStep(by="kubelet", rule="sub-path", outcome="sent", text=text)


def sent_read_only_step(*, is_read_only: bool) -> VolumeStep:
    """What the kubelet makes of readOnly."""
    said = "true" if is_read_only else "not set"
    text = f"readonly is true: an image volume always is; readOnly of the mount is {said}"
    return VolumeStep(by="kubelet", rule="read-only", outcome="sent", text=text)


def image_mount_step(dialect: ImageVolumeDialect) -> VolumeStep:
    """Whether the runtime knows mounts of images at all."""
    if dialect.mounts == "ignored":
        text = "this version does not know Mount.image: what is left is a bind mount without a host path"
        return VolumeStep(by="runtime", rule="image-mount", outcome="left-out", text=text)
    return VolumeStep(by="runtime", rule="image-mount", outcome="note", text="this version knows Mount.image")


def sub_path_step(
    sub_path: str,
    dialect: ImageVolumeDialect,
    *,
    found: SubPathOutcome,
    resolved: str,
    links: Sequence[FollowedLink],
    is_refused: bool,
) -> VolumeStep:
    """What becomes of a sub path. `resolved` is where it leads to, or where the way ended."""
    if dialect.sub_path == "ignored":
        text = f"this version ignores the sub path {sub_path!r}: the whole image is mounted"
        return VolumeStep(by="runtime", rule="sub-path", outcome="left-out", text=text)
    way = "".join(f", by the link {link.path} -> {link.target}" for link in links)
    ends = {
        "directory": f"leads to the directory {resolved}",
        "file": f"leads to the file {resolved}",
        "missing": f"ends at {resolved}, which is not there",
        "escape": f"would leave the image at {resolved}",
        "loop": f"follows more than {dialect.sub_path_links_max} links",
        "name-too-long": "has a name of more than 255 bytes",
        "not-a-directory": f"goes on behind {resolved}, which is no directory",
    }
    text = f"{sub_path!r} {ends[found]}{way}"
    if is_refused and found == "file":
        text += "; only a directory can be mounted"
    return VolumeStep(by="runtime", rule="sub-path", outcome="refused" if is_refused else "note", text=text)


def mounted_step(dialect: ImageVolumeDialect, *, host_path: str) -> VolumeStep:
    """What is mounted in the end, and from where; no version sets noexec."""
    shared = "once for all containers of the pod" if dialect.mounted_for == "pod" else "once on the node"
    text = f"read-only, and programs run from it; the image is mounted {shared}: {host_path}"
    return VolumeStep(by="runtime", rule="mount", outcome="mounted", text=text)


def artifact_step(names: Sequence[str], *, blobs_count: int, sub_path: str) -> VolumeStep:
    """Which blobs of an artifact become files."""
    said = f"each blob with a name is a read-only file: {len(names)} of {blobs_count}"
    if sub_path:
        said += f", those whose names begin with {sub_path!r}, which is cut off"
    return VolumeStep(by="runtime", rule="artifact", outcome="note", text=said)


def status_step(status: ImageMountStatus) -> VolumeStep:
    """What ContainerStatus says of the mount."""
    if not status.image:
        text = "ContainerStatus shows no image, so the kubelet may collect it while it is mounted"
        return VolumeStep(by="runtime", rule="status", outcome="note", text=text)
    form = "as the request has it" if status.has_request_spec else "as the bare id"
    ref = f"image_ref {status.image_ref}" if status.image_ref else "no image_ref, so no digest (KEP-5365)"
    sub_path = f", image_sub_path {status.sub_path!r}" if status.sub_path else ""
    text = f"ContainerStatus shows the image {form}: {status.image}, {ref}{sub_path}"
    return VolumeStep(by="runtime", rule="status", outcome="note", text=text)


def volume_status_step(*, is_gate_on: bool) -> VolumeStep:
    """What the pod's status says of the mount. Mirrors pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses."""
    if is_gate_on:
        text = f"the mount is looked for by the name of its volume, which CRI lacks; {IMAGE_VOLUME_DIGEST} mends it"
    else:
        text = "the feature gate ImageVolumeWithDigest is off"
    text = f"volumeMounts[].volumeStatus of the pod's status stays empty: {text}"
    return VolumeStep(by="kubelet", rule="volume-status", outcome="note", text=text)
