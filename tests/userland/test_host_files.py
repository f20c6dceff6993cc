"""The files of the node: the disk and its twin in memory, and what a bind can reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles, RealHostFiles


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> HostFiles:
    """Both kinds, empty."""
    return MemoryHostFiles() if request.param == "memory" else RealHostFiles(tmp_path)


def test_a_file_is_written_in_place_and_read(files: HostFiles) -> None:
    assert files.read("/f") is None
    files.write("/f", b"one", mode=0o600)
    files.write("/f", b"2")

    assert files.read("/f") == b"2"
    stat = files.stat("/f")
    assert stat is not None
    assert (stat.kind, stat.size_bytes, stat.mode) == ("file", 1, 0o600)


def test_parts_are_read_and_written_at_offsets(files: HostFiles) -> None:
    files.write("/f", b"0123456789")
    files.write_at("/f", 12, b"ab")
    files.truncate("/f", 13)

    assert files.read("/f") == b"0123456789\0\0a"
    assert files.read_at("/f", 8, 3) == b"89\0"
    assert files.read_at("/f", 100, 3) == b""


def test_append_makes_the_file_and_adds_to_it(files: HostFiles) -> None:
    files.append("/log", b"a\n", 0o640)
    files.append("/log", b"b\n")

    assert files.read("/log") == b"a\nb\n"
    stat = files.stat("/log")
    assert stat is not None
    assert stat.mode == 0o640


def test_an_open_log_follows_its_file_through_a_rotation(files: HostFiles) -> None:
    log = files.open_append("/log", 0o640)
    log.write(b"before\n")
    files.rename("/log", "/log.1")
    log.write(b"after\n")
    log.close()

    assert files.read("/log.1") == b"before\nafter\n"
    assert files.read("/log") is None


def test_directories_are_made_listed_and_removed(files: HostFiles) -> None:
    files.make_dirs("/a/b/c")
    files.make_dirs("/a/b/c")
    files.write("/a/b/f", b"")

    assert files.list_dir("/a/b") == ["c", "f"]
    assert (files.kind("/a/b"), files.kind("/a/b/f"), files.kind("/a/x")) == ("directory", "file", None)
    with pytest.raises(FsError, match="Directory not empty"):
        files.remove_one("/a/b")
    files.remove_one("/a/b/c")
    files.remove("/a")
    files.remove("/a")
    assert files.list_dir("/") == []


def test_rename_replaces_a_file_and_refuses_a_full_directory(files: HostFiles) -> None:
    files.write("/a", b"a")
    files.write("/b", b"b")
    files.make_dirs("/full/x")
    files.make_dirs("/other")
    files.rename("/a", "/b")

    assert (files.read("/b"), files.kind("/a")) == (b"a", None)
    with pytest.raises(FsError, match="Directory not empty"):
        files.rename("/other", "/full")


def test_removing_a_link_leaves_what_it_points_to(files: HostFiles) -> None:
    files.make_dirs("/d")
    files.write("/d/f", b"x")
    files.make_link("/l", "d")
    files.remove("/l")

    assert files.read("/d/f") == b"x"
    assert files.kind("/l") is None


def test_mode_owner_and_time_are_kept(files: HostFiles) -> None:
    files.write("/f", b"")
    files.set_owner("/f", 1000, 3000)
    files.set_mode("/f", 0o4711)
    files.set_times("/f", 1_600_000_000_000_000_000, 1_700_000_000_000_000_000)

    stat = files.stat("/f")
    assert stat is not None
    assert (stat.uid, stat.gid, stat.mtime_ns) == (1000, 3000, 1_700_000_000_000_000_000)
    assert stat.mode & 0o777 == 0o711


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (lambda files: files.make_directory("/f"), "File exists"),
        (lambda files: files.make_dirs("/f"), "File exists"),
        (lambda files: files.make_link("/f", "x"), "File exists"),
        (lambda files: files.list_dir("/f"), "Not a directory"),
        (lambda files: files.list_dir("/nope"), "No such file or directory"),
        (lambda files: files.read("/d"), "Is a directory"),
        (lambda files: files.write("/d", b""), "Is a directory"),
        (lambda files: files.write_at("/nope", 0, b""), "No such file or directory"),
        (lambda files: files.remove_one("/nope"), "No such file or directory"),
        (lambda files: files.read_link("/f"), "Invalid argument"),
        (lambda files: files.write("/nope/f", b""), "No such file or directory"),
    ],
)
def test_errors_carry_the_text_users_know(files: HostFiles, operation: object, text: str) -> None:
    files.write("/f", b"x")
    files.make_dirs("/d")

    with pytest.raises(FsError, match=text) as caught:
        operation(files)  # type: ignore[operator]
    assert isinstance(caught.value, OSError)


def test_a_directory_in_memory_has_a_link_for_each_directory_in_it() -> None:
    files = MemoryHostFiles()

    def links(path: str) -> int:
        stat = files.stat(path)
        assert stat is not None
        return stat.links_count

    files.make_dirs("/a/b")
    files.make_dirs("/a/c")
    files.make_dirs("/other")
    files.write("/a/file", b"")
    assert (links("/a"), links("/a/b"), links("/other")) == (4, 2, 2)

    files.rename("/a/b", "/other/b")
    files.remove_one("/a/c")
    files.make_dirs("/other/b")
    assert (links("/a"), links("/other"), links("/other/b")) == (2, 3, 2)


def test_memory_follows_links_on_the_way_and_never_loops() -> None:
    files = MemoryHostFiles()
    files.make_dirs("/run/log")
    files.make_dirs("/var")
    files.make_link("/var/run", "../run")
    files.make_link("/loop", "/loop")
    files.write("/var/run/log/f", b"x")

    assert files.read("/run/log/f") == b"x"
    with pytest.raises(FsError, match="Too many levels of symbolic links"):
        files.read("/loop")


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_bind_follows_no_link_of_its_own(kind: str, tmp_path: Path) -> None:
    host: HostFiles = MemoryHostFiles() if kind == "memory" else RealHostFiles()
    root = "" if kind == "memory" else str(tmp_path)
    host.make_dirs(f"{root}/outside")
    host.write(f"{root}/outside/secret", b"secret")
    host.make_dirs(f"{root}/volume")
    host.make_link(f"{root}/volume/up", "../outside")
    host.make_link(f"{root}/volume/direct", f"{root}/outside/secret")
    bind = host.confined(f"{root}/volume")

    for attempt in ("/up/secret", "/direct", "/../outside/secret"):
        with pytest.raises(FsError):
            bind.read(attempt)
        with pytest.raises(FsError):
            bind.write(attempt, b"overwritten")
        with pytest.raises(FsError):
            bind.append(attempt, b"more")
    assert bind.kind("/up") == "symlink"
    assert bind.kind("/up/secret") is None
    with pytest.raises(FsError):
        bind.list_dir("/up")
    assert host.read(f"{root}/outside/secret") == b"secret"


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_link_at_the_source_of_a_bind_is_followed_once(kind: str, tmp_path: Path) -> None:
    host: HostFiles = MemoryHostFiles() if kind == "memory" else RealHostFiles()
    root = "" if kind == "memory" else str(tmp_path)
    host.make_dirs(f"{root}/real")
    host.write(f"{root}/real/f", b"x")
    host.make_link(f"{root}/alias", f"{root}/real")
    bind = host.confined(f"{root}/alias")

    assert bind.read("/f") == b"x"
    assert host.confined(f"{root}/alias/f").read("/") == b"x"


def test_a_pipe_on_the_disk_never_makes_a_reader_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = RealHostFiles(tmp_path)

    with pytest.raises(FsError, match="No such device or address"):
        files.read("/pipe")
    assert files.kind("/pipe") == "fifo"


def test_a_log_line_is_one_write_at_the_end(tmp_path: Path) -> None:
    files = RealHostFiles()
    path = str(tmp_path / "log")
    log = files.open_append(path)
    (tmp_path / "log").write_bytes(b"somebody else\n")
    log.write(b"line\n")
    log.close()

    assert (tmp_path / "log").read_bytes() == b"somebody else\nline\n"


def test_an_owner_the_host_refuses_is_kept_until_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    files = RealHostFiles(tmp_path)
    files.make_dirs("/d")
    files.write("/d/f", b"")
    files.set_owner("/d/f", 1000, 3000)
    stat = files.confined("/d").stat("/f")
    assert stat is not None
    assert (stat.uid, stat.gid) == (1000, 3000)

    os.link(tmp_path / "d/f", tmp_path / "same-inode")
    files.remove("/d")
    left = files.stat("/same-inode")
    assert left is not None
    assert left.uid == os.geteuid()


def test_a_bind_shows_what_was_bound_until_it_is_removed() -> None:
    files = MemoryHostFiles()
    files.make_dirs("/a/b")
    files.make_dirs("/place")
    files.bind("/a/b", "/place")
    files.confined("/place").write("/f", b"x")

    assert files.read("/a/b/f") == b"x"
    assert files.confined("/place").base == "/a/b"
    assert files.list_dir("/place") == []
    files.remove("/place")
    assert files.read("/a/b/f") == b"x"
    with pytest.raises(FsError, match="No such file"):
        files.confined("/place")


@pytest.mark.parametrize(("source", "path"), [("/gone", "/place"), ("/place", "/gone")])
def test_a_bind_needs_both_ends(source: str, path: str) -> None:
    files = MemoryHostFiles()
    files.make_dirs("/place")

    with pytest.raises(FsError, match="No such file"):
        files.bind(source, path)


def test_nothing_is_bound_on_a_real_disk(tmp_path: Path) -> None:
    files = RealHostFiles(tmp_path)

    assert not files.can_bind
    with pytest.raises(FsError, match="Operation not permitted"):
        files.bind("/", "/place")


@pytest.mark.parametrize("path", ["/..", "/a/..", "/a/."])
def test_memory_removes_nothing_by_another_name(path: str) -> None:
    files = MemoryHostFiles(now_ns=lambda: 0)
    files.make_dirs("/a/b")
    with pytest.raises(FsError) as refused:
        files.remove(path)
    assert refused.value.errno_name == "EINVAL"
    with pytest.raises(FsError) as refused:
        files.rename(path, "/c")
    assert refused.value.errno_name == "EBUSY"
    files.make_dirs("/empty")
    with pytest.raises(FsError) as refused:
        files.remove_one("/empty/.")
    assert refused.value.errno_name == "EINVAL"
    assert files.kind("/a/b") == "directory"
