"""Container image or artifact: what CRI-O makes of the media types of a manifest."""

from __future__ import annotations

import pytest

from kubesim.policy.artifact_kind import is_artifact, is_image_layer, is_unpackable

OCI, DOCKER = "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"
SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
CONFIG, DOCKER_CONFIG = "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"
EMPTY, HELM = "application/vnd.oci.empty.v1+json", "application/vnd.cncf.helm.config.v1+json"
TAR, DOCKER_TAR = "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"


@pytest.mark.parametrize(
    ("manifest", "config", "artifact_type", "is_one"),
    [
        (OCI, CONFIG, "", False),
        (OCI, DOCKER_CONFIG, "", False),
        (OCI, "", "", False),
        (DOCKER, DOCKER_CONFIG, "", False),
        (SIGNED, "", "", False),
        (OCI, CONFIG, "application/x", True),
        (OCI, EMPTY, "application/x", True),
        (OCI, EMPTY, "", True),
        (OCI, HELM, "", True),
        ("application/vnd.oci.artifact.manifest.v1+json", "", "", True),
        ("application/x", CONFIG, "", True),
    ],
)
def test_which_manifest_is_an_artifact(manifest: str, config: str, artifact_type: str, is_one: bool) -> None:
    assert is_artifact(manifest_media_type=manifest, config_media_type=config, artifact_type=artifact_type) is is_one


def test_what_is_no_oci_manifest_has_no_artifact_type() -> None:
    assert not is_artifact(
        manifest_media_type=SIGNED, config_media_type="", artifact_type="application/x", is_oci_manifest=False
    )


@pytest.mark.parametrize(
    ("config", "layers", "is_one"),
    [
        (CONFIG, [TAR, DOCKER_TAR], True),
        (CONFIG, [], True),
        ("", [TAR], True),
        (CONFIG, [TAR, "text/plain"], False),
        (EMPTY, [TAR], False),
    ],
)
def test_an_artifact_that_can_be_unpacked_is_an_image(config: str, layers: list[str], is_one: bool) -> None:
    assert is_unpackable(config_media_type=config, layer_media_types=layers) is is_one


@pytest.mark.parametrize(
    ("media_type", "is_one"),
    [
        (TAR, True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", True),
        (DOCKER_TAR, True),
        ("application/vnd.docker.image.rootfs.diff.tar+gzip", True),
        ("application/vnd.oci.empty.v1+json", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
def test_which_blob_is_a_layer(media_type: str, is_one: bool) -> None:
    assert is_image_layer(media_type) is is_one
