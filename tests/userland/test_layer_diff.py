"""What a container changed of its image: as a value, as a tar, and put on the image again."""

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.tar_reader import ArchiveError
from kubesim.images.tree import FileTree, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.files.file_stat import device_number
from kubesim.userland.files.filesystem import FileKind, FileSystem, FileView, FsError, MountSpec, TmpfsSource
from kubesim.userland.files.layer_diff import LayerDiff, LayerError
from kubesim.userland.files.layer_tar import layer_from_tar, layer_to_tar
from kubesim.userland.processes.process import ROOT

IMAGE = build_tree(
    [
        ("/w/a", file_node(b"one")),
        ("/w/d/b", file_node(b"two", mode=0o755, program="busybox:cat")),
        ("/w/d/e", directory_node()),
        ("/w/d/e/f", file_node(b"deep")),
        ("/w/l", symlink_node("d")),
    ]
)


def container(image: FileTree = IMAGE, **options: object) -> FileSystem:
    return FileSystem(image, clock=lambda: 7, **options)  # type: ignore[arg-type]  # keyword by keyword


def listing(files: FileSystem, top: str = "/w") -> dict[str, object]:
    """All there is to see of every file below a directory."""
    view = files.as_root()

    def seen(path: str) -> Iterator[tuple[str, object]]:
        stat = view.stat(path, follow_last=False)
        content: object = None
        if stat.kind is FileKind.FILE:
            content = view.read(path)
        elif stat.kind is FileKind.SYMLINK:
            content = view.read_link(path)
        yield path, (stat, content)
        if stat.kind is FileKind.DIRECTORY:
            for name in view.list_dir(path):
                yield from seen(f"{path}/{name}")

    return dict(seen(top))


def changed(*steps: str) -> FileSystem:
    """A file system of the image after steps such as `rm /w/a`."""
    files = container()
    view = files.as_root()
    for step in steps:
        match step.split():
            case ["write", path, text]:
                view.write(path, text.encode())
            case ["mkdir", path]:
                view.make_directory(path)
            case ["rm", path]:
                view.remove_file(path)
            case ["rmdir", path]:
                view.remove_directory(path)
            case ["mv", path, to_path]:
                view.rename(path, to_path)
            case ["chmod", path, mode]:
                view.set_mode(path, int(mode, 8))
            case other:
                raise AssertionError(other)
    return files


def paths_of(diff: LayerDiff) -> list[str]:
    """The paths of a diff, but for the mount points that every container has."""
    return [path for path, _ in diff.entries if path not in ("/dev", "/proc", "/sys")]


# -- what is in a diff ------------------------------------------------------------------------------------


def test_a_fresh_container_changed_nothing_but_its_root_is_in_its_layer() -> None:
    diff = container().changes()

    assert paths_of(diff) == ["/"]
    assert (diff.removed, diff.opaque) == (frozenset(), frozenset())


def test_a_new_file_is_there_with_the_directories_that_were_copied_up() -> None:
    diff = changed("write /w/d/new text").changes()

    assert paths_of(diff) == ["/", "/w", "/w/d", "/w/d/new"]
    assert dict(diff.entries)["/w/d/new"].content == b"text"
    assert dict(diff.entries)["/w/d"].children == {}


def test_a_removed_file_of_the_image_is_named() -> None:
    diff = changed("rm /w/a", "write /w/d/x y", "rm /w/d/x").changes()

    assert diff.removed == {"/w/a"}
    assert "/w/d/x" not in paths_of(diff)


def test_a_directory_that_was_made_anew_hides_what_the_image_has() -> None:
    diff = changed("rm /w/d/e/f", "rmdir /w/d/e", "mkdir /w/d/e").changes()

    assert diff.opaque == {"/w/d/e"}
    assert diff.removed == set()


def test_a_directory_of_the_image_that_was_moved_is_copied_whole() -> None:
    files = changed("mv /w/d /w/moved")
    diff = files.changes()

    assert diff.removed == {"/w/d"}
    assert {"/w/moved", "/w/moved/b", "/w/moved/e", "/w/moved/e/f"} <= set(paths_of(diff))
    assert listing(container(layer=diff)) == listing(files)


def test_a_diff_does_not_change_with_the_container() -> None:
    files = changed("write /w/new one")
    before = files.changes()
    tar = layer_to_tar(before)

    files.as_root().open_write("/w/new", is_append=True).write_now(b"two")
    files.as_root().remove_file("/w/a")

    assert layer_to_tar(before) == tar
    assert dict(before.entries)["/w/new"].content == b"one"


def test_of_a_mount_only_its_mount_point_is_there() -> None:
    files = container(mounts=[MountSpec(destination="/w/made/here", source=TmpfsSource())])
    files.as_root().write("/w/made/here/secret", b"in memory")

    assert paths_of(files.changes()) == ["/", "/w", "/w/made", "/w/made/here"]


def test_what_a_mount_hides_is_not_lost() -> None:
    before = changed("mkdir /w/data", "write /w/data/hidden text").changes()
    files = container(layer=before, mounts=[MountSpec(destination="/w/data", source=TmpfsSource())])

    assert "/w/data/hidden" in paths_of(files.changes())


# -- putting it on the image ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        ["write /w/a other"],
        ["rm /w/a", "mkdir /w/a", "write /w/a/x y"],
        ["rm /w/l", "write /w/l file"],
        ["rm /w/d/e/f", "rmdir /w/d/e", "write /w/d/e file"],
        ["mv /w/d/e /w/e", "mv /w/e /w/d/e"],
        ["mv /w/d /w/m", "mkdir /w/d", "mv /w/m/b /w/d/b"],
        ["chmod /w/d/b 600"],
        ["write /w/d/b text"],
        ["write /w/.wh.a whited", "write /w/.wh..wh..opq opaque"],
    ],
    ids=" ".join,
)
def test_the_layer_of_a_container_gives_another_the_same_files(steps: list[str]) -> None:
    files = changed(*steps)

    again = container(layer=layer_from_tar(layer_to_tar(files.changes())))

    assert listing(again) == listing(files)
    assert layer_to_tar(again.changes()) == layer_to_tar(files.changes())


NAMES = ("a", "b", "d", "d/a", "d/b", "d/e", "d/e/f", "l", "l/a", "k", ".wh.a", "d/.wh..wh..opq", "caf\udce9")
paths = st.sampled_from(NAMES)
operations = st.one_of(
    st.tuples(st.just("write"), paths, st.binary(max_size=4)),
    st.tuples(st.just("mkdir"), paths),
    st.tuples(st.just("unlink"), paths),
    st.tuples(st.just("rmdir"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("link"), paths, st.sampled_from(("a", "../d", "nope", "/w/d/e"))),
    st.tuples(st.just("chmod"), paths, st.sampled_from((0o600, 0o4755))),
    st.tuples(st.just("chown"), paths, st.sampled_from((0, 1000, 4_000_000_000))),
    st.tuples(st.just("touch"), paths, st.sampled_from((0, 1_500_000_000_000_000_001, -2_500_000_000))),
)


def do(view: FileView, operation: tuple[object, ...]) -> None:
    match operation:
        case ("write", str(path), bytes(data)):
            view.write(path, data)
        case ("mkdir", str(path)):
            view.make_directory(path)
        case ("unlink", str(path)):
            view.remove_file(path)
        case ("rmdir", str(path)):
            view.remove_directory(path)
        case ("rename", str(path), str(to_path)):
            view.rename(path, to_path)
        case ("link", str(path), str(target)):
            view.make_link(path, target)
        case ("chmod", str(path), int(mode)):
            view.set_mode(path, mode)
        case ("chown", str(path), int(uid)):
            view.set_owner(path, uid, uid)
        case ("touch", str(path), int(mtime_ns)):
            view.touch(path, mtime_ns)
        case other:
            raise AssertionError(other)


@settings(max_examples=300)
@given(st.lists(operations, max_size=15))
def test_any_history_survives_the_way_through_a_tar(history: list[tuple[object, ...]]) -> None:
    files = container()
    view = files.view(ROOT, cwd="/w")
    for operation in history:
        try:
            do(view, operation)
        except FsError:
            continue  # refused, as a process would see it; the history goes on

    tar = layer_to_tar(files.changes())
    again = container(layer=layer_from_tar(tar))

    assert listing(again) == listing(files)
    assert layer_to_tar(again.changes()) == tar


# -- tars from elsewhere ----------------------------------------------------------------------------------


def tar_of(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = linkname
    return member


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (tar_of(info("../etc/passwd")), r"'../etc/passwd': `\.\.` in a name"),
        (tar_of(info("w/../../x")), r"'w/../../x': `\.\.` in a name"),
        (tar_of(info("hard", tarfile.LNKTYPE, "nowhere")), "hard link to '/nowhere', which is no earlier file"),
        (tar_of(info("hard", tarfile.LNKTYPE, "../../x")), r"'hard': `\.\.` in a name"),
        (tar_of(info("a"), info("./a")), "'/a' is there twice"),
        (tar_of(info(".wh.")), "a whiteout of nothing"),
        (tar_of(info(".wh...")), "a whiteout of nothing"),
        (tar_of(info("w/.wh..wh..opq")), "'/w' is opaque, but no directory of the layer"),
        (tar_of(info(".wh.a"), content=b"x"), "a whiteout is an empty file"),
        (b"", "empty"),
        (b"x" * 1024, "not a tar archive"),
    ],
)
def test_a_hostile_layer_is_refused(tar: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        layer_from_tar(tar)


def test_a_hard_link_is_another_name_of_the_content() -> None:
    diff = layer_from_tar(tar_of(info("a"), info("b", tarfile.LNKTYPE, "a"), content=b"both"))

    assert [(path, node.content) for path, node in diff.entries] == [("/a", b"both"), ("/b", b"both")]


def test_devices_that_a_container_made_are_kept() -> None:
    files = container()
    files.view(ROOT, cwd="/w").make_device("null", FileKind.DEVICE, device_number(1, 3), 0o666)

    again = container(layer=layer_from_tar(layer_to_tar(files.changes())))

    found = again.view(ROOT, cwd="/w").stat("null")
    assert (found.kind, found.device_number) == (FileKind.DEVICE, device_number(1, 3))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nowhere/x", "the directory 'nowhere' above it is not there"),
        ("/w/a/x", "what lies above it is not a directory"),
        ("/w/l/x", "what lies above it is not a directory"),
        (f"/w/{'n' * 256}", "not a name that a file can have"),
    ],
)
def test_a_layer_of_another_image_is_refused(path: str, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        container(layer=LayerDiff(entries=((path, file_node(b"")),)))


def test_a_root_that_is_a_file_is_refused() -> None:
    with pytest.raises(LayerError, match="cannot take the place of the root directory"):
        container(layer=LayerDiff(entries=(("/", file_node(b"")),)))
