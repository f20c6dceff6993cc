"""The file system agrees with a real directory on any sequence of operations, errors included."""

from __future__ import annotations

import os
import shutil
import stat as stat_bits
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.tree import FileTree, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem, FileView, FsError, HostSource, MountSpec
from kubesim.userland.files.fs_error import from_os_error
from kubesim.userland.files.host_files import MemoryHostFiles, RealHostFiles
from kubesim.userland.files.open_file import RegularFile

KINDS = {
    stat_bits.S_IFREG: "file",
    stat_bits.S_IFDIR: "directory",
    stat_bits.S_IFLNK: "symlink",
    stat_bits.S_IFIFO: "fifo",
}
HOW = {
    "exclusive": {"is_exclusive": True},
    "no follow": {"follow_last": False},
    "there": {"is_created": False},
    "read write": {},
}
NAMES = ("a", "b", "d", "d/a", "d/b", "d/e", "d/e/f", "l", "l/a", "k")

paths = st.sampled_from(NAMES)
operations = st.one_of(
    st.tuples(st.just("write"), paths, st.binary(max_size=4)),
    st.tuples(st.just("append"), paths, st.binary(max_size=4)),
    st.tuples(st.just("mkdir"), paths),
    st.tuples(st.just("unlink"), paths),
    st.tuples(st.just("rmdir"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("link"), paths, st.sampled_from(("a", "d", "../d", "nope", "l", "d/e"))),
    st.tuples(st.just("read"), paths),
    st.tuples(st.just("list"), paths),
    st.tuples(st.just("chmod"), paths, st.sampled_from((0o600, 0o755, 0o4755, 0o2755, 0o1777))),
    st.tuples(st.just("chown"), paths, st.sampled_from((0, 7)), st.sampled_from((-1, 0, 7))),
    st.tuples(st.just("lchown"), paths, st.sampled_from((0, 7))),
    st.tuples(st.just("hard"), paths, paths),
    st.tuples(st.just("fifo"), paths),
    st.tuples(st.just("create"), paths, st.sampled_from(("exclusive", "no follow", "there", "read write"))),
    st.tuples(st.just("truncate"), paths, st.sampled_from((0, 2, 9))),
    st.tuples(st.just("sparse"), paths, st.sampled_from((0, 3, 5000)), st.binary(max_size=3)),
    st.tuples(st.just("utime"), paths, st.sampled_from((0, 10**18))),
    st.tuples(st.just("stat"), paths, st.booleans()),
    st.tuples(st.just("walk"), st.sampled_from(("l/../a", "d/./b", "d//b", "a/.", "d/", "l/", "k/../a", "x" * 300))),
)


def _begin() -> FileTree:
    """What both sides begin with."""
    return build_tree(
        [
            ("/w/a", file_node(b"one")),
            ("/w/d/b", file_node(b"two", mode=0o755)),
            ("/w/d/e", directory_node()),
            ("/w/l", symlink_node("d")),
        ]
    )


def _in_userland(files: FileView, operation: tuple[object, ...]) -> object:
    match operation:
        case ("write", str(path), bytes(data)):
            files.write(path, data)
        case ("append", str(path), bytes(data)):
            files.open_write(path, is_append=True).write_now(data)
        case ("mkdir", str(path)):
            files.make_directory(path)
        case ("unlink", str(path)):
            files.remove_file(path)
        case ("rmdir", str(path)):
            files.remove_directory(path)
        case ("rename", str(path), str(to_path)):
            files.rename(path, to_path)
        case ("link", str(path), str(target)):
            files.make_link(path, target)
        case ("read", str(path)):
            return files.read(path)
        case ("list", str(path)):
            return files.list_dir(path)
        case ("chmod", str(path), int(mode)):
            files.set_mode(path, mode)
        case _:
            return _more_in_userland(files, operation)
    return None


def _more_in_userland(files: FileView, operation: tuple[object, ...]) -> object:
    match operation:
        case ("chown", str(path), int(uid), int(gid)):
            files.set_owner(path, uid, gid)
        case ("lchown", str(path), int(uid)):
            files.set_owner(path, uid, uid, follow_last=False)
        case ("hard", str(path), str(to_path)):
            files.link(path, to_path)
        case ("fifo", str(path)):
            files.make_fifo(path)
        case ("create", str(path), str(how)):
            files.open_write(path, is_readable=True, **HOW[how])
        case ("truncate", str(path), int(size)):
            if files.exists(path) and files.stat(path).kind == "fifo":
                return "EINVAL"
            files.truncate(path, size)
        case ("sparse", str(path), int(offset), bytes(data)):
            file = files.open_write(path, is_readable=True)
            if isinstance(file, RegularFile):
                file.seek(offset)
                file.write_now(data)
        case ("utime", str(path), int(time_ns)):
            files.set_times(path, atime_ns=time_ns, mtime_ns=time_ns)
            return files.stat(path).mtime_ns
        case ("stat", str(path), bool(follow)):
            stat = files.stat(path, follow_last=follow)
            owner = (stat.uid, stat.gid)
            return (stat.kind, *owner) if stat.is_directory else (stat.kind, *owner, stat.links_count, stat.size_bytes)
        case ("walk", str(path)):
            return files.stat(path).kind
    return None


def _on_the_disk(root: Path, operation: tuple[object, ...]) -> object:
    match operation:
        case ("write", str(path), bytes(data)):
            (root / path).write_bytes(data)
        case ("append", str(path), bytes(data)):
            with (root / path).open("ab") as file:
                file.write(data)
        case ("mkdir", str(path)):
            (root / path).mkdir()
        case ("unlink", str(path)):
            (root / path).unlink()
        case ("rmdir", str(path)):
            (root / path).rmdir()
        case ("rename", str(path), str(to_path)):
            (root / path).rename(root / to_path)
        case ("link", str(path), str(target)):
            (root / path).symlink_to(target)
        case ("read", str(path)):
            return (root / path).read_bytes()
        case ("list", str(path)):
            return sorted(os.listdir(root / path))  # noqa: PTH208 - names, as the other side gives them
        case ("chmod", str(path), int(mode)):
            (root / path).chmod(mode)
        case _:
            return _more_on_the_disk(root, operation)
    return None


def _more_on_the_disk(root: Path, operation: tuple[object, ...]) -> object:
    match operation:
        case ("chown", str(path), int(uid), int(gid)):
            os.chown(root / path, uid, gid)
        case ("lchown", str(path), int(uid)):
            os.chown(root / path, uid, uid, follow_symlinks=False)
        case ("hard", str(path), str(to_path)):
            os.link(root / path, root / to_path, follow_symlinks=False)
        case ("fifo", str(path)):
            os.mkfifo(root / path)
        case ("create", str(path), how):
            flags = {"exclusive": os.O_CREAT | os.O_EXCL, "no follow": os.O_CREAT | os.O_NOFOLLOW, "there": 0}
            os.close(os.open(root / path, os.O_RDWR | flags.get(str(how), os.O_CREAT), 0o666))
        case ("truncate", str(path), int(size)):
            os.truncate(root / path, size)
        case ("sparse", str(path), int(offset), bytes(data)):
            fd = os.open(root / path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if stat_bits.S_ISREG(os.fstat(fd).st_mode):
                    os.pwrite(fd, data, offset)
            finally:
                os.close(fd)
        case ("utime", str(path), int(time_ns)):
            os.utime(root / path, ns=(time_ns, time_ns))
            return (root / path).stat().st_mtime_ns
        case ("stat", str(path), bool(follow)):
            stat = os.stat(root / path, follow_symlinks=follow)  # noqa: PTH116 - one call for both ways
            kind = KINDS[stat_bits.S_IFMT(stat.st_mode)]
            owner = (stat.st_uid, stat.st_gid)
            return (kind, *owner) if kind == "directory" else (kind, *owner, stat.st_nlink, stat.st_size)
        case ("walk", str(path)):
            return KINDS[stat_bits.S_IFMT(os.stat(f"{root}/{path}").st_mode)]  # noqa: PTH116 - the path as written
    return None


def _listing_of_userland(files: FileView, path: str = ".") -> list[tuple[str, str, int, object]]:
    found = []
    for name in files.list_dir(path):
        below = f"{path}/{name}"
        stat = files.stat(below, follow_last=False)
        if stat.kind == "directory":
            found += [(below, "directory", stat.mode, None), *_listing_of_userland(files, below)]
        elif stat.kind == "symlink":
            found.append((below, "symlink", 0, files.read_link(below)))
        elif stat.kind == "fifo":
            found.append((below, "fifo", stat.mode, stat.links_count))
        else:
            found.append((below, "file", stat.mode, (files.read(below), stat.links_count)))
    return found


def _listing_of_disk(root: Path, path: str = ".") -> list[tuple[str, str, int, object]]:
    found: list[tuple[str, str, int, object]] = []
    for name in sorted(os.listdir(root / path)):  # noqa: PTH208 - names, as the other side gives them
        below = f"{path}/{name}"
        real = root / below
        if real.is_symlink():
            found.append((below, "symlink", 0, os.readlink(real)))  # noqa: PTH115 - the text as it was written
        elif real.is_dir():
            found += [(below, "directory", real.stat().st_mode & 0o7777, None), *_listing_of_disk(root, below)]
        elif real.is_fifo():
            found.append((below, "fifo", real.stat().st_mode & 0o7777, real.stat().st_nlink))
        else:
            found.append((below, "file", real.stat().st_mode & 0o7777, (real.read_bytes(), real.stat().st_nlink)))
    return found


def _lay_out(root: Path) -> None:
    for path, node in _begin().get("/w").children.items():  # type: ignore[union-attr]  # it is there
        if node.kind == "symlink":
            (root / path).symlink_to(node.target)
        elif node.is_directory:
            (root / path).mkdir(mode=0o755)
            (root / path / "b").write_bytes(b"two")
            (root / path / "b").chmod(0o755)
            (root / path / "e").mkdir(mode=0o755)
        else:
            (root / path).write_bytes(node.content)


def _memory_bind() -> MemoryHostFiles:
    host = MemoryHostFiles()
    host.make_dirs("/v/d/e")
    host.write("/v/a", b"one")
    host.write("/v/d/b", b"two", 0o755)
    host.make_link("/v/l", "d")
    return host


def _is_fifo(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="root passes permission checks, and so does the emulated process here")
@pytest.mark.parametrize("kind", ["overlay", "memory bind", "disk bind"])
@settings(max_examples=60)
@given(sequence=st.lists(operations, max_size=14))
def test_the_same_operations_have_the_same_effect(kind: str, sequence: list[tuple[object, ...]]) -> None:
    scratch = Path(tempfile.mkdtemp())
    before = os.umask(0o022)
    try:
        disk = scratch / "disk"
        disk.mkdir()
        _lay_out(disk)
        mounts = []
        if kind == "memory bind":
            mounts = [MountSpec(destination="/w", source=HostSource(files=_memory_bind(), path="/v"))]
        elif kind == "disk bind":
            (scratch / "bind").mkdir()
            _lay_out(scratch / "bind")
            mounts = [MountSpec(destination="/w", source=HostSource(files=RealHostFiles(), path=f"{scratch}/bind"))]
        files = FileSystem(_begin(), mounts=mounts).as_root().copy()
        files.cwd = "/w"
        for operation in sequence:
            if operation[0] in ("read", "write", "append") and _is_fifo(disk / str(operation[1])):
                continue  # both would wait for another process
            ours: object
            theirs: object
            try:
                ours = _in_userland(files, operation)
            except FsError as error:
                ours = error.errno_name
            try:
                theirs = _on_the_disk(disk, operation)
            except OSError as error:
                theirs = from_os_error(error).errno_name
            assert ours == theirs, operation
        assert _listing_of_userland(files) == _listing_of_disk(disk)
    finally:
        os.umask(before)
        shutil.rmtree(scratch)
