"""The local store: images come in whole or not at all, and go with every blob that nothing else needs."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.archives.sources import open_source
from kubesim.images.blobs.blob import Blob
from kubesim.images.documents import Descriptor
from kubesim.images.fixtures import load_catalogue
from kubesim.images.store import ImageStore
from kubesim.policy.image_platform import Platform

from .writing import (
    INDEX,
    MANIFEST,
    Parts,
    digest_of,
    json_of,
    layout_files,
    named,
    tar_of,
    write_directory,
    write_tar,
)

LOWER = tar_of({"bin": None, "shared": b"x"})
ONE, TWO = Parts(LOWER, tar_of({"one": b"1"})), Parts(LOWER, tar_of({"two": b"2"}))


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "store")


def add(store: ImageStore, path: Path, *names: str, platform: Platform | None = None) -> None:
    """All images of a file, under their own names or those given."""
    source = open_source(path)
    options = {} if platform is None else {"platform": platform}
    with store.changing() as change:
        for image in source.images:
            entered = change.copy(source.blobs, image.descriptor, where=str(path), **options)
            change.enter(entered, names or image.references(source.repository), where=str(path), **options)


def layout(path: Path, *images: tuple[Parts, str], **changes: bytes) -> Path:
    entries = [parts.entry(name=name) for parts, name in images]
    files = layout_files(entries, [blob for parts, _ in images for blob in parts.blobs])
    return write_directory(path, files | {name.replace("__", "/"): content for name, content in changes.items()})


def files_of(store: ImageStore) -> dict[str, bytes]:
    return {str(path.relative_to(store.path)): path.read_bytes() for path in store.path.rglob("*") if path.is_file()}


def blobs_of(store: ImageStore) -> set[str]:
    return {f"sha256:{name.rpartition('/')[2]}" for name in files_of(store) if name.startswith("blobs/")}


def digests(*parts: Parts) -> set[str]:
    return {digest_of(blob) for one in parts for blob in one.blobs}


def test_a_store_that_is_not_there_is_empty(store: ImageStore) -> None:
    assert (store.images(), store.references(), store.find("docker.io/library/a:1")) == ([], (), None)
    assert not store.path.exists()


def test_what_was_added_is_found_by_name_digest_and_id(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1")))

    again = ImageStore(store.path)
    image = again.find("registry.example/one:1")
    assert image is not None
    assert image.tree.get("/one") is not None
    assert image.references == ("registry.example/one:1",)
    assert again.find(f"registry.example/one@{digest_of(ONE.manifest)}") is image
    assert again.find(f"registry.example/other@{digest_of(ONE.manifest)}") is None
    assert again.find_content(digest_of(ONE.config)) is image
    assert again.find_content(digest_of(TWO.config)) is None
    assert [found.digest for found in again.match(digest_of(ONE.config)[7:12])] == [digest_of(ONE.manifest)]
    assert blobs_of(store) == digests(ONE)


def test_the_store_is_a_layout_that_anybody_reads(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1"), (TWO, "registry.example/two:1")))

    source = open_source(store.path)

    assert [image.references(source.repository) for image in source.images] == [
        ("registry.example/one:1",),
        ("registry.example/two:1",),
    ]
    index = json.loads(files_of(store)["index.json"])
    assert [descriptor["mediaType"] for descriptor in index["manifests"]] == [MANIFEST, MANIFEST]


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="no skopeo on this machine (apt-get install skopeo)")
def test_skopeo_reads_the_store_and_writes_it(store: ImageStore, tmp_path: Path) -> None:
    name = "registry.example/one:1"
    add(store, layout(tmp_path / "x", (ONE, name)))
    for source, target in (
        (f"oci:{store.path}:{name}", f"docker-archive:{tmp_path}/saved.tar:{name}"),
        (f"docker-archive:{tmp_path}/saved.tar", f"oci:{store.path}:registry.example/again:1"),
    ):
        done = subprocess.run(
            ["skopeo", "--insecure-policy", "copy", source, target], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    image, again = (ImageStore(store.path).find(f"registry.example/{one}:1") for one in ("one", "again"))

    assert image is not None
    assert again is not None
    assert image.id == again.id == digest_of(ONE.config)
    assert image.tree.listing() == again.tree.listing()


def test_a_name_moves_to_the_image_that_was_added_last(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/a:1")))
    add(store, layout(tmp_path / "y", (TWO, "registry.example/a:1")))

    assert [image.references for image in store.images()] == [(), ("registry.example/a:1",)]
    assert blobs_of(store) == digests(ONE, TWO)


def test_an_image_keeps_the_names_that_it_had(store: ImageStore, tmp_path: Path) -> None:
    path = layout(tmp_path / "x", (ONE, "registry.example/a:1"))
    add(store, path)
    add(store, path, "registry.example/b:1")

    assert [image.references for image in store.images()] == [("registry.example/a:1", "registry.example/b:1")]


def test_blobs_that_another_image_needs_stay(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1"), (TWO, "registry.example/two:1")))

    with store.changing() as change:
        change.remove_name("registry.example/one:1")

    assert store.references() == ("registry.example/two:1",)
    assert blobs_of(store) == digests(TWO)
    with store.changing() as change:
        change.remove(change.images[0])
    assert (store.images(), blobs_of(store)) == ([], set())


def test_an_image_with_another_name_stays(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/a:1"), (ONE, "registry.example/b:1")))

    with store.changing() as change:
        change.remove_name("registry.example/a:1")

    assert store.references() == ("registry.example/b:1",)
    assert blobs_of(store) == digests(ONE)


def multi_platform(path: Path) -> tuple[Path, bytes, Parts]:
    other = Parts(tar_of({"arm64": b""}), architecture="arm64")
    platforms = [(ONE, "amd64"), (other, "arm64")]
    index = json_of(
        {
            "schemaVersion": 2,
            "manifests": [
                named(parts.manifest, MANIFEST, platform={"os": "linux", "architecture": architecture})
                for parts, architecture in platforms
            ],
        }
    )
    entry = named(index, INDEX, annotations={"io.containerd.image.name": "registry.example/m:1"})
    return write_tar(path, layout_files([entry], [index, *ONE.blobs, *other.blobs])), index, other


def test_of_an_index_only_what_the_platform_needs_is_stored(store: ImageStore, tmp_path: Path) -> None:
    path, index, other = multi_platform(tmp_path / "x.tar")

    add(store, path)
    assert blobs_of(store) == {digest_of(index), *digests(ONE)}
    found = store.find("registry.example/m:1")
    assert found is not None
    assert found.digest == digest_of(index)

    add(store, path, platform=Platform(os="linux", architecture="arm64"))
    assert store.find("registry.example/m:1").id == digest_of(other.config)  # type: ignore[union-attr]


def test_images_of_the_store_are_asked_for_last(store: ImageStore, tmp_path: Path) -> None:
    built_in = "registry.k8s.io/pause:3.10"
    add(store, layout(tmp_path / "x", (ONE, built_in), (TWO, "registry.example/two:1")))

    catalogue = load_catalogue([], more=store)

    assert catalogue.find(built_in).id != digest_of(ONE.config)  # type: ignore[union-attr]
    assert catalogue.find("registry.example/two:1") is catalogue.copy().find("registry.example/two:1") is not None
    assert "registry.example/two:1" in catalogue.references()
    assert catalogue.find("registry.example/three:1") is None
    assert catalogue.find_content(digest_of(TWO.config)) is store.find("registry.example/two:1")


# -- nothing half ----------------------------------------------------------------------------------------


def blob(content: bytes) -> str:
    return f"blobs__sha256__{digest_of(content)[7:]}"


EVIL = Parts(tar_of({"../../evil": b"x"}))
BAD = {
    "a missing layer": ((TWO, "registry.example/bad:1"), {"__gone": digest_of(TWO.layers[1])}, "the blob is missing"),
    "a layer of another size": ((TWO, "registry.example/bad:1"), {blob(TWO.layers[1]): b"x"}, "the blob has 1 bytes"),
    "a layer of other bytes": (
        (TWO, "registry.example/bad:1"),
        {blob(TWO.layers[1]): bytes(len(TWO.layers[1]))},
        "its bytes have the digest",
    ),
    "a config of other bytes": (
        (TWO, "registry.example/bad:1"),
        {blob(TWO.config): TWO.config.replace(b"app", b"pwn")},
        "its bytes have the digest",
    ),
    "a layer that leads out": ((EVIL, "registry.example/bad:1"), {}, "`..` in a name"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("kind", ["directory", "tar"])
def test_a_bad_image_leaves_the_store_as_it_was(store: ImageStore, tmp_path: Path, case: str, kind: str) -> None:
    image, changes, message = BAD[case]
    add(store, layout(tmp_path / "good", (ONE, "registry.example/one:1")))
    before = files_of(store)
    gone = changes.get("__gone", "")
    path = layout(tmp_path / "bad", image, **{key: value for key, value in changes.items() if key != "__gone"})
    if gone:
        (path / f"blobs/sha256/{str(gone)[7:]}").unlink()
    if kind == "tar":
        path = write_tar(
            tmp_path / "bad.tar",
            {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()},
        )

    with pytest.raises(InputError, match=message) as caught:
        add(store, path)

    assert "sha256:" in str(caught.value)
    assert files_of(store) == before
    assert not (tmp_path / "evil").exists()


def test_of_several_images_all_come_or_none(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`\.\.` in a name"):
        add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1"), (EVIL, "registry.example/evil:1")))

    assert (store.images(), blobs_of(store)) == ([], set())


class Stopping:
    """A source whose third blob never comes: the user has had enough."""

    def __init__(self, path: Path) -> None:
        self._blobs = open_source(path).blobs
        self._asked = 0

    def find(self, digest: str) -> Blob | None:
        self._asked += 1
        if self._asked > 4:
            raise KeyboardInterrupt
        return self._blobs.find(digest)


def test_an_interrupted_addition_leaves_nothing(store: ImageStore, tmp_path: Path) -> None:
    path = layout(tmp_path / "x", (ONE, "registry.example/one:1"))
    descriptor = Descriptor(digest=digest_of(ONE.manifest), size=len(ONE.manifest))

    with pytest.raises(KeyboardInterrupt), store.changing() as change:
        change.copy(Stopping(path), descriptor, where="x")

    assert (store.images(), blobs_of(store)) == ([], set())


def test_what_a_killed_addition_left_is_removed_by_the_next_change(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1")))
    folder = store.path / "blobs/sha256"
    (folder / ".incoming-abc").write_bytes(b"half")
    (folder / digest_of(b"orphan")[7:]).write_bytes(b"orphan")
    (store.path / ".incoming-pull").mkdir()
    (store.path / ".kubesim-new-1").write_bytes(b"{")
    assert len(store.images()) == 1

    with store.changing():
        pass

    assert blobs_of(store) == digests(ONE)
    assert sorted(path.name for path in store.path.iterdir()) == [".kubesim-lock", "blobs", "index.json", "oci-layout"]


def test_additions_at_the_same_time_all_count(store: ImageStore, tmp_path: Path) -> None:
    images = [Parts(LOWER, tar_of({f"f{number}": b"x"})) for number in range(8)]
    paths = [
        layout(tmp_path / f"x{number}", (one, f"registry.example/a:{number}")) for number, one in enumerate(images)
    ]
    threads = [threading.Thread(target=add, args=(ImageStore(store.path), path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.references() == tuple(f"registry.example/a:{number}" for number in range(8))
    assert blobs_of(store) == digests(*images)


def test_a_damaged_blob_of_the_store_is_named(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1")))
    place = store.path / f"blobs/sha256/{digest_of(ONE.layers[0])[7:]}"
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)

    with pytest.raises(InputError, match=digest_of(ONE.layers[0])):
        ImageStore(store.path).find("registry.example/one:1")


def test_a_damaged_image_does_not_hide_the_others(store: ImageStore, tmp_path: Path) -> None:
    add(store, layout(tmp_path / "x", (ONE, "registry.example/one:1"), (TWO, "registry.example/two:1")))
    (store.path / f"blobs/sha256/{digest_of(ONE.config)[7:]}").write_bytes(b"{}")
    again = ImageStore(store.path)

    assert again.find("registry.example/two:1") is not None
    assert again.find_content(digest_of(TWO.config)) is not None
    assert again.find_content(digest_of(ONE.config)) is None
    (damaged,) = again.match(digest_of(ONE.manifest)[7:19])
    with again.changing() as change:
        change.remove(damaged)
    assert again.references() == ("registry.example/two:1",)
    assert blobs_of(again) == digests(TWO)


def mistakes(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    (tmp_path / "file").write_text("x")
    yield tmp_path / "file", "no image store"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("x")
    yield tmp_path / "full", "no image store: it holds 'notes.txt'"
    write_directory(tmp_path / "index", {"index.json": b"{}"})
    yield tmp_path / "index", "no image store: it holds 'index.json'"
    write_directory(tmp_path / "broken", {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": b"{"})
    yield tmp_path / "broken", "index.json: not JSON"


def test_a_directory_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    for path, message in mistakes(tmp_path):
        before = sorted(path.rglob("*"))
        with pytest.raises(InputError, match=message) as caught, ImageStore(path).changing():
            pass
        assert str(path) in str(caught.value)
        assert sorted(path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written_says_so(store: ImageStore) -> None:
    store.path.mkdir(mode=0o500)

    with pytest.raises(InputError, match="Permission denied; name a store with --store"), store.changing():
        pass
