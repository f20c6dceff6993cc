"""A tar is read as the real tar reads it, or refused; never does it loop or escape as another error."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.tar_reader import ArchiveError, member_path, read_tar

names = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=150)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    kind = draw(st.sampled_from((tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)))
    member = tarfile.TarInfo(draw(paths))
    member.type = kind
    member.mode = draw(st.integers(0, 0o7777))
    member.uid = draw(st.integers(0, 0xFFFF_FFFF))
    member.gid = draw(st.integers(0, 0xFFFF_FFFF))
    member.mtime = draw(st.integers(0, 2**40))
    member.linkname = draw(paths) if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    content = draw(st.binary(max_size=1500)) if kind == tarfile.REGTYPE else b""
    member.size = len(content)
    return member, content


def write(rows: list[tuple[tarfile.TarInfo, bytes]], *, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for member, content in rows:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def plain(name: str = "file", content: bytes = b"content") -> bytes:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return write([(member, content)])


def with_field(tar: bytes, at: int, value: bytes) -> bytes:
    """The tar with a field of its first header changed, and the checksum with it."""
    header = bytearray(tar[:512])
    header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + tar[512:]


@settings(max_examples=150)
@given(st.lists(members(), max_size=5))
def test_what_tar_writes_is_read(rows: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    found = list(read_tar(write(rows)))

    assert [member.name for member in found] == [member.name + ("/" if member.isdir() else "") for member, _ in rows]
    for got, (member, content) in zip(found, rows, strict=True):
        assert (got.mode, got.uid, got.gid, got.mtime_ns) == (
            member.mode,
            member.uid,
            member.gid,
            int(member.mtime) * 10**9,
        )
        assert got.content == content
        assert got.target == member.linkname
        assert got.kind == {b"0": "file", b"1": "hardlink", b"2": "symlink", b"5": "directory"}[member.type]


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    tar = bytearray(write([data.draw(members()), data.draw(members())]))
    for _ in range(data.draw(st.integers(1, 4))):
        tar[data.draw(st.integers(0, min(len(tar) - 1, 2500)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(tar)))

    for archive in (bytes(tar), bytes(tar[:cut])):
        try:
            found = list(read_tar(archive))
        except ArchiveError:
            continue
        assert sum(len(member.content) for member in found) <= len(archive)


@given(st.binary(max_size=4096))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        list(read_tar(b"\1" + data))


def test_an_archive_in_the_old_format_is_read() -> None:
    member = tarfile.TarInfo("some/" * 25 + "file")

    (found,) = read_tar(write([(member, b"")], tar_format=tarfile.USTAR_FORMAT))

    assert found.name == member.name


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (b"", "the archive is empty"),
        (plain()[:700], "'file': the archive is truncated|its end mark is missing"),
        (plain()[:1024], "its end mark is missing"),
        (with_field(plain(), 124, b"77777777777\0"), "'file': the archive is truncated"),
        (with_field(plain(), 124, b"\xff" * 12), "size is no octal number"),
        (with_field(plain(), 124, b"-0000000001\0"), "size is no octal number"),
        (with_field(plain(), 156, b"3"), "'file' is a character device"),
        (with_field(plain(), 156, b"S"), "'file' is a sparse file"),
        (with_field(plain(), 156, b"Z"), "'file' is of the unknown kind b'Z'"),
        (with_field(plain(), 156, b"2"), "a symlink cannot have content"),
        (b"\x1f\x8b" + bytes(1022), "not a tar archive"),
        (b"secret\n" * 200, "^not a tar archive$"),
        (plain()[:1024] + b"secret\n" * 200, "^no tar header at byte 1024$"),
    ],
)
def test_a_broken_archive_is_refused_by_name(tar: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        list(read_tar(tar))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({"size": "-1"}, "pax record size='-1' is no number"),
        ({"size": "9" * 30}, "is no number"),
        ({"mtime": "soon"}, "pax record mtime='soon' is no time"),
        ({"uid": "4294967296"}, "uid 4294967296 is out of range"),
        ({"GNU.sparse.realsize": "99999999999"}, "is a sparse file"),
    ],
)
def test_a_pax_record_that_lies_is_refused(records: dict[str, str], message: str) -> None:
    member = tarfile.TarInfo("file")
    member.pax_headers = records

    with pytest.raises(ArchiveError, match=message):
        list(read_tar(write([(member, b"")])))


@pytest.mark.parametrize("record", [b"5 a=b", b"99 a=b\n", b"0 a=b\n", b"6 a=b\n", b"6 =bc\n", b"x"])
def test_a_pax_header_of_nonsense_is_refused(record: bytes) -> None:
    tar = with_field(plain("x", record), 156, b"x")

    with pytest.raises(ArchiveError, match=r"holds something that is no record|without its member"):
        list(read_tar(tar))


@pytest.mark.parametrize(
    ("name", "path"), [("./a/b", "/a/b"), ("a//b/", "/a/b"), (".", "/"), ("./", "/"), ("..a/...", "/..a/...")]
)
def test_a_name_inside_is_a_path(name: str, path: str) -> None:
    assert member_path(name) == path


@pytest.mark.parametrize("name", ["..", "a/../../b", "/etc", "a/..", "a\0b"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ArchiveError, match=r"leads out|absolute|NUL"):
        member_path(name)
