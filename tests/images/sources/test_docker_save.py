"""What `docker save` and its like write."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.images.archives.sources import open_source
from kubesim.images.image import Image

from .writing import (
    CONFIG,
    INDEX,
    MANIFEST,
    Parts,
    busybox,
    digest_of,
    json_of,
    layout_files,
    link,
    named,
    saved_files,
    tar_of,
    write_tar,
)


def load_all(path: Path) -> list[Image]:
    source = open_source(path)
    return [source.load(one) for one in source.images]


@pytest.mark.parametrize("packed", [True, False])
def test_an_image_has_the_manifest_that_containerd_would_make(tmp_path: Path, packed: bool) -> None:
    parts = busybox(packed=packed)
    path = write_tar(tmp_path / "x.tar", saved_files((parts, ["busybox:1", "registry.example/b:2"])))

    (image,) = load_all(path)

    docker = "application/vnd.docker."
    layer = f"{docker}image.rootfs.diff.tar" + (".gzip" if packed else "")
    manifest = json_of(
        {
            "schemaVersion": 2,
            "mediaType": f"{docker}distribution.manifest.v2+json",
            "config": named(parts.config, f"{docker}container.image.v1+json"),
            "layers": [named(one, layer) for one in parts.layers],
        }
    )
    assert image.references == ("docker.io/library/busybox:1", "registry.example/b:2")
    assert (image.id, image.manifest_json, image.digest) == (digest_of(parts.config), manifest, digest_of(manifest))
    assert image.tree.get("/etc/motd") is not None


def test_layers_may_be_links_to_one_another(tmp_path: Path) -> None:
    """Docker before 1.25 and podman have a folder for each layer, with a link to the same bytes of another."""
    parts = busybox(packed=False)
    files = saved_files((parts, ["a:1"]))
    manifest = json.loads(files.pop("manifest.json"))
    first, second = manifest[0]["Layers"]
    manifest[0]["Layers"] = ["one/layer.tar", "two/layer.tar"]
    entries = [
        link("one/layer.tar", f"../{first}"),
        link("two/again.tar", second, hard=True),
        link("two/layer.tar", "again.tar"),
    ]
    whole = tar_of({**files, "manifest.json": json_of(manifest)}).rstrip(b"\0")
    (tmp_path / "x.tar").write_bytes(whole + bytes(-len(whole) % 512) + tar_of(entries))

    (image,) = load_all(tmp_path / "x.tar")

    assert image.tree.get("/etc/motd") is not None


def test_images_without_tags_are_named_by_their_file_and_digest(tmp_path: Path) -> None:
    parts, other = busybox(), Parts(tar_of({"x": b""}))
    path = write_tar(tmp_path / "My-Save.tar", saved_files((parts, None), (other, ["<none>:<none>"])))

    assert [image.references for image in load_all(path)] == [
        (f"localhost/my-save@{image.digest}",) for image in load_all(path)
    ]


def test_an_empty_layer_is_a_layer(tmp_path: Path) -> None:
    parts = Parts(tar_of({}), tar_of({"x": b"1"}), history=[{"empty_layer": True}, {}, {}])

    (image,) = load_all(write_tar(tmp_path / "x.tar", saved_files((parts, ["a:1"]))))

    assert [layer.entries for layer in image.layers] == [0, 1]


def test_a_scratch_image_has_no_layer(tmp_path: Path) -> None:
    (image,) = load_all(write_tar(tmp_path / "x.tar", saved_files((Parts(), ["a:1"]))))

    assert (image.layers, list(image.tree.root.children)) == ((), [])


def hybrid(parts: Parts, saved: Parts | None = None, **names: Any) -> dict[str, bytes]:
    """As Docker writes since version 25: a layout, and a manifest.json over its blobs."""
    said = saved or parts
    entry = parts.entry(**{"name": "docker.io/library/a:1", "ref": "1", **names.get("annotations", {})})
    manifest = [
        {
            "Config": f"blobs/sha256/{digest_of(said.config)[7:]}",
            "RepoTags": names.get("tags", ["a:1"]),
            "Layers": [f"blobs/sha256/{digest_of(layer)[7:]}" for layer in said.layers],
        }
    ]
    blobs = [*parts.blobs, *said.blobs]
    return {**layout_files([entry], dict.fromkeys(blobs)), "manifest.json": json_of(manifest)}


def test_a_file_with_both_manifests_is_read_when_they_agree(tmp_path: Path) -> None:
    parts = busybox(packed=False)

    (image,) = load_all(write_tar(tmp_path / "x.tar", hybrid(parts, tags=["a:1", "b:2"])))

    assert image.references == ("docker.io/library/a:1", "docker.io/library/b:2")
    assert image.digest == digest_of(parts.manifest)


def test_an_index_of_which_only_one_platform_was_saved_is_read(tmp_path: Path) -> None:
    """As Docker with the image store of containerd writes: other platforms are named, and attestations are there."""
    parts = busybox()
    other = Parts(tar_of({"x": b""}), architecture="arm64")
    statement = b'{"_type":"https://in-toto.io/Statement/v0.1"}'
    attestation = json_of(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": named(b'{"architecture":"unknown","os":"unknown"}', CONFIG),
            "layers": [named(statement, "application/vnd.in-toto+json")],
        }
    )
    index = json_of(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                named(other.manifest, MANIFEST, platform={"os": "linux", "architecture": "arm64"}),
                named(parts.manifest, MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
                named(attestation, MANIFEST, platform={"os": "unknown", "architecture": "unknown"}),
            ],
        }
    )
    entry = named(index, INDEX, annotations={"io.containerd.image.name": "docker.io/library/a:1"})
    files = layout_files([entry], [index, attestation, statement, *parts.blobs])
    path = write_tar(tmp_path / "x.tar", files | {"manifest.json": hybrid(parts)["manifest.json"]})

    (image,) = load_all(path)

    assert (image.references, image.digest, image.id) == (
        ("docker.io/library/a:1",),
        digest_of(index),
        digest_of(parts.config),
    )


def test_names_that_only_manifest_json_has_count(tmp_path: Path) -> None:
    parts = busybox()
    files = hybrid(parts) | {"index.json": json_of({"schemaVersion": 2, "manifests": [parts.entry()]})}

    (image,) = load_all(write_tar(tmp_path / "x.tar", files))

    assert image.references == ("docker.io/library/a:1",)


def test_two_manifests_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    other = Parts(tar_of({"evil": b""}))

    with pytest.raises(InputError, match=r"x.tar: manifest.json: \$\[0\]: config sha256:.* is no image of index.json"):
        load_all(write_tar(tmp_path / "x.tar", hybrid(busybox(), other)))


def test_a_name_that_is_two_images_is_refused(tmp_path: Path) -> None:
    one, two = busybox(), Parts(tar_of({"x": b""}))
    files = hybrid(one) | layout_files(
        [one.entry(name="docker.io/library/b:1"), two.entry(name="docker.io/library/a:1")], [*one.blobs, *two.blobs]
    )

    with pytest.raises(InputError, match=r"docker.io/library/a:1 is another image in index.json"):
        load_all(write_tar(tmp_path / "x.tar", files))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Config": "gone.json"}, r"manifest.json: \$\[0\].Config: 'gone.json' is not in the archive"),
        ({"Config": "../../etc/passwd"}, r"\$\[0\].Config: the name '../../etc/passwd' leads out"),
        ({"Config": "/etc/passwd"}, r"\$\[0\].Config: the name '/etc/passwd' leads out"),
        ({"Layers": ["gone.tar"] * 2}, r"\$\[0\].Layers\[0\]: 'gone.tar' is not in the archive"),
        ({"Layers": []}, r"\$\[0\].Layers: 0 layers, but the config .* has 2 diff_ids"),
        ({"Layers": "x"}, r"manifest.json: \$\[0\].Layers: found the text 'x'; expected a list"),
        ({"RepoTags": ["UPPER:1"]}, r"\$\[0\].RepoTags\[0\]: 'UPPER:1' is no image name: .*must be lowercase"),
        ({"Config": None}, r"manifest.json: \$\[0\]: missing required field 'Config'"),
    ],
)
def test_what_manifest_json_says_wrong_is_said_at_its_place(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    files = saved_files((busybox(), ["a:1"]))
    (entry,) = json.loads(files["manifest.json"])

    with pytest.raises(InputError, match=message):
        load_all(write_tar(tmp_path / "x.tar", files | {"manifest.json": json_of([{**entry, **change}])}))


def test_a_config_under_another_name_than_its_digest_is_refused(tmp_path: Path) -> None:
    files = saved_files((busybox(), ["a:1"]))
    (entry,) = json.loads(files["manifest.json"])
    name = "0" * 64 + ".json"
    files |= {name: files[entry["Config"]], "manifest.json": json_of([{**entry, "Config": name}])}

    with pytest.raises(InputError, match=r"the file 0+.json has the digest sha256:.*; its name must be its digest"):
        load_all(write_tar(tmp_path / "x.tar", files))


def test_a_layer_that_is_not_what_the_config_says_is_refused(tmp_path: Path) -> None:
    files = saved_files((busybox(packed=False), ["a:1"]))
    (name, *_) = json.loads(files["manifest.json"])[0]["Layers"]

    with pytest.raises(InputError, match=r"x.tar: layer sha256:.*: its bytes have the digest"):
        load_all(write_tar(tmp_path / "x.tar", files | {name: tar_of({"evil": b""})}))
