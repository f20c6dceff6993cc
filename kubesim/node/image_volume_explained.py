"""What becomes of the image volumes of a pod: mounted or refused, what lies there, and why.

What happens is tried on an emulated runtime (`image_volume_trial`); why, the rules say (policy/image_volume_steps.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Image
from kubesim.images.tree import FileTree, LinkRule, NodeKind, TreeNode
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path
from kubesim.node.explained_container import ContainerKind, ExplainedNode, ImageNotAtHand, Refusal
from kubesim.node.identity_explained import containers_of, kind_of
from kubesim.node.image_volume_trial import TriedMount, try_mount
from kubesim.node.known_environment import known_environment
from kubesim.node.pod_templates import pod_of
from kubesim.policy.artifact_volume import artifact_files
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_path import go_clean
from kubesim.policy.image_reference import InvalidReference, Reference, parse_reference
from kubesim.policy.image_volume import ImageMount, ImageMountStatus, SubPathOutcome
from kubesim.policy.image_volume_steps import (
    FollowedLink,
    VolumeStep,
    artifact_step,
    image_mount_step,
    mounted_step,
    pull_policy_step,
    pull_step,
    sent_read_only_step,
    sent_sub_path_step,
    status_step,
    sub_path_step,
    volume_status_step,
)

LINKS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntry:
    """One name at the mounted place."""

    name: str
    """Of an artifact the path below the mount; `.` when a single file is mounted."""
    kind: str
    mode: int
    uid: int
    gid: int
    size_bytes: int
    target: str = ""
    """Of a symbolic link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedVolume:
    """One mount of an image volume in one container."""

    pod: str
    container: str
    kind: ContainerKind
    volume: str
    mount_path: str
    reference: str
    pull_policy: str
    profile: str
    kubelet_version: str
    sub_path: str = ""
    """As the kubelet sends it, variables replaced."""
    image_id: str = ""
    """As the runtime calls it; empty where the kubelet does not come so far."""
    is_artifact: bool = False
    steps: tuple[VolumeStep, ...] = ()
    refusal: Refusal | None = None
    source: str = ""
    """What of the image lies at the mount path: `/` or the sub path with links followed; empty with a refusal."""
    links: tuple[FollowedLink, ...] = ()
    """Links that the sub path follows."""
    entries: tuple[ListedEntry, ...] = ()
    """The top level of what lies there."""
    status_image: str = ""
    """ContainerStatus.mounts[].image.image."""
    status_image_ref: str = ""
    """The digest in the status; empty where the runtime does not say it."""


def explain_image_volumes(
    manifest: Manifest | v1.Pod, node: ExplainedNode, catalogue: Catalogue
) -> list[ExplainedVolume]:
    """Every mount of an image volume in every container of a pod.

    Raises InputError for an image that no fixture holds, a variable that is not at hand, and on Windows.
    """
    mounts = image_mounts_of(pod_of(manifest))
    return [explain_image_volume(manifest, path, index, node, catalogue) for path, index in mounts]


def image_mounts_of(pod: v1.Pod) -> Iterator[tuple[Path, int]]:
    """Where the mounts of image volumes are: the path of the container, and which of its volumeMounts it is."""
    volumes = {one.name for one in pod.spec.volumes if one.image is not None}
    for path, container in containers_of(pod):
        for index, mount in enumerate(container.volume_mounts):
            if mount.name in volumes:
                yield path, index


def explain_image_volume(
    manifest: Manifest | v1.Pod, path: Path, index: int, node: ExplainedNode, catalogue: Catalogue
) -> ExplainedVolume:
    """One mount; see `image_mounts_of` for where it is. Raises InputError as `explain_image_volumes` does."""
    pod = pod_of(manifest)
    container = dict(containers_of(pod))[path]
    mount = container.volume_mounts[index]
    at, volume = next(pair for pair in enumerate(pod.spec.volumes) if pair[1].name == mount.name)
    assert volume.image is not None, "the caller chose image volumes"
    where = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if node.os_for(pod) != "linux":
        raise InputError("image volumes are explained for Linux nodes only", where=where, hint="see --os")
    explained = ExplainedVolume(
        pod=where,
        container=container.name,
        kind=kind_of(path),
        volume=volume.name,
        mount_path=mount.mount_path,
        reference=volume.image.reference,
        pull_policy=volume.image.pull_policy,
        profile=node.profile.name,
        kubelet_version=node.kubelet_version,
    )
    if not gate_enabled(node.gates, "ImageVolume"):
        message = "the volume and its mounts are dropped from the new pod: the feature gate ImageVolume is off"
        return replace(explained, refusal=Refusal(by="API server", reason="Dropped", message=message))
    environment = known_environment(pod, container)
    environment.check(mount.sub_path_expr)
    _check_at_hand(volume.image.reference, catalogue)
    tried = try_mount(
        pod, container, mount, environment.values, profile=node.profile, gates=node.gates, catalogue=catalogue
    )
    places = _Places(manifest, ("spec", "volumes", at, "image"), (*path, "volumeMounts", index))
    explained = replace(
        explained,
        image_id=tried.image_ref,
        is_artifact=tried.image is not None and tried.image.artifact is not None,
        refusal=tried.refusal,
        steps=tuple(_kubelet_steps(volume.image, mount, tried, places)),
    )
    if tried.sent is None or tried.image is None:
        return explained
    explained = replace(explained, sub_path=tried.sent.image_sub_path)
    return _on_runtime(explained, tried.image, tried, node)


class _Places:
    """Where the fields of a volume and of its mount are written."""

    def __init__(self, manifest: Manifest | v1.Pod, volume: Path, mount: Path) -> None:
        self._manifest = manifest
        self._volume, self._mount = volume, mount

    def is_written(self, *names: str) -> bool:
        """Whether the volume's image source has the field in the manifest, and not by default."""
        if isinstance(self._manifest, v1.Pod):
            return True
        value = self._manifest.document.value
        for step in (*self._manifest.path, *self._volume, *names):
            if not isinstance(value, dict | list) or (isinstance(value, dict) and step not in value):
                return False
            value = value[step]  # type: ignore[index]  # a step is a key or a position
        return True

    def at_volume(self, step: VolumeStep, name: str) -> VolumeStep:
        """A step that a field of the volume decides."""
        return self._at(step, (*self._volume, name))

    def at_mount(self, step: VolumeStep, name: str) -> VolumeStep:
        """A step that a field of the mount decides."""
        return self._at(step, (*self._mount, name))

    def _at(self, step: VolumeStep, path: Path) -> VolumeStep:
        if isinstance(self._manifest, v1.Pod) or self._manifest.document.root is None:
            return step
        position = self._manifest.document.position((*self._manifest.path, *path))
        line = None if position is None else position[0]
        return replace(step, file=self._manifest.document.name, line=line)


def _kubelet_steps(
    source: v1.ImageVolumeSource,
    mount: v1.VolumeMount,
    tried: TriedMount,
    places: _Places,
) -> Iterator[VolumeStep]:
    if tried.refusal is not None and tried.refusal.reason == "FailedCreatePodSandBox":
        text = "the pod has no user namespace to run in"
        yield VolumeStep(by="kubelet", rule="user-namespace", outcome="refused", text=text)
        return
    parsed = _parsed(source.reference)
    is_written = places.is_written("pullPolicy")
    step = pull_policy_step(source.pull_policy, is_written=is_written, tag=parsed.tag if parsed is not None else None)
    yield places.at_volume(step, "pullPolicy") if is_written else step
    if not tried.image_ref:
        text = "the image does not come to the node"
        yield places.at_volume(VolumeStep(by="kubelet", rule="pull", outcome="refused", text=text), "reference")
        return
    yield pull_step(is_pulled=tried.is_pulled, image_ref=tried.image_ref)
    name = "subPathExpr" if mount.sub_path_expr else "subPath"
    if tried.sent is None:
        step = VolumeStep(
            by="kubelet", rule="mount", outcome="refused", text="the mount cannot be made as the manifest has it"
        )
        yield places.at_mount(step, name if mount.sub_path or mount.sub_path_expr else "recursiveReadOnly")
        return
    step = sent_sub_path_step(tried.sent.image_sub_path, expression=mount.sub_path_expr)
    yield places.at_mount(step, name) if step.outcome == "sent" else step
    step = sent_read_only_step(is_read_only=mount.read_only)
    yield places.at_mount(step, "readOnly") if mount.read_only else step


def _on_runtime(explained: ExplainedVolume, image: Image, tried: TriedMount, node: ExplainedNode) -> ExplainedVolume:
    dialect = node.profile.image_volumes
    steps = [image_mount_step(dialect)]
    if dialect.mounts == "ignored":
        if explained.refusal is not None:
            text = "a bind mount needs a host path, and an image volume has none"
            steps.append(VolumeStep(by="runtime", rule="mount", outcome="refused", text=text))
        return replace(explained, steps=(*explained.steps, *steps))
    asked = ImageMount(container_path=explained.mount_path, image=tried.image_ref, sub_path=explained.sub_path)
    if image.artifact is not None:
        explained, more = _artifact(explained, image, asked, node)
    else:
        if image.made_of is not None:
            text = "this is an artifact, of which this version makes an image: its blobs are layers, or no files"
            steps.append(VolumeStep(by="runtime", rule="artifact", outcome="note", text=text))
        explained, more = _tree(explained, image, node)
    steps += more
    if explained.refusal is not None and "refused" not in {step.outcome for step in steps}:
        text = "what was pulled cannot be mounted as an image"
        if explained.refusal.reason == "RunContainerError":
            text = "the mount cannot be made with the ids of the pod's user namespace"
        steps.append(VolumeStep(by="runtime", rule="mount", outcome="refused", text=text))
    if tried.shown:
        shown = tried.shown[0]
        status = ImageMountStatus(
            image=shown.image.image,
            has_request_spec=dialect.status_image == "as-requested",
            image_ref=shown.image.image_ref,
            sub_path=shown.image_sub_path,
        )
        steps += [mounted_step(dialect, host_path=shown.host_path), status_step(status)]
        explained = replace(explained, status_image=status.image, status_image_ref=status.image_ref)
        steps.append(volume_status_step(is_gate_on=gate_enabled(node.gates, "ImageVolumeWithDigest")))
    return replace(explained, steps=(*explained.steps, *steps))


def _tree(explained: ExplainedVolume, image: Image, node: ExplainedNode) -> tuple[ExplainedVolume, list[VolumeStep]]:
    """What of an image's file tree is mounted."""
    dialect = node.profile.image_volumes
    sub_path, is_refused = explained.sub_path, explained.refusal is not None
    if not sub_path or dialect.sub_path == "ignored":
        steps = []
        if sub_path:
            step = sub_path_step(sub_path, dialect, found="directory", resolved="/", links=(), is_refused=False)
            steps.append(step)
        if not is_refused:
            explained = replace(explained, source="/", entries=tuple(_listed(image.tree.root)))
        return explained, steps
    link_rule = LinkRule.IN_ROOT if dialect.outside_sub_path == "rooted" else LinkRule.BENEATH
    found = image.tree.resolve(sub_path, link_rule=link_rule)
    outcome: SubPathOutcome = found.outcome.value  # type: ignore[assignment]  # all but "found" have the same names
    if found.node is not None:
        outcome = "directory" if found.node.is_directory else "file"
    links = tuple(_links(image.tree, sub_path, link_rule))
    is_fine = outcome == "directory" or (outcome == "file" and dialect.sub_path == "files-and-directories")
    step = sub_path_step(
        sub_path, dialect, found=outcome, resolved=found.path, links=links, is_refused=is_refused and not is_fine
    )
    explained = replace(explained, links=links)
    if found.node is not None and not is_refused:
        explained = replace(explained, source=found.path, entries=tuple(_listed(found.node)))
    return explained, [step]


def _artifact(
    explained: ExplainedVolume, image: Image, asked: ImageMount, node: ExplainedNode
) -> tuple[ExplainedVolume, list[VolumeStep]]:
    """Which blobs of an artifact are mounted, each as a file."""
    assert image.artifact is not None, "the caller looked"
    blobs = image.artifact.blobs
    if explained.refusal is None:
        files = artifact_files([blob.annotations for blob in blobs], asked, node.profile.image_volumes) or ()
        below = f"{go_clean(explained.mount_path).rstrip('/')}/"
        entries = tuple(
            ListedEntry(
                name=file.destination.removeprefix(below),
                kind="file",
                mode=0o644,
                uid=0,
                gid=0,
                size_bytes=TreeNode(kind=NodeKind.FILE, mode=0o644, data=blobs[file.index].data).size_bytes,
            )
            for file in files
        )
        explained = replace(explained, source="/" if entries else "", entries=entries)
    names = [entry.name for entry in explained.entries]
    step = artifact_step(names, blobs_count=len(blobs), sub_path=asked.sub_path)
    return explained, [step if explained.refusal is None else replace(step, outcome="refused")]


def _listed(node: TreeNode) -> Iterator[ListedEntry]:
    """The names in a directory, in order; a file is one entry."""
    found = sorted(node.children.items()) if node.is_directory else [(".", node)]
    for name, one in found:
        yield ListedEntry(
            name=name,
            kind=str(one.kind),
            mode=one.mode,
            uid=one.uid,
            gid=one.gid,
            size_bytes=one.size_bytes,
            target=one.target,
        )


def _links(tree: FileTree, path: str, link_rule: LinkRule) -> Iterator[FollowedLink]:
    """The links that the way to `path` follows, in their order, as far as it may go."""
    done, rest, left = "", [part for part in path.split("/") if part not in ("", ".")], LINKS_MAX
    while rest:
        part = rest.pop(0)
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        step = f"{done}/{part}"
        node = tree.get(step)
        if node is None or node.kind is not NodeKind.SYMLINK:
            done = step
            continue
        yield FollowedLink(path=step, target=node.target)
        left -= 1
        is_absolute = node.target.startswith("/")
        if left < 0 or (is_absolute and link_rule is LinkRule.BENEATH):
            return
        done = "" if is_absolute else done
        rest = [name for name in node.target.split("/") if name not in ("", ".")] + rest


def _check_at_hand(reference: str, catalogue: Catalogue) -> None:
    """Raises ImageNotAtHand; a reference that is none is the kubelet's to refuse."""
    parsed = _parsed(reference)
    if parsed is not None and catalogue.find(parsed.normalised) is None:
        raise ImageNotAtHand("no fixture holds this image", where=reference, hint="give it with --images")


def _parsed(reference: str) -> Reference | None:
    try:
        return parse_reference(reference)
    except InvalidReference:
        return None
