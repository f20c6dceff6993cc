"""Artifacts in runtimes that know images alone: pulled, listed, run and mounted, as real versions did."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, Image, make_artifact
from kubesim.model.frozen_records import replace

BUSYBOX, ONE, TWO = "registry.example/busybox:1", "registry.example/one:v1", "registry.example/two:v1"
EMPTY_CONFIG = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
TAR = "application/vnd.oci.image.layer.v1.tar"
MISMATCH = "mismatched image rootfs and manifest layers"


def artifact(name: str, content: bytes = b"1", media_type: str = "text/plain", **declared: Any) -> Image:
    return make_artifact(
        Declared(references=(name,), **declared),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("dir/file", content, media_type),)),
    )


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes that have busybox, and registries that have these artifacts."""
    return lambda profile, *artifacts: new_node(profile, images=(new_image(BUSYBOX), *artifacts))


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-1.7", "containerd-2.0", "containerd-2.3"])
def test_an_artifact_is_an_image_by_its_config(nodes: Any, profile: str) -> None:
    one, two = artifact(ONE), artifact(TWO, b"other")
    node = nodes(profile, one, two)
    assert node.do(node.pulling(ONE)).image_ref == EMPTY_CONFIG
    shown = node.image_of(ONE)
    assert (list(shown.repo_tags), list(shown.repo_digests)) == ([ONE], [f"registry.example/one@{one.digest}"])
    assert shown.size == len(one.manifest_json) + len(b"{}") + 1
    assert (shown.username, shown.HasField("uid")) == ("", False)
    assert node.do(node.pulling(TWO)).image_ref == EMPTY_CONFIG
    both = node.image_of(EMPTY_CONFIG)
    assert (list(both.repo_tags), both.size) == ([ONE, TWO], shown.size), "one image, as the first one was"
    info = json.loads(node.do(node.image_status(ONE, verbose=True)).info["info"])
    assert info["imageSpec"] == {
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "", "diff_ids": None},
    }
    node.do(node.removing_image(ONE))
    assert [node.image_of(name) for name in (ONE, TWO)] == [None, None]


@pytest.mark.parametrize(
    ("profile", "media_type", "is_refused"),
    [
        ("containerd-1.6.24", "text/plain", True),
        ("containerd-1.6.25", "text/plain", False),
        ("containerd-1.7.6", "text/plain", True),
        ("containerd-1.7.7", "text/plain", False),
        ("containerd-2.0", TAR, True),
        ("containerd-2.1", TAR, False),
    ],
)
def test_a_refused_artifact_leaves_an_image(nodes: Any, profile: str, media_type: str, is_refused: bool) -> None:
    node = nodes(profile, artifact(ONE, media_type=media_type))
    if not is_refused:
        assert node.do(node.pulling(ONE)).image_ref == EMPTY_CONFIG
        return
    error = node.refused(node.pulling(ONE))
    text = f'failed to pull and unpack image "{ONE}": failed to unpack image on snapshotter overlayfs: {MISMATCH}'
    assert (error.code, error.message) == (Code.UNKNOWN, text)
    shown = node.image_of(ONE)
    assert (shown.id, list(shown.repo_tags), list(shown.repo_digests)) == (EMPTY_CONFIG, [ONE], [])


@pytest.mark.parametrize("name", [ONE, EMPTY_CONFIG])
def test_a_container_of_an_artifact_has_no_files(nodes: Any, name: str) -> None:
    node = nodes("containerd-2.3", artifact(ONE, is_present=True))
    container = node.create(node.run_pod(), node.container_config("/bin/sleep", "1", image=name))
    assert "/bin/sleep" in node.refused(node.starting(container)).message


@pytest.mark.parametrize("profile", ["containerd-2.1", "containerd-2.2", "containerd-2.3"])
def test_a_volume_of_an_artifact_is_an_empty_directory(nodes: Any, profile: str) -> None:
    node = nodes(profile, artifact(ONE))
    reference = node.do(node.pulling(ONE)).image_ref
    mount = api.Mount(container_path="/vol", image=api.ImageSpec(image=reference), readonly=True)
    container = node.start(node.run_pod(), "sleep", "100", mounts=[mount])
    response = node.do(node.execing(container, "sh", "-c", "ls -A /vol; echo new > /vol/new"))
    assert (response.stdout, response.stderr) == (b"", b"sh: can't create /vol/new: Read-only file system\n")


@pytest.mark.parametrize(
    ("profile", "prefix"), [("containerd-2.1", ""), ("containerd-2.3", "ImageVolumeMountFailed: ")]
)
def test_a_volume_of_an_artifact_with_layers(nodes: Any, profile: str, prefix: str) -> None:
    node = nodes(profile, artifact(ONE, media_type=TAR))
    reference = node.do(node.pulling(ONE)).image_ref
    mount = api.Mount(container_path="/vol", image=api.ImageSpec(image=reference), readonly=True)
    pod = node.run_pod()
    error = node.refused(node.creating(pod, node.container_config("true", mounts=[mount])))
    text = f"failed to mount image volume: {prefix}failed to unpack image volume: {MISMATCH}"
    assert (error.code, error.message) == (Code.UNKNOWN, text)
    assert node.create(pod, node.container_config("/x", image=reference)), "nobody looks at its layers"


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ("cri-o-1.28", "application/vnd.oci.empty.v1+json"),
        ("cri-o-1.29", "application/x"),
        ("cri-o-1.32", "application/x"),
    ],
)
def test_an_older_crio_refuses_it(nodes: Any, profile: str, kind: str) -> None:
    node = nodes(profile, artifact(ONE))
    error = node.refused(node.pulling(ONE))
    text = f'parsing image configuration: unsupported image-specific operation on artifact with type "{kind}"'
    assert (error.code, error.message) == (Code.UNKNOWN, text)
    assert node.image_of(ONE) is None


def test_blobs_that_are_no_layers_under_the_config_of_an_image(nodes: Any) -> None:
    plain = artifact(ONE)
    manifest = json.loads(plain.manifest_json)
    manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    config = b'{"rootfs":{"type":"layers","diff_ids":["sha256:' + b"1" * 64 + b'"]}}'
    node = nodes("containerd-2.3", replace(plain, config_json=config, manifest_json=json.dumps(manifest).encode()))
    reference = node.do(node.pulling(ONE)).image_ref
    error = node.refused(node.creating(node.run_pod(), node.container_config("true", image=reference)))
    assert error.message == f"failed to create containerd container: error unpacking image: {MISMATCH}"
