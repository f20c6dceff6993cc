"""Deviations of the image service in pulls, in usage, and with artifacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubesim.cri import Code, CriError, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, PullBehaviour, make_artifact
from kubesim.kernel import Cancelled
from kubesim.runtime.profiles import load_profile, profile_names

ONE, TWO = "registry.example/one:1", "registry.example/two:1"


def _shown_exactly_where_listed(deviation: str, shows: Callable[[str], bool]) -> None:
    listed = {name for name in profile_names() if deviation in {found.id for found in load_profile(name).deviations}}
    assert listed, f"no profile lists {deviation}"
    assert {name for name in profile_names() if shows(name)} == listed
    assert "ideal" not in listed


def test_image_usage_of_records(new_node: Any, new_image: Any) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(ONE, unpacked_bytes=10**9),))
        usage = node.do(node.cri.image_fs_info(api.ImageFsInfoRequest())).image_filesystems[0]
        return bool(usage.used_bytes.value < 10**9)

    _shown_exactly_where_listed("image-usage-of-records", shows)


def test_merged_pull_cancelled(new_node: Any, new_image: Any) -> None:
    def shows(profile: str) -> bool:
        pull = PullBehaviour(duration_ns=10**10)
        node = new_node(profile, images=(new_image(ONE, is_present=False, pull=pull),))
        first, second = node.spawn(node.pulling(ONE)), node.spawn(node.pulling(ONE))
        node.advance(5)
        first.cancel()
        node.advance(60)
        assert isinstance(_error_of(first), Cancelled)
        error = _error_of(second)
        assert error is None or (isinstance(error, CriError) and error.code is Code.CANCELLED)
        return error is not None

    _shown_exactly_where_listed("merged-pull-cancelled", shows)


def _error_of(task: Any) -> BaseException | None:
    try:
        task.result()
    except (CriError, Cancelled) as error:
        return error
    return None


def test_artifact_removal_by_id(new_node: Any) -> None:
    artifact = make_artifact(
        Declared(references=(ONE,)), Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),))
    )

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(artifact,))
        try:
            node.do(node.pulling(ONE))
        except CriError:
            return False  # this one stores no artifacts
        node.do(node.removing_image(node.image_of(ONE).id))
        return node.image_of(ONE) is not None

    _shown_exactly_where_listed("artifact-removal-by-id", shows)


def test_artifact_pulled_as_image(new_node: Any) -> None:
    artifact = make_artifact(
        Declared(references=(ONE,)), Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),))
    )

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(artifact,))
        try:
            reference: str = node.do(node.pulling(ONE)).image_ref
        except CriError:
            return False
        return artifact.digest.removeprefix("sha256:") not in reference

    _shown_exactly_where_listed("artifact-pulled-as-image", shows)


def test_artifact_pull_leaves_image(new_node: Any) -> None:
    layer = ArtifactBlob("a", b"1", "application/vnd.oci.image.layer.v1.tar")
    artifact = make_artifact(Declared(references=(ONE,)), Artifact(artifact_type="application/x", blobs=(layer,)))

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(artifact,))
        try:
            node.do(node.pulling(ONE))
        except CriError:
            return node.image_of(ONE) is not None
        return False

    _shown_exactly_where_listed("artifact-pull-leaves-image", shows)


def test_artifact_always_pinned(new_node: Any) -> None:
    artifact = make_artifact(
        Declared(references=(ONE,), is_present=True),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),)),
    )

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(artifact,))
        return any(row.pinned for row in node.images() if list(row.repo_tags) == [ONE])

    _shown_exactly_where_listed("artifact-always-pinned", shows)


def test_artifact_with_two_names(new_node: Any) -> None:
    artifact = make_artifact(
        Declared(references=(ONE, TWO), is_present=True),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),)),
    )

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(artifact,))
        shown = node.image_of(ONE)
        return shown is not None and node.image_of(shown.id) is None

    _shown_exactly_where_listed("artifact-with-two-names", shows)
