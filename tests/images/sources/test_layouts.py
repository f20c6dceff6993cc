"""OCI image layouts and archives of them: which images they have, under which names."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.archives.recognise import is_image_source
from kubesim.images.archives.sources import ImageSource, open_source
from kubesim.images.image import Image
from kubesim.policy.image_platform import LINUX_AMD64, Platform

from .writing import (
    INDEX,
    MANIFEST,
    Parts,
    busybox,
    digest_of,
    json_of,
    layout_files,
    named,
    tar_of,
    write_directory,
    write_tar,
)


def load(source: ImageSource, number: int = 0, platform: Platform = LINUX_AMD64) -> Image:
    return source.load(source.images[number], platform=platform)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["directory", "tar", "tar.gz"])
def test_a_layout_is_read_where_it_lies(tmp_path: Path, kind: str, packed: bool) -> None:
    parts = busybox(packed=packed)
    files = layout_files([parts.entry(name="registry.example/busybox:1")], parts.blobs)
    path = tmp_path / f"x.{kind}"
    if kind == "directory":
        write_directory(path, files)
    else:
        content = tar_of({f"./{name}": file for name, file in files.items()})
        path.write_bytes(gzip.compress(content) if kind == "tar.gz" else content)

    assert is_image_source(path)
    image = load(open_source(path))

    assert image.references == ("registry.example/busybox:1",)
    assert (image.id, image.digest) == (digest_of(parts.config), digest_of(parts.manifest))
    assert image.size_bytes == sum(map(len, parts.blobs))
    assert (image.config.user, image.config.cmd) == ("app", ("sh",))
    assert list(image.diff_ids) == json.loads(parts.config)["rootfs"]["diff_ids"]
    assert [layer.entries for layer in image.layers] == [3, 1]
    assert [image.tree.resolve(path).node.content for path in ("/etc/passwd", "/etc/motd")] == [  # type: ignore[union-attr]
        b"app:x:7:8::/:\n",
        b"hello\n",
    ]
    assert image.manifest_json == parts.manifest
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("annotations", "reference"),
    [
        ({"name": "registry.example/a:1"}, "registry.example/a:1"),
        ({"name": "busybox"}, "docker.io/library/busybox:latest"),
        ({"name": "registry.example/a:1", "ref": "1"}, "registry.example/a:1"),
        ({"ref": "registry.example/a:2"}, "registry.example/a:2"),
        ({"ref": "busybox:2"}, "docker.io/library/busybox:2"),
        ({"ref": "v1.2"}, "localhost/my-lay.out:v1.2"),
        ({}, "localhost/my-lay.out@DIGEST"),
    ],
)
def test_an_image_has_the_name_that_it_is_annotated_with_or_one_of_its_file(
    tmp_path: Path, annotations: dict[str, str], reference: str
) -> None:
    parts = busybox()
    path = write_directory(tmp_path / "My lay.out", layout_files([parts.entry(**annotations)], parts.blobs))

    image = load(open_source(path))

    assert image.references == (reference.replace("DIGEST", digest_of(parts.manifest)),)


def test_one_image_under_two_tags_is_one_image(tmp_path: Path) -> None:
    parts = busybox()
    entries = [parts.entry(ref="latest"), parts.entry(ref="v1"), parts.entry(ref="latest")]

    (image,) = open_source(write_directory(tmp_path / "x", layout_files(entries, parts.blobs))).images

    assert image.references("localhost/x") == ("localhost/x:latest", "localhost/x:v1")


def test_entries_of_unknown_media_types_are_passed_over(tmp_path: Path) -> None:
    parts = busybox()
    entries = [{"mediaType": "application/xml", "digest": "sha256:" + "0" * 64, "size": 1}, parts.entry(ref="v1")]

    source = open_source(write_directory(tmp_path / "x", layout_files(entries, parts.blobs)))

    assert len(source.images) == 1


def multi_platform() -> tuple[list[object], list[bytes], dict[str, Parts]]:
    """An index for two platforms in the index of a layout; and what is on which platform."""
    parts = {
        "amd64": Parts(tar_of({"amd64": b""})),
        "arm64": Parts(tar_of({"arm64": b""}), architecture="arm64"),
    }
    index = json_of(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                named(one.manifest, MANIFEST, platform={"os": "linux", "architecture": architecture})
                for architecture, one in parts.items()
            ],
        }
    )
    blobs = [index, *parts["amd64"].blobs, *parts["arm64"].blobs]
    return [named(index, INDEX, annotations={"io.containerd.image.name": "registry.example/m:1"})], blobs, parts


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_of_an_index_the_image_of_the_platform_is_taken(tmp_path: Path, architecture: str) -> None:
    entries, blobs, parts = multi_platform()
    source = open_source(write_tar(tmp_path / "x.tar", layout_files(entries, blobs)))

    image = load(source, platform=Platform(os="linux", architecture=architecture))

    assert image.id == digest_of(parts[architecture].config)
    assert image.digest == digest_of(blobs[0])  # what was pulled is the index
    assert list(image.tree.root.children) == [architecture]
    assert image.size_bytes == len(blobs[0]) + sum(map(len, parts[architecture].blobs))


def test_an_index_without_the_platform_says_what_it_has(tmp_path: Path) -> None:
    entries, blobs, _ = multi_platform()
    source = open_source(write_tar(tmp_path / "x.tar", layout_files(entries, blobs)))

    with pytest.raises(InputError, match=r"no image for linux/s390x in the index; it has linux/amd64, linux/arm64"):
        load(source, platform=Platform(os="linux", architecture="s390x"))


def test_an_image_of_another_platform_is_refused_when_only_its_config_says_so(tmp_path: Path) -> None:
    parts = Parts(tar_of({"x": b""}), architecture="s390x")
    index = json_of({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named(parts.manifest, MANIFEST)]})
    files = layout_files([named(index, INDEX)], [index, *parts.blobs])

    with pytest.raises(InputError, match="an image for linux/s390x; expected one for linux/amd64"):
        load(open_source(write_directory(tmp_path / "x", files)))


def test_indexes_in_one_another_have_an_end(tmp_path: Path) -> None:
    parts = busybox()
    blobs, inner = list(parts.blobs), named(parts.manifest, MANIFEST)
    for _ in range(5):
        index = json_of({"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner]})
        blobs.append(index)
        inner = named(index, INDEX)

    with pytest.raises(InputError, match="more than 4 indexes in one another"):
        load(open_source(write_directory(tmp_path / "x", layout_files([inner], blobs))))


def test_an_artifact_has_its_blobs_as_files(tmp_path: Path) -> None:
    weights, readme = b"w" * 3000, b"read me"
    manifest = json_of(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.example.model",
            "config": named(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [
                named(weights, "text/plain", annotations={"org.opencontainers.image.title": "w/model.bin"}),
                named(readme, "text/plain", annotations={"org.cncf.model.filepath": "README"}),
                named(readme, "text/plain"),
            ],
        }
    )
    entry = named(manifest, MANIFEST, annotations={"io.containerd.image.name": "registry.example/model:1"})
    path = write_tar(tmp_path / "x.tar", layout_files([entry], [manifest, b"{}", weights, readme]))

    image = load(open_source(path))

    assert image.artifact is not None
    assert image.artifact.artifact_type == "application/vnd.example.model"
    assert [(dict(blob.annotations), blob.content) for blob in image.artifact.blobs] == [
        ({"org.opencontainers.image.title": "w/model.bin"}, weights),
        ({"org.cncf.model.filepath": "README"}, readme),
        ({}, readme),
    ]
    assert (image.id, image.size_bytes) == (digest_of(manifest), len(weights) + 2 * len(readme))


def test_a_layer_without_its_last_padding_is_whole(tmp_path: Path) -> None:
    """As `umoci insert` writes one: the tar ends with the last byte of its last file."""
    layer = tar_of({"etc/passwd": b"app:x:7:8::/:\n"})[: 512 + 14]
    parts = Parts(layer)
    path = write_directory(tmp_path / "x", layout_files([parts.entry(ref="v1")], parts.blobs))

    node = load(open_source(path)).tree.get("/etc/passwd")

    assert node is not None
    assert node.content == b"app:x:7:8::/:\n"


def test_an_image_is_chosen_by_name_tag_or_digest(tmp_path: Path) -> None:
    one, two = busybox(), Parts(tar_of({"x": b""}))
    entries = [one.entry(ref="registry.example/a:1"), two.entry(ref="v2")]
    path = write_directory(tmp_path / "lay", layout_files(entries, [*one.blobs, *two.blobs]))
    source = open_source(path)

    assert source.choose("registry.example/a:1", where="x").descriptor.digest == digest_of(one.manifest)
    assert source.choose("v2", where="x").descriptor.digest == digest_of(two.manifest)
    assert source.choose("localhost/lay:v2", where="x").descriptor.digest == digest_of(two.manifest)
    assert source.choose(digest_of(one.manifest), where="x").descriptor.digest == digest_of(one.manifest)
    with pytest.raises(InputError, match=r"x: .*lay has 2 images; name one of: registry.example/a:1, localhost/lay:v2"):
        source.choose("", where="x")
    with pytest.raises(InputError, match=r"x: no image 'v3' in .*lay; there are: registry.example/a:1, localhost/lay"):
        source.choose("v3", where="x")


def test_digests_of_sha512_are_checked_too(tmp_path: Path) -> None:
    layer = tar_of({"x": b"content"})
    parts = Parts(layer, packed=False)
    digest = f"sha512:{hashlib.sha512(layer).hexdigest()}"
    manifest = parts.manifest.replace(digest_of(layer).encode(), digest.encode())
    path = write_directory(
        tmp_path / "x",
        layout_files([named(manifest, MANIFEST)], [manifest, parts.config]) | {f"blobs/sha512/{digest[7:]}": layer},
    )

    image = load(open_source(path))

    assert image.tree.get("/x") is not None
    (path / f"blobs/sha512/{digest[7:]}").write_bytes(layer.replace(b"content", b"another"))
    with pytest.raises(InputError, match="its bytes have the digest sha512:"):
        load(open_source(path))


def test_an_encrypted_layer_is_refused_by_name(tmp_path: Path) -> None:
    parts = Parts(tar_of({"x": b"1"}))
    manifest = parts.manifest.replace(b"tar+gzip", b"tar+gzip+encrypted")
    files = layout_files([named(manifest, MANIFEST)], [manifest, *parts.blobs])

    with pytest.raises(InputError, match="an encrypted layer; there is no key here that opens it"):
        load(open_source(write_directory(tmp_path / "x", files)))
