"""A tar of any make is read as its maker meant it, or it is refused with the name of the entry."""

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.images.layers.layer import open_layer
from kubesim.images.layers.limits import DEFAULT_LIMITS, LayerError, LayerLimits
from kubesim.images.layers.tar_members import Member, member_path, read_members

from .archives import Entry, blob_of, entry, layer_of, tar_of, with_field

names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 256
)
paths = st.lists(names, min_size=1, max_size=5).map("/".join)
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    info = tarfile.TarInfo(draw(paths))
    info.type = draw(
        st.sampled_from(
            (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"3", b"4")
        )
    )
    info.mode = draw(st.integers(0, 0o7777))
    info.uid, info.gid = draw(st.integers(0, 0xFFFF_FFFF)), draw(st.integers(0, 0xFFFF_FFFF))
    info.mtime = draw(st.integers(0, 2**40))
    info.linkname = draw(paths) if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    info.devmajor, info.devminor = draw(st.integers(0, 2**20)), draw(st.integers(0, 2**20))
    content = draw(st.binary(max_size=1500)) if info.type == tarfile.REGTYPE else b""
    info.size = len(content)
    return info, content


def members(tar: bytes, *, piece: int = 1 << 20, limits: LayerLimits = DEFAULT_LIMITS) -> list[Member]:
    pieces = (tar[at : at + piece] for at in range(0, len(tar), piece))
    return list(read_members(pieces, limits))


@settings(max_examples=150)
@given(st.lists(entries(), max_size=5), st.sampled_from((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)), st.integers(1, 3000))
def test_what_was_written_is_read(rows: list[Entry], tar_format: int, piece: int) -> None:
    tar = tar_of(rows, tar_format=tar_format)

    found = members(tar, piece=piece)

    kinds = {"0": "file", "1": "hardlink", "2": "symlink", "3": "character device", "4": "block device"}
    for got, (info, content) in zip(found, rows, strict=True):
        assert got.path == "/" + info.name
        assert (got.mode, got.uid, got.gid) == (info.mode, info.uid, info.gid)
        assert got.mtime_ns == int(info.mtime) * 10**9
        assert got.kind == {**kinds, "5": "directory", "6": "fifo"}[info.type.decode()]
        assert got.target == ("/" + info.linkname if got.kind == "hardlink" else info.linkname)
        if got.kind in ("character device", "block device"):
            assert got.device == (info.devmajor, info.devminor)
        if got.kind == "file":
            assert tar[got.offset : got.offset + got.size_bytes] == content
            assert got.magic == (content[:4] if info.mode & 0o111 else b"")


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    tar = bytearray(tar_of([data.draw(entries()), data.draw(entries())]))
    for _ in range(data.draw(st.integers(1, 4))):
        tar[data.draw(st.integers(0, min(len(tar) - 1, 2500)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(tar)))

    for archive in (bytes(tar), bytes(tar[:cut])):
        try:
            found = members(archive)
        except LayerError:
            continue
        assert sum(member.size_bytes for member in found if member.sparse is None) <= len(archive)


@given(st.binary(max_size=4096))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(LayerError):
        members(b"\1" + data)


def test_an_archive_without_an_end_mark_ends_with_its_last_member() -> None:
    tar = tar_of([entry("file", b"content")])

    assert [member.path for member in members(tar[:1024])] == ["/file"]
    assert members(b"") == []
    assert members(bytes(1024)) == []


def test_what_lies_behind_the_end_mark_is_hashed_and_not_read() -> None:
    content = tar_of([entry("file", b"content")]) + b"anything" * 1000
    blob = blob_of(content)

    layer = open_layer(blob, diff_id=blob.digest)

    assert [member.path for member in layer.members] == ["/file"]
    assert layer.size_bytes == len(content)


@pytest.mark.parametrize("tar_format", FORMATS)
def test_long_names_in_every_format(tar_format: int) -> None:
    name = "/".join(["directory" * 4] * 4) + "/file"

    (found,) = members(tar_of([entry(name, b"x")], tar_format=tar_format))

    assert found.path == "/" + name


def test_numbers_that_octal_digits_cannot_hold() -> None:
    rows = [entry("file", b"x", uid=0xFFFF_FFFF, gid=3_000_000, mtime=-5)]

    (found,) = members(tar_of(rows, tar_format=tarfile.GNU_FORMAT))

    assert (found.uid, found.gid, found.mtime_ns) == (0xFFFF_FFFF, 3_000_000, -5 * 10**9)


def test_times_of_pax_have_fractions() -> None:
    (found,) = members(tar_of([entry("file", b"x", pax_headers={"mtime": "1.5000000019"})]))

    assert found.mtime_ns == 1_500_000_001


@pytest.mark.parametrize("name", ["./etc//passwd", "/etc/passwd", "etc/./passwd", "//etc/passwd"])
def test_names_start_at_the_root_of_the_layer(name: str) -> None:
    assert member_path(name) == "/etc/passwd"


def test_a_directory_of_old_tars_ends_in_a_slash() -> None:
    tar = with_field(tar_of([entry("dir/", b"")]), 156, b"\0")

    assert [(member.path, member.kind) for member in members(tar)] == [("/dir", "directory")]


def test_headers_that_speak_for_the_whole_archive_are_passed_over() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "git"}) as archive:
        archive.addfile(*entry("file", b"content")[:1], io.BytesIO(b"content"))

    assert [member.path for member in members(buffer.getvalue())] == ["/file"]


def test_the_size_of_what_is_no_file_counts_for_nothing() -> None:
    tar = with_field(tar_of([entry("dir"), entry("file", b"x")]), 124, b"00000001000\0")

    assert [member.path for member in members(tar)] == ["/dir", "/file"]


REFUSED = {
    "cut in a header": (tar_of([entry("file", b"x")])[:300], "the archive is truncated within a header"),
    "cut in a file": (tar_of([entry("file", b"x" * 2000)])[:1600], "the archive is truncated: 960 bytes are missing"),
    "no tar": (b"secret\n" * 200, "not a tar archive"),
    "no header": (tar_of([entry("f", b"x")])[:1024] + b"secret\n" * 200, "no tar header at byte 1024"),
    "up": (tar_of([entry("../../etc/passwd", b"x")]), "'../../etc/passwd': `..` in a name"),
    "up and down": (tar_of([entry("a/../b", b"x")]), "'a/../b': `..` in a name"),
    "a hard link up": (tar_of([entry("a", None, type=b"1", linkname="../x")]), "'a': `..` in a name"),
    "unknown kind": (with_field(tar_of([entry("file", b"")]), 156, b"Z"), "'file': an entry of the unknown kind 'Z'"),
    "negative size": (with_field(tar_of([entry("f", b"")]), 124, b"\xff" * 12), "'f': a file of -1 bytes"),
    "size beyond the end": (with_field(tar_of([entry("f", b"")]), 124, b"77777777777\0"), "the archive is truncated"),
    "negative owner": (with_field(tar_of([entry("f", b"")]), 108, b"\xff" * 8), "'f': the owner -1:0 is out of range"),
    "words for numbers": (
        with_field(tar_of([entry("f", b"")]), 124, b"12x4567890\0\0"),
        "'f': size is no octal number",
    ),
    "a long component": (tar_of([entry("n" * 256, b"")]), "a name of more than 255 bytes"),
    "a long path": (tar_of([entry("/".join(["n" * 200] * 25), b"")]), "a path of more than 4095 bytes"),
    "a long link": (tar_of([entry("l", None, type=b"2", linkname="n" * 5000)]), "'l': a link to more than 4095"),
    "half a pax header": (
        tar_of([entry("f", b"", pax_headers={"a": "b"})])[:1024],
        "a header of a member that does not",
    ),
    "an owner of pax": (
        tar_of([entry("f", b"", pax_headers={"uid": "4294967296"})]),
        "'f': the owner 4294967296:0 is out of range",
    ),
    "a size of pax": (tar_of([entry("f", b"", pax_headers={"size": "-1"})]), "'f': pax record size='-1' is no number"),
    "a time of pax": (tar_of([entry("f", b"", pax_headers={"mtime": "soon"})]), "pax record mtime='soon' is no time"),
    "a name with a NUL": (tar_of([entry("f", b"", pax_headers={"path": "a\0b"})]), "pax record 'path' holds a NUL"),
    "sparse without size": (
        tar_of([entry("f", b"", pax_headers={"GNU.sparse.map": "0,1"})]),
        "'f': a sparse file without its size",
    ),
    "sparse of the future": (
        tar_of([entry("f", b"", pax_headers={"GNU.sparse.major": "2", "GNU.sparse.realsize": "1"})]),
        "'f': a sparse file of the unknown version 2.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_archive_is_refused_by_name(case: str) -> None:
    tar, message = REFUSED[case]
    blob = blob_of(tar)

    with pytest.raises(LayerError) as caught:
        open_layer(blob)

    assert message in caught.value.what
    assert caught.value.where == f"layer {blob.digest}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("record", [b"5 a=b", b"99 a=b\n", b"0 a=b\n", b"6 =bc\n", b"x"])
def test_a_pax_header_of_nonsense_is_refused(record: bytes) -> None:
    tar = with_field(tar_of([entry("x", record)]), 156, b"x")

    with pytest.raises(LayerError, match=r"holds something that is no record"):
        members(tar)


LIMITS = {
    "entries": (LayerLimits(entries_max=2), [entry(str(number), b"") for number in range(3)], "more than 2 entries"),
    "unpacked": (
        LayerLimits(unpacked_bytes_max=10_000),
        [entry("f", b"x" * 10_000)],
        "unpacks to more than 10000 bytes",
    ),
    "ratio": (
        LayerLimits(ratio_max=20, ratio_free_bytes=100_000),
        [entry("zeros", bytes(1_000_000))],
        "it unpacks to more than 20 times its",
    ),
    "file": (LayerLimits(file_bytes_max=99), [entry("f", b"x" * 100)], "'f': a file of 100 bytes is longer than 99"),
    "records": (
        LayerLimits(records_bytes_max=50),
        [entry("f", b"", pax_headers={"comment": "c" * 60})],
        "a pax header of 72 bytes is longer than 50",
    ),
}


@pytest.mark.parametrize("bound", LIMITS)
def test_what_asks_for_too_much_is_refused(bound: str) -> None:
    limits, rows, message = LIMITS[bound]

    with pytest.raises(LayerError) as caught:
        layer_of(*rows, packed=True, limits=limits)

    assert message in caught.value.what


def test_digests_are_checked() -> None:
    tar = tar_of([entry("file", b"content")])
    packed = gzip.compress(tar, mtime=0)
    other = blob_of(b"other").digest

    with pytest.raises(InputError, match=f"its bytes have the digest {blob_of(packed).digest}, not {other}"):
        open_layer(blob_of(packed)._replace(digest=other))
    with pytest.raises(InputError, match=f"unpacked: its bytes have the digest {blob_of(tar).digest}, not {other}"):
        open_layer(blob_of(packed), diff_id=other)
    assert open_layer(blob_of(packed), diff_id=blob_of(tar).digest).diff_id == blob_of(tar).digest


def test_a_large_layer_whose_entry_is_wrong_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    rows = [entry("a", bytes(range(256)) * 8000), entry("../b", b""), entry("c", bytes(range(256)) * 40_000)]
    before = threading.active_count()

    with pytest.raises(LayerError, match=r"`\.\.` in a name"):
        layer_of(*rows)

    assert threading.active_count() == before


@pytest.mark.parametrize("form", ["gnu", "oldgnu", "posix", "ustar", "v7"])
def test_what_gnu_tar_writes(form: str, tmp_path: Path) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc/passwd").write_text("root:x:0:0\n")
    (tmp_path / "tree/link").symlink_to("etc/passwd")
    (tmp_path / "tree/hard").hardlink_to(tmp_path / "tree/etc/passwd")
    command = [
        "tar",
        f"--format={form}",
        "--sort=name",
        "--numeric-owner",
        "-C",
        str(tmp_path / "tree"),
        "-cf",
        "-",
        ".",
    ]
    tar = subprocess.run(command, check=True, capture_output=True).stdout

    found = {member.path: (member.kind, member.target) for member in members(tar)}

    assert found == {
        "/": ("directory", ""),
        "/etc": ("directory", ""),
        "/etc/passwd": ("file", ""),
        "/hard": ("hardlink", "/etc/passwd"),
        "/link": ("symlink", "etc/passwd"),
    }


def test_a_name_that_no_file_can_have_does_not_fill_the_message() -> None:
    with pytest.raises(LayerError) as caught:
        members(tar_of([entry("etc/" + "n" * 100_000, b"")]))
    ends = f"'etc/{'n' * 36}'...'{'n' * 40}' (100004 characters)"
    assert str(caught.value) == f"{ends}: a name of more than 255 bytes"
