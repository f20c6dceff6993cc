"""Files with several names, pipes with a name, files without any name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.filesystem import FileSystem, FileView, FsError, HostSource, MountSpec, TmpfsSource
from kubesim.userland.files.host_files import MemoryHostFiles, RealHostFiles
from kubesim.userland.files.layer_diff import diff_layer
from kubesim.userland.files.layer_tar import layer_from_tar, layer_to_tar

if TYPE_CHECKING:
    from conftest import World

TWICE = file_node(b"twice", mode=0o755)
TREE = build_tree([("/w/a", file_node(b"one")), ("/w/x", TWICE), ("/w/y", TWICE), ("/w/d", directory_node())])


def overlay(_: Path) -> FileView:
    return FileSystem(TREE).as_root()


def memory_bind(_: Path) -> FileView:
    host = MemoryHostFiles()
    host.make_dirs("/v/d")
    host.write("/v/a", b"one")
    return FileSystem(
        build_tree([]), mounts=[MountSpec(destination="/w", source=HostSource(files=host, path="/v"))]
    ).as_root()


def disk_bind(folder: Path) -> FileView:
    (folder / "v/d").mkdir(parents=True)
    (folder / "v/a").write_bytes(b"one")
    source = HostSource(files=RealHostFiles(), path=f"{folder}/v")
    return FileSystem(build_tree([]), mounts=[MountSpec(destination="/w", source=source)]).as_root()


every_kind = pytest.mark.parametrize("make", [overlay, memory_bind, disk_bind])


@every_kind
def test_two_names_are_one_file(make: Callable[[Path], FileView], tmp_path: Path) -> None:
    files = make(tmp_path)
    files.link("/w/a", "/w/d/b")
    files.write("/w/d/b", b"changed")
    files.set_mode("/w/a", 0o600)

    first, second = files.stat("/w/a"), files.stat("/w/d/b")
    assert files.read("/w/a") == b"changed"
    assert (first.inode, first.device, first.links_count) == (second.inode, second.device, 2)
    assert second.mode == 0o600
    files.remove_file("/w/a")
    assert (files.stat("/w/d/b").links_count, files.read("/w/d/b")) == (1, b"changed")


@every_kind
def test_renaming_one_name_over_the_other_does_nothing(make: Callable[[Path], FileView], tmp_path: Path) -> None:
    files = make(tmp_path)
    files.link("/w/a", "/w/b")
    files.rename("/w/a", "/w/b")

    assert files.list_dir("/w")[:2] == ["a", "b"]
    assert files.stat("/w/b").links_count == 2


@every_kind
def test_an_open_file_outlives_its_name(make: Callable[[Path], FileView], tmp_path: Path) -> None:
    files = make(tmp_path)
    reader, writer = files.open_read("/w/a"), files.open_write("/w/a", is_append=True)
    files.remove_file("/w/a")
    files.write("/w/a", b"another")
    writer.write_now(b" more")

    assert reader.read_now(100) in (b"one more", b"one")  # a reader of the image has its bytes
    assert files.read("/w/a") == b"another"
    files.link("/w/a", "/w/kept")
    old = files.open_read("/w/a")
    files.write("/w/new", b"new")
    files.rename("/w/new", "/w/a")
    assert (old.read_now(100), files.read("/w/a"), files.stat("/w/kept").links_count) == (b"another", b"new", 1)


@every_kind
def test_what_cannot_be_linked(make: Callable[[Path], FileView], tmp_path: Path) -> None:
    files = make(tmp_path)
    for path, to_path, text in (
        ("/w/d", "/w/other", "Operation not permitted"),
        ("/w/a", "/w/d", "File exists"),
        ("/w/none", "/w/other", "No such file or directory"),
        ("/w/a", "/w/none/other", "No such file or directory"),
        ("/w/a", "/dev/other", "Invalid cross-device link"),
    ):
        with pytest.raises(FsError, match=text):
            files.link(path, to_path)


def test_names_of_one_file_of_the_image_part_when_one_is_changed() -> None:
    files = overlay(Path())
    assert (files.stat("/w/x").inode, files.stat("/w/x").links_count) == (files.stat("/w/y").inode, 2)

    files.write("/w/x", b"own")
    assert (files.read("/w/x"), files.read("/w/y")) == (b"own", b"twice")


def test_a_layer_keeps_links_and_pipes_when_it_is_taken_and_put_on_again() -> None:
    system = FileSystem(TREE)
    files = system.as_root()
    files.link("/w/a", "/w/d/b")
    files.make_fifo("/w/pipe", 0o600)
    data = layer_to_tar(system.changes())
    again = FileSystem(TREE, layer=layer_from_tar(data))
    files = again.as_root()
    files.write("/w/a", b"both")

    assert (files.read("/w/d/b"), files.stat("/w/d/b").links_count) == (b"both", 2)
    assert (files.stat("/w/pipe").kind, files.stat("/w/pipe").mode) == ("fifo", 0o600)
    assert layer_to_tar(FileSystem(TREE, layer=layer_from_tar(data)).changes()) == data
    assert len({id(node) for path, node in diff_layer(again._upper).entries if path in ("/w/a", "/w/d/b")}) == 1


def test_links_are_counted_once_in_what_a_layer_takes() -> None:
    system = FileSystem(build_tree([("/d", directory_node())]))
    files = system.as_root()
    files.write("/d/a", b"x" * 5000)
    before = system.layer_usage()
    files.link("/d/a", "/d/b")

    assert system.layer_usage() == before


# -- pipes with a name ------------------------------------------------------------------------------------


def piped(world: World) -> FileSystem:
    files = world.container()
    files.as_root().make_fifo("/tmp/p")
    return files


def test_a_reader_waits_for_a_writer_and_gets_the_end_after_the_last_one(world: World) -> None:
    files = piped(world)
    reader = world.start("cat", "/tmp/p", files=files)
    world.advance(5)
    assert (reader.out, reader.code) == ("", None)

    world.sh("{ echo one; sleep 3; echo two; } > /tmp/p", files=files)
    world.advance(1)
    assert (reader.out, reader.code) == ("one\ntwo\n", 0)


def test_opening_waits_for_the_other_side(world: World) -> None:
    files = piped(world)
    writer = world.start("sh", "-c", ": > /tmp/p; echo opened", files=files)
    world.advance(5)
    assert writer.out == ""

    reader = world.sh("read line < /tmp/p; echo end:$line:$?", files=files)
    assert (reader.out, writer.out) == ("end::1\n", "opened\n")


def test_open_for_both_waits_for_nobody(world: World) -> None:
    files = piped(world)
    both = world.sh("exec 3<>/tmp/p; echo line >&3; read line <&3; echo got:$line", files=files)

    assert both.out == "got:line\n"


def test_a_writer_is_told_when_the_last_reader_is_gone(world: World) -> None:
    files = piped(world)
    world.start("sh", "-c", "read line < /tmp/p", files=files)
    writer = world.sh("trap '' PIPE; { echo 1; sleep 1; echo 2; } > /tmp/p", files=files)

    assert "Broken pipe" in writer.err


def test_a_process_that_died_waiting_counts_no_more(world: World) -> None:
    files = piped(world)
    waiting = world.start("sh", "-c", "read line < /tmp/p", files=files)
    world.advance(1)
    waiting.process.signal(9)
    world.advance(1)
    writer = world.start("sh", "-c", "echo line > /tmp/p; echo done", files=files)
    world.advance(5)

    assert writer.out == ""
    assert world.sh("cat /tmp/p", files=files).out == "line\n"
    assert writer.out == "done\n"


@pytest.mark.parametrize("make", [MemoryHostFiles, RealHostFiles])
def test_containers_meet_at_a_pipe_in_a_volume(
    world: World, tmp_path: Path, make: Callable[[], MemoryHostFiles | RealHostFiles]
) -> None:
    host = make()
    host.make_dirs(f"{tmp_path}/v")
    mount = MountSpec(destination="/v", source=HostSource(files=host, path=f"{tmp_path}/v"))
    one, other = world.container(mounts=[mount]), world.container(mounts=[mount])
    one.as_root().make_fifo("/v/p", 0o640)
    reader = world.start("cat", "/v/p", files=other)
    world.sh("echo across > /v/p", files=one)
    world.advance(1)

    assert (reader.out, reader.code) == ("across\n", 0)
    found = host.stat(f"{tmp_path}/v/p")
    assert found is not None
    assert (found.kind, found.mode & 0o777) == ("fifo", 0o640 & ~0o022)


def test_room_in_a_tmpfs_of_a_given_size() -> None:
    mount = MountSpec(destination="/t", source=TmpfsSource(size_bytes=16384))
    files = FileSystem(TREE, mounts=[mount]).as_root()
    files.write("/t/a", b"x" * 8192)
    room = files.statfs("/t")
    assert (room.size_bytes, room.used_bytes, room.available_bytes) == (16384, 8192, 8192)

    with pytest.raises(FsError, match="No space left on device"):
        files.write("/t/b", b"x" * 8193)
    files.write("/t/b", b"x" * 8192)
    files.remove_file("/t/a")
    assert files.statfs("/t").used_bytes == 8192
