"""Making images: what is computed, what may be declared, how layers add up."""

import hashlib
import io
import json
import tarfile

import pytest

from kubesim.errors import InputError
from kubesim.images.image import (
    Artifact,
    ArtifactBlob,
    Declared,
    Image,
    Layer,
    PullBehaviour,
    make_artifact,
    make_image,
)
from kubesim.images.oci import ImageConfig
from kubesim.images.tree import directory_node, file_node, symlink_node

NAMES = Declared(references=("quay.io/a/b:1",))
DIGEST = f"sha256:{'d' * 64}"


def image_of(*layers: Layer, declared: Declared = NAMES, config: ImageConfig | None = None) -> Image:
    return make_image(declared, config=config or ImageConfig(cmd=("sh",)), layers=layers)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_id_and_digest_are_those_of_the_documents() -> None:
    image = image_of([("/a", file_node(b"1"))])
    manifest = json.loads(image.manifest_json)

    assert image.id == digest_of(image.config_json) == manifest["config"]["digest"]
    assert image.digest == digest_of(image.manifest_json)
    assert json.loads(image.config_json)["rootfs"]["diff_ids"] == list(image.diff_ids)
    assert [layer["digest"] for layer in manifest["layers"]] == list(image.diff_ids)
    assert image.chain_id == image.diff_ids[0]


def test_size_is_what_a_pull_transfers() -> None:
    image = image_of([("/a", file_node(b"1"))])
    manifest = json.loads(image.manifest_json)

    assert image.size_bytes == (
        len(image.manifest_json) + manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
    )


def test_the_same_content_is_the_same_image_under_any_name() -> None:
    one = image_of([("/a", file_node(b"1"))])
    two = image_of([("/a", file_node(b"1"))], declared=Declared(references=("other.io/x:2",), pinned=True))

    assert (one.id, one.digest) == (two.id, two.digest)


@pytest.mark.parametrize(
    "other",
    [
        image_of([("/a", file_node(b"2"))]),
        image_of([("/a", file_node(b"1", mode=0o600))]),
        image_of([("/a", file_node(b"1", program="pause"))]),
        image_of([("/b", file_node(b"1"))]),
        image_of([("/a", file_node(b"1"))], config=ImageConfig(user="1000")),
        image_of([("/a", file_node(b"1"))], []),
    ],
)
def test_any_other_content_is_another_image(other: Image) -> None:
    image = image_of([("/a", file_node(b"1"))])

    assert image.id != other.id
    assert image.digest != other.digest


def test_order_in_a_layer_means_nothing() -> None:
    entries = [("/a", directory_node()), ("/a/b", file_node(b"1")), ("/c", file_node(b"2"))]

    assert image_of(entries).id == image_of(entries[::-1]).id


def test_the_last_entry_for_a_path_counts() -> None:
    assert image_of([("/a", file_node(b"1")), ("/a", file_node(b"2"))]).id == image_of([("/a", file_node(b"2"))]).id


def test_upper_layers_win_and_each_has_its_own_digest() -> None:
    image = image_of([("/a", file_node(b"1")), ("/b", file_node(b"1"))], [("/b", file_node(b"2"))])
    below = image.tree.get("/b")

    assert below is not None
    assert below.content == b"2"
    assert len(set(image.diff_ids)) == 2
    assert image.chain_id not in image.diff_ids


def test_an_upper_layer_goes_through_links_of_the_one_below() -> None:
    image = image_of([("/usr/bin", directory_node()), ("/bin", symlink_node("usr/bin"))], [("/bin/sh", file_node())])

    assert image.tree.get("/usr/bin/sh") is not None
    assert image.tree.resolve("/bin").path == "/usr/bin"


def test_an_image_without_layers_is_an_empty_tree() -> None:
    image = image_of()

    assert [path for path, _ in image.tree.walk()] == ["/"]
    assert (image.diff_ids, image.chain_id) == ((), "")
    assert image.size_bytes > 0


def test_declared_values_win() -> None:
    declared = Declared(references=("a/b:1",), id=f"sha256:{'1' * 64}", digest=DIGEST, size_bytes=7)
    image = image_of([("/a", file_node())], declared=declared)

    assert (image.id, image.digest, image.size_bytes) == (f"sha256:{'1' * 64}", DIGEST, 7)


def test_a_declared_digest_does_not_change_the_id() -> None:
    plain = image_of([("/a", file_node())])
    declared = image_of([("/a", file_node())], declared=Declared(references=NAMES.references, digest=DIGEST))

    assert plain.id == declared.id
    assert declared.digest == DIGEST


def test_entries_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="'a' on the way is a file"):
        image_of([("/a", file_node()), ("/a/b", file_node())])


def test_a_layer_unpacks_to_the_tree() -> None:
    # What a real tool would read from the layer is what we say the image holds.
    entries = [("/a/b", file_node(b"12", mode=0o600)), ("/a/c", symlink_node("b"))]
    image = image_of(entries)
    from kubesim.images.oci import layer_tar

    with tarfile.open(fileobj=io.BytesIO(layer_tar(entries)), mode="r:") as archive:
        content = archive.extractfile("a/b")
        assert content is not None
        assert content.read() == b"12"
        assert archive.getmember("a/c").linkname == "b"
    assert image.diff_ids == (digest_of(layer_tar(entries)),)


def test_an_artifact_has_blobs_with_titles_and_no_files() -> None:
    artifact = Artifact(
        artifact_type="application/vnd.example",
        blobs=(ArtifactBlob("dir/file", b"1\n", "text/plain"), ArtifactBlob(None, b"22")),
    )
    image = make_artifact(Declared(references=("a/b:1",), annotations=(("k", "v"),)), artifact)
    manifest = json.loads(image.manifest_json)

    assert image.artifact is artifact
    assert image.id == image.digest == digest_of(image.manifest_json)
    assert image.size_bytes == 4
    assert manifest["artifactType"] == "application/vnd.example"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert [(layer["mediaType"], layer.get("annotations")) for layer in manifest["layers"]] == [
        ("text/plain", {"org.opencontainers.image.title": "dir/file"}),
        ("application/octet-stream", None),
    ]
    assert manifest["annotations"] == {"k": "v"}
    assert [path for path, _ in image.tree.walk()] == ["/"]


def test_two_artifacts_have_two_ids_although_their_configs_are_empty() -> None:
    ids = {
        make_artifact(NAMES, Artifact(artifact_type="t/x", blobs=(ArtifactBlob("f", content),))).id
        for content in (b"1", b"2")
    }

    assert len(ids) == 2


def test_an_artifact_without_blobs_still_has_a_size() -> None:
    assert make_artifact(NAMES, Artifact(artifact_type="t/x", blobs=())).size_bytes == 2


@pytest.mark.parametrize(
    ("pull", "seconds"),
    [
        (PullBehaviour(), 0),
        (PullBehaviour(duration_ns=3_000_000_000), 3),
        (PullBehaviour(bandwidth_bytes_per_second=500), 2),
        (PullBehaviour(duration_ns=3_000_000_000, bandwidth_bytes_per_second=500), 5),
    ],
)
def test_pull_time(pull: PullBehaviour, seconds: int) -> None:
    assert pull.time_ns(1000) == seconds * 1_000_000_000
