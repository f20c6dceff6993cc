"""Layouts and archives that somebody made to do harm, or that broke on the way: each a clear refusal with its entry."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.images.archives import files as archive_files
from kubesim.images.archives.recognise import is_image_source
from kubesim.images.archives.sources import open_source
from kubesim.images.json_text import JSON_BYTES_MAX

from .writing import (
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
    write_directory,
    write_tar,
)

PARTS = busybox()
FILES = layout_files([PARTS.entry(name="registry.example/a:1")], PARTS.blobs)


def blob(content: bytes) -> str:
    return f"blobs/sha256/{digest_of(content)[7:]}"


def read(path: Path) -> int:
    source = open_source(path)
    return len([source.load(one) for one in source.images])


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(str(path)), message
    return message.removeprefix(str(path)).removeprefix(": ")


def without(name: str) -> dict[str, bytes]:
    return {key: value for key, value in FILES.items() if key != name}


@pytest.mark.parametrize("write", [write_directory, write_tar], ids=["directory", "tar"])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (FILES | {"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}, "oci-layout: imageLayoutVersion '2.0.0'; expected"),
        (FILES | {"oci-layout": b"{}"}, "oci-layout: missing required field 'imageLayoutVersion'"),
        (without("index.json"), "index.json: no such entry"),
        (FILES | {"index.json": b"[" * 100_000}, "index.json: nested more than 64 levels deep"),
        (FILES | {"index.json": b" " * (JSON_BYTES_MAX + 1)}, "index.json: 4194305 bytes of JSON; expected at most"),
        (without(blob(PARTS.manifest)), f"{digest_of(PARTS.manifest)}: the blob is missing"),
        (without(blob(PARTS.config)), f"{digest_of(PARTS.config)}: the blob is missing"),
        (without(blob(PARTS.layers[1])), f"{digest_of(PARTS.layers[1])}: the blob is missing"),
        (FILES | {blob(PARTS.config): PARTS.config + b" "}, f"{digest_of(PARTS.config)}: the blob has "),
        (FILES | {blob(PARTS.config): PARTS.config.replace(b"app", b"pwn")}, f"{digest_of(PARTS.config)}: its bytes"),
        (
            FILES | {blob(PARTS.layers[0]): PARTS.layers[0][:-5] + b"wrong"},
            f"layer {digest_of(PARTS.layers[0])}: the gzip stream is damaged",
        ),
        (
            layout_files([{**PARTS.entry(), "digest": "sha256:../../../etc/passwd"}], PARTS.blobs),
            "index.json: $.manifests[0].digest: 'sha256:../../../etc/passwd' is no digest",
        ),
        (
            layout_files([{**PARTS.entry(), "size": 1}], PARTS.blobs),
            f"{digest_of(PARTS.manifest)}: the blob has {len(PARTS.manifest)} bytes, whatever names it says 1",
        ),
        (
            layout_files([PARTS.entry(ref="../x")], PARTS.blobs),
            "index.json: $.manifests[0]: annotation org.opencontainers.image.ref.name: '../x' is no image name",
        ),
        (
            layout_files([PARTS.entry(ref="a b")], PARTS.blobs),
            "index.json: $.manifests[0]: annotation org.opencontainers.image.ref.name: 'a b' is neither an image name",
        ),
        (
            {"manifest.json": json_of([{"Config": "c", "Layers": [], "RepoTags": []}] * 1001)},
            "manifest.json: 1001 images; expected at most 1000",
        ),
        ({"repositories": b"{}"}, "repositories without manifest.json: of Docker before 1.10; save the image again"),
        ({"index.json": b"{}"}, "index.json without oci-layout; a layout has both"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_layout_is_said_with_its_entry(
    tmp_path: Path, write: Callable[[Path, dict[str, bytes]], Path], files: dict[str, bytes], message: str
) -> None:
    assert refusal(write(tmp_path / "x", files)).startswith(message)


def layout_of(parts: Parts) -> dict[str, bytes]:
    return layout_files([parts.entry(name="registry.example/a:1")], parts.blobs)


def manifest_change(change: Callable[[dict[str, object]], None]) -> dict[str, bytes]:
    manifest = json.loads(PARTS.manifest)
    change(manifest)
    content = json_of(manifest)
    return layout_files([named(content, MANIFEST)], [content, *PARTS.blobs])


def test_as_many_diff_ids_as_layers(tmp_path: Path) -> None:
    files = manifest_change(lambda manifest: manifest["layers"].pop())  # type: ignore[attr-defined]

    assert "2 diff_ids, but the manifest has 1 layers" in refusal(write_tar(tmp_path / "x.tar", files))


def test_layers_in_another_order_are_not_what_the_config_says(tmp_path: Path) -> None:
    files = manifest_change(lambda manifest: manifest["layers"].reverse())  # type: ignore[attr-defined]

    assert "unpacked: its bytes have the digest" in refusal(write_tar(tmp_path / "x.tar", files))


def test_an_entry_of_a_layer_that_leads_out_is_named(tmp_path: Path) -> None:
    parts = Parts(tar_of({"../../etc/cron.d/x": b"evil"}))

    message = refusal(write_tar(tmp_path / "x.tar", layout_of(parts)))

    assert message.startswith(f"layer {digest_of(parts.layers[0])}: '../../etc/cron.d/x': `..` in a name")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.tar"]


def test_blobs_that_are_links_are_not_followed_out_of_a_directory(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "x", FILES)
    outside = tmp_path / "outside"
    outside.write_bytes(PARTS.config)
    place = path / blob(PARTS.config)
    place.unlink()
    place.symlink_to(outside)

    assert refusal(path).startswith(f"/{blob(PARTS.config)}: a link; expected a file: links are not followed")


def test_a_folder_of_blobs_that_is_a_link_is_not_followed_either(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "x", FILES)
    (path / "blobs").rename(tmp_path / "elsewhere")
    (path / "blobs").symlink_to(tmp_path / "elsewhere")

    assert refusal(path).startswith("/blobs: a link; expected a file: links are not followed")


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    import os

    path = write_directory(tmp_path / "x", without("index.json"))
    os.mkfifo(path / "index.json")

    assert refusal(path) == "/index.json: not a regular file"


def entries_of(files: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    entries = []
    for name, content in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        entries.append((info, content))
    return entries


def device(name: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = tarfile.CHRTYPE
    return info, b""


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([*entries_of(FILES), *entries_of({"../../evil": b"x"})], "'../../evil': `..` in a name"),
        ([*entries_of(FILES), device("dev/null")], "dev/null: a character device; images need files, directories and"),
        (
            [*entries_of(FILES), *entries_of({"index.json": FILES["index.json"]})],
            "index.json: the archive has two entries of this name; keep one of them",
        ),
        (
            [*entries_of(without("index.json")), link("index.json", "/etc/passwd")],
            "index.json: the name '/etc/passwd' leads out; expected a name below the root",
        ),
        (
            [*entries_of(without("index.json")), link("index.json", "../../etc/passwd")],
            "index.json: the name '../../etc/passwd' leads out",
        ),
        (
            [*entries_of(without("index.json")), link("index.json", "b"), link("b", "index.json")],
            "index.json: more than 40 links, one after another",
        ),
        (
            [*entries_of(without("index.json")), link("index.json", "index.json")],
            "index.json: more than 40 links, one after another",
        ),
        (
            [*entries_of(without("index.json")), link("index.json", "gone", hard=True)],
            "index.json: a link to 'gone', which is not in the archive",
        ),
        ([*entries_of(without("index.json")), link("index.json", "blobs")], "index.json: a link to 'blobs', which"),
        (entries_of({"x": b""}), "no image archive; expected an OCI layout (oci-layout, index.json) or what docker"),
        ([], "no image archive; expected an OCI layout"),
    ],
)
def test_what_is_wrong_in_an_archive_is_said_with_its_entry(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    assert refusal(write_tar(tmp_path / "x.tar", entries)).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b" + b"no gzip", "the gzip stream is damaged"),
        (gzip.compress(tar_of(FILES), mtime=0)[:-200], "the gzip stream is truncated"),
        (gzip.compress(b"no tar, but long enough to be looked at" * 30, mtime=0), "not a tar archive"),
        (tar_of({"oci-layout": b" " * 1000})[:1000], "the archive is truncated: 536 bytes are missing"),
        (b"BZh91AY&SY", "it is compressed with bzip2; gzip, zstd and uncompressed"),
        (b"\xfd7zXZ\0...", "it is compressed with xz; gzip, zstd and uncompressed"),
    ],
    ids=["damaged gzip", "cut gzip", "no tar in gzip", "cut tar", "bzip2", "xz"],
)
def test_a_file_that_is_no_whole_archive_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)

    assert is_image_source(path)
    assert refusal(path).startswith(message)


def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = archive_files.LayerLimits(ratio_free_bytes=1_000_000, ratio_max=100)
    monkeypatch.setattr(archive_files, "ARCHIVE_LIMITS", limits)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(tar_of({"zeros": bytes(8_000_000)})))

    assert refusal(path).startswith("it unpacks to more than 100 times its")


def test_a_layout_of_too_many_entries_is_refused(tmp_path: Path) -> None:
    files = layout_files([PARTS.entry(ref=f"v{number}") for number in range(1001)], PARTS.blobs)

    assert (
        refusal(write_directory(tmp_path / "x", files))
        == "index.json: $.manifests: 1001 entries; expected at most 1000"
    )


WHOLE = [tar_of(FILES), tar_of(saved_files((PARTS, ["a:1"]))), gzip.compress(tar_of(FILES), mtime=0)]


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from(WHOLE),
    cut=st.integers(0, 20_000),
    places=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_archive_is_read_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, places: list[tuple[int, int]]
) -> None:
    damaged = bytearray(content[: len(content) - cut % len(content)] if cut % 3 == 0 else content)
    for place, value in places:
        damaged[place % len(damaged)] = value
    path = tmp_path_factory.mktemp("damaged") / "x.tar"
    path.write_bytes(damaged)

    answer = outcome(path)

    assert answer in ("1 images", "0 images") or answer.startswith(str(path)), answer


def outcome(path: Path) -> str:
    try:
        return f"{read(path)} images"
    except InputError as error:
        return str(error)
