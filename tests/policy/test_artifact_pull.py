"""Artifacts pulled by runtimes that know images alone. The errors of containerd are those of real 1.6, 1.7 and 2.1."""

from __future__ import annotations

import pytest

from kubesim.policy.artifact_pull import (
    ArtifactPull,
    ArtifactRefusal,
    ArtifactShape,
    artifact_pull_refusal,
    artifact_use_refusal,
)

CONFIG, EMPTY = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json"
TAR, TEXT = "application/vnd.oci.image.layer.v1.tar", "text/plain"
MISMATCH = "failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers"
NO_PROCESSOR = (
    "failed to unpack image on snapshotter overlayfs: failed to extract layer d1: failed to get stream processor for "
    "text/plain: no processor for media-type: unknown"
)


def shape(config: str, *media_types: str, diff_ids: int = 0, artifact_type: str = "application/x") -> ArtifactShape:
    return ArtifactShape(
        artifact_type=artifact_type,
        config_media_type=config,
        layers=tuple((media_type, f"l{index}") for index, media_type in enumerate(media_types)),
        diff_ids=tuple(f"d{index}" for index in range(diff_ids)),
    )


@pytest.mark.parametrize(
    ("artifact", "all_blobs", "image_layers", "on_use"),
    [
        (shape(EMPTY, TEXT, TEXT), MISMATCH, "", ""),
        (shape(EMPTY), "", "", ""),
        (shape(EMPTY, TAR), MISMATCH, MISMATCH, ""),
        (shape(EMPTY, TEXT, TAR), MISMATCH, MISMATCH, ""),
        (shape(CONFIG, TEXT, TEXT), MISMATCH, "", ""),
        (shape(CONFIG, TAR, TEXT, diff_ids=2), *["number of layers and diffIDs don't match: 1 != 2"] * 3),
        (shape(CONFIG, TAR, diff_ids=1), "", "", ""),
        (shape(CONFIG, TEXT, TEXT, diff_ids=2), NO_PROCESSOR.replace("d1", "d0"), MISMATCH, ""),
        (shape(EMPTY, TAR, TEXT, diff_ids=2), NO_PROCESSOR, MISMATCH, ""),
        (shape(EMPTY, TAR, TAR, diff_ids=2), "", "", ""),
    ],
)
def test_which_blobs_have_to_match(artifact: ArtifactShape, all_blobs: str, image_layers: str, on_use: str) -> None:
    rules: list[tuple[ArtifactPull, str]] = [
        ("all-blobs-unpacked", all_blobs),
        ("image-layers-unpacked", image_layers),
        ("unpacked-on-use", on_use),
    ]
    for rule, reason in rules:
        refusal = artifact_pull_refusal(artifact, rule)
        assert (refusal.reason if refusal is not None else "") == reason
        is_late = reason.startswith("failed")
        assert refusal is None or (refusal.leaves_image, refusal.is_transferred) == (is_late, is_late)


@pytest.mark.parametrize(
    ("artifact", "as_container", "as_volume"),
    [
        (shape(EMPTY, TEXT), False, False),
        (shape(EMPTY, TAR), False, True),
        (shape(CONFIG, TEXT, diff_ids=1), True, True),
        (shape(CONFIG, TAR, diff_ids=1), False, False),
    ],
)
def test_what_fails_when_it_is_used(artifact: ArtifactShape, as_container: bool, as_volume: bool) -> None:
    reason = "mismatched image rootfs and manifest layers"
    assert artifact_use_refusal(artifact, use="container") == (reason if as_container else "")
    assert artifact_use_refusal(artifact, use="volume") == (reason if as_volume else "")


@pytest.mark.parametrize(
    ("artifact", "by_config", "by_type"),
    [
        (shape(EMPTY, TEXT), EMPTY, "application/x"),
        (shape(EMPTY, TEXT, artifact_type=""), EMPTY, EMPTY),
    ],
)
def test_what_an_older_crio_calls_an_artifact(artifact: ArtifactShape, by_config: str, by_type: str) -> None:
    rules: list[tuple[ArtifactPull, str]] = [("config-refused", by_config), ("type-refused", by_type)]
    for rule, kind in rules:
        reason = f'parsing image configuration: unsupported image-specific operation on artifact with type "{kind}"'
        assert artifact_pull_refusal(artifact, rule) == ArtifactRefusal(reason=reason, is_transferred=False)


def test_an_older_crio_looks_at_the_config_alone() -> None:
    rule: ArtifactPull = "type-refused"
    assert artifact_pull_refusal(shape(CONFIG, TAR, diff_ids=1), rule) is None
    for diff_ids, named in ((2, "d1"), (1, "")):
        refusal = artifact_pull_refusal(shape(CONFIG, TAR, TEXT, diff_ids=diff_ids), rule)
        assert refusal is not None
        assert refusal.reason.startswith(f'writing blob: adding layer with blob "l1"/""/"{named}": unpacking failed ')
