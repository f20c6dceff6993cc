"""The applets that deal with files: what the corpus cannot show, as the real busybox here lacks it or needs a mount."""

from __future__ import annotations

import fnmatch
import io
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubesim.images.programs import program_node
from kubesim.images.tree_builder import build_tree
from kubesim.userland.applets.date_string import parse_date
from kubesim.userland.file_modes import parse_mode
from kubesim.userland.files.credentials import Credentials
from kubesim.userland.files.filesystem import FileSystem, FileView
from kubesim.userland.files.mounts import MountSpec, TmpfsSource

if TYPE_CHECKING:
    from conftest import World

names = st.sampled_from(("a", "b", "c", "dir", "e f", "ü", "-x", ".h", "n" * 120))
contents = st.binary(max_size=1200)
modes = st.sampled_from((0o644, 0o600, 0o755, 0o4711, 0o2750))
nodes = st.deferred(
    lambda: st.one_of(
        st.tuples(st.just("file"), contents, modes),
        st.tuples(st.just("link"), st.sampled_from(("a", "../b", "/etc/passwd", "nothing", "x" * 130))),
        st.tuples(st.just("fifo"), modes),
        st.tuples(st.just("directory"), trees, modes),
    )
)
trees = st.dictionaries(names, nodes, max_size=4)


def _lay_out(files: FileView, path: str, tree: dict[str, tuple[object, ...]]) -> None:
    for name, node in tree.items():
        below = f"{path}/{name}"
        match node:
            case ("file", bytes(data), int(mode)):
                files.write(below, data)
                files.set_mode(below, mode)
                files.set_times(below, atime_ns=5_000_000_000, mtime_ns=7_000_000_000)
            case ("link", str(target)):
                files.make_link(below, target)
            case ("fifo", int(mode)):
                files.make_fifo(below)
                files.set_mode(below, mode)
            case ("directory", dict(inside), int(mode)):
                files.make_directory(below)
                _lay_out(files, below, inside)
                files.set_mode(below, mode)


def _listing(files: FileView, path: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in files.list_dir(path):
        below = f"{path}/{name}"
        stat = files.stat(below, follow_last=False)
        if stat.is_directory:
            found[name] = (stat.mode, stat.uid, _listing(files, below))
        elif stat.kind == "symlink":
            found[name] = files.read_link(below)
        else:
            data = files.read(below) if stat.kind == "file" else b""
            found[name] = (stat.kind, stat.mode, stat.uid, stat.gid, stat.mtime_ns // 10**9, data)
    return found


def _as_root(world: World) -> FileView:
    return world.files.as_root().copy()


SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@SLOW
@given(tree=trees)
def test_tar_gives_back_the_tree_it_was_given(world: World, tree: dict[str, tuple[object, ...]]) -> None:
    world = type(world)()
    files = _as_root(world)
    files.make_directory("/src")
    files.make_directory("/dst")
    _lay_out(files, "/src", tree)
    before = _listing(files, "/src")
    command = world.sh("cd / && tar cf - src | tar xf - -C dst")
    assert (command.code, command.err) == (0, "")
    assert _listing(files, "/dst/src") == before
    packed = world.sh("cd / && tar czf s.tgz src && mkdir gz && tar xf s.tgz -C gz")
    assert (packed.code, packed.err) == (0, "")
    assert _listing(files, "/gz/src") == before


@SLOW
@given(tree=trees)
def test_cp_keeps_a_whole_tree_with_a(world: World, tree: dict[str, tuple[object, ...]]) -> None:
    world = type(world)()
    files = _as_root(world)
    files.make_directory("/src")
    _lay_out(files, "/src", tree)
    command = world.sh("cp -a /src /dst")
    assert (command.code, command.err) == (0, "")
    assert _listing(files, "/dst") == _listing(files, "/src")
    moved = world.sh("mount -t tmpfs none /mnt 2>/dev/null || mkdir /mnt && mv /src /mnt/src && rm -r /dst")
    assert moved.code == 0
    assert not files.exists("/dst")


def test_python_reads_our_archives_and_we_read_those_of_python(world: World) -> None:
    files = _as_root(world)
    long_name = "n" * 150
    script = f"mkdir -p /w/d && cd /w && echo hello > d/a && ln d/a d/b && ln -s a d/l && echo x > d/{long_name}"
    assert world.sh(f"{script} && chmod 4750 d/a && tar cf /t.tar d && tar czf /t.tgz d").code == 0
    for path in ("/t.tar", "/t.tgz"):
        with tarfile.open(fileobj=io.BytesIO(files.read(path))) as archive:
            members = {member.name: member for member in archive}
            assert sorted(members) == ["d", "d/a", "d/b", "d/l", f"d/{long_name}"]
            assert members["d/a"].mode == 0o4750
            assert members["d/b"].islnk()
            assert members["d/b"].linkname == "d/a"
            assert members["d/l"].linkname == "a"
    for pattern, form in (("gnu", tarfile.GNU_FORMAT), ("ustar", tarfile.USTAR_FORMAT)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:xz", format=form) as archive:
            header = tarfile.TarInfo(f"p/{'q' * 90}/{pattern}")
            header.size = 3
            archive.addfile(header, io.BytesIO(b"abc"))
        files.write("/p.txz", buffer.getvalue())
        assert world.sh("mkdir -p /x && tar xJf /p.txz -C /x").code == 0
        assert files.read(f"/x/p/{'q' * 90}/{pattern}") == b"abc"


def test_pax_headers_are_skipped_with_a_warning_as_busybox_does(world: World) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        header = tarfile.TarInfo("a")
        header.pax_headers = {"comment": "hello"}
        archive.addfile(header)
    _as_root(world).write("/p.tar", buffer.getvalue())
    command = world.sh("tar tf /p.tar")
    assert (command.code, command.out, command.err) == (0, "a\n", "tar: warning: skipping header 'x'\n")


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar on this machine")
def test_the_machines_own_tar_reads_our_archive(world: World) -> None:
    assert world.sh("mkdir -p /d/e && echo 1 > /d/e/f && chmod 640 /d/e/f && cd / && tar cf t.tar d").code == 0
    archive = _as_root(world).read("/t.tar")
    listed = subprocess.run(["tar", "tvf", "-"], input=archive, capture_output=True, check=True)
    assert [line.split()[0] for line in listed.stdout.decode().splitlines()] == [
        "drwxr-xr-x",
        "drwxr-xr-x",
        "-rw-r-----",
    ]


def test_tar_takes_and_leaves_out_names_from_files_and_patterns(world: World) -> None:
    script = (
        "mkdir -p /w/d/e && cd /w && touch d/f d/e/g d/x.o && echo d/e > list && printf 'f\\n*.o\\n' > not &&"
        "tar cf t.tar -T list && tar tf t.tar && echo - && tar cf u.tar -X not d && tar tf u.tar && echo - &&"
        "tar cf v.tar --exclude=e --exclude 'd/*.o' d && tar tf v.tar && echo - && tar tf u.tar --exclude='d/e'"
    )
    assert world.sh(script).out.split("-\n") == ["d/e/\nd/e/g\n", "d/\nd/e/\nd/e/g\n", "d/\nd/f\n", "d/\n"]
    assert world.sh("tar cf /q.tar -T /nolist").err == "tar: can't open '/nolist': No such file or directory\n"


@pytest.mark.parametrize("cut", [0, 1, 100, 511, 513, 1023, 1025, 1535])
def test_a_broken_archive_is_refused_and_never_hangs(world: World, cut: int) -> None:
    assert world.sh("cd / && head -c 700 /dev/zero > f && tar cf t.tar f && tar czf t.tgz f").code == 0
    files = _as_root(world)
    for path in ("/t.tar", "/t.tgz"):
        files.write("/cut", files.read(path)[:cut])
        command = world.sh("tar xf /cut -C /tmp")
        assert command.code in (0, 1)
        assert "Traceback" not in command.err
        flipped = bytearray(files.read(path))
        flipped[min(cut, len(flipped) - 1)] ^= 0xFF
        files.write("/cut", bytes(flipped))
        assert world.sh("tar xf /cut -C /tmp").code in (0, 1)


def test_a_header_with_a_negative_size_is_refused(world: World) -> None:
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    _as_root(world).write("/t.tar", bytes(header) + bytes(1024))
    command = world.sh("tar xf /t.tar")
    assert (command.code, command.err) == (1, "tar: corrupted octal value in tar header\n")


def test_a_program_that_was_copied_runs(world: World) -> None:
    names_needed = ("sh", "cp", "tar", "cat", "echo", "chmod", "mkdir")
    tree = build_tree([(f"/bin/{name}", program_node(f"busybox:{name}")) for name in names_needed])
    files = FileSystem(tree, mounts=[MountSpec(destination="/vol", source=TmpfsSource())])
    script = (
        "cp /bin/echo /vol/mine; /vol/mine copied; cd /; mkdir x; tar cf - bin/echo | tar xf - -C x;"
        "x/bin/echo unpacked;"
        "cat /bin/echo > plain; ./plain; chmod +x plain; ./plain poured; cat plain plain > both; chmod +x both; ./both"
    )
    command = world.sh(script, files=files)
    assert command.out == "copied\nunpacked\npoured\n"
    assert command.err.splitlines()[0] == "sh: ./plain: Permission denied"
    assert "./both" in command.err


# -- find -------------------------------------------------------------------------------------------------


@SLOW
@given(
    found=st.lists(
        st.text("ab.*?[]!x", min_size=1, max_size=5).filter(lambda name: name not in (".", "..")), max_size=6
    ),
    pattern=st.text("ab.*?", min_size=1, max_size=5),
)
def test_find_matches_names_as_fnmatch_does(world: World, found: list[str], pattern: str) -> None:
    world = type(world)()
    files = _as_root(world)
    files.make_directory("/w")
    for name in found:
        files.write(f"/w/{name}", b"")
    command = world.run("find", "/w", "-mindepth", "1", "-name", pattern)
    assert command.code == 0
    assert command.out.splitlines() == [
        f"/w/{name}" for name in sorted(set(found)) if fnmatch.fnmatchcase(name, pattern)
    ]


def test_find_deletes_and_asks(world: World) -> None:
    script = "mkdir -p /w/d && touch /w/a /w/d/b && cd /w && find . -delete; echo $?; find; mkdir x && touch x/f"
    assert world.sh(script).out == "0\n.\n"
    refused = world.sh("cd /w && find x -maxdepth 0 -delete")
    assert (refused.code, refused.err) == (0, "find: x: Directory not empty\n")
    asked = world.sh(
        "cd /w && echo y | find x -name f -ok echo yes {} \\; ; echo n | find x -name f -ok echo no {} \\;"
    )
    assert (asked.out, asked.err) == ("yes x/f\n", "echo yes x/f ?echo no x/f ?")


def test_find_hands_paths_over_in_portions_when_they_are_many(world: World) -> None:
    files = _as_root(world)
    files.make_directory("/many")
    for number in range(1500):
        files.write(f"/many/{number:04d}{'x' * 150}", b"")
    command = world.run("find", "/many", "-type", "f", "-exec", "sh", "-c", "echo $#", "sh", "{}", "+")
    counts = [int(line) for line in command.out.split()]
    assert sum(counts) == 1500
    assert len(counts) > 1


def test_walks_go_as_deep_as_a_tree_is(world: World) -> None:
    files = _as_root(world)
    path = "/deep"
    depth = 1200
    for _ in range(depth):
        files.make_directory(path)
        path += "/d"
    for script, out in (
        ("find /deep | wc -l", str(depth)),
        ("cp -r /deep /copy && find /copy | wc -l", str(depth)),
        ("chmod -R 700 /copy && chown -R 1 /copy && du -s /copy | cut -f 1", str(4 * depth)),
        ("ls -R /copy | grep -c :", str(depth)),
        ("tar cf - -C / deep | tar tf - | wc -l", str(depth)),
        ("rm -r /deep && ls -d /deep 2>/dev/null; echo gone", "gone"),
    ):
        command = world.sh(script, seconds=600)
        assert (command.code, command.out.strip(), command.err) == (0, out, "")


# -- modes and dates --------------------------------------------------------------------------------------


@SLOW
@given(
    text=st.lists(
        st.from_regex(r"[augo]{0,3}([-+=]([ugo]|[rwxXst]{0,4})){1,2}", fullmatch=True), min_size=1, max_size=3
    ).map(",".join),
    current=st.integers(0, 0o7777),
    umask=st.integers(0, 0o777),
)
def test_every_symbolic_mode_is_a_mode(text: str, current: int, umask: int) -> None:
    mode = parse_mode(text, current, umask=umask)
    assert mode is not None
    assert 0 <= mode <= 0o7777
    assert parse_mode(f"{mode:o}", current, umask=umask) == mode
    assert parse_mode(f"{text}q", current, umask=umask) is None


@given(seconds=st.integers(0, 253_402_300_799), now=st.integers(0, 2**31))
def test_a_date_in_full_says_its_own_second(seconds: int, now: int) -> None:
    assert parse_date(f"@{seconds}", now) == seconds


@given(text=st.text(max_size=20), now=st.integers(0, 2**31))
def test_whatever_is_typed_as_a_date_is_a_date_or_is_not(text: str, now: int) -> None:
    assert isinstance(parse_date(text, now), int | None)


# -- mounts -----------------------------------------------------------------------------------------------

ADMIN = Credentials(uid=0, gid=0)
PLAIN = Credentials(uid=0, gid=0, capabilities=0)


def test_mount_needs_the_right_to_mount(world: World) -> None:
    script = (
        "mount -t tmpfs x /mnt; mount --bind /etc /mnt; mount -o remount,ro /; umount /proc; umount -l /nothere;"
        "mount -t tmpfs x /nothere; mount -t nosuch x /mnt; mount --make-rprivate /"
    )
    _as_root(world).make_directory("/mnt")
    refused = "mount: permission denied (are you root?)\n"
    assert world.sh(script, who=PLAIN).err == (
        f"{refused}{refused}{refused}"
        "umount: can't unmount /proc: Operation not permitted\n"
        "umount: can't unmount /nothere: No such file or directory\n"
        "mount: mounting x on /nothere failed: No such file or directory\n"
        f"{refused}mount: /: Operation not permitted\n"
    )


def test_mount_mounts_and_umount_takes_away(world: World) -> None:
    files = world.container()
    script = (
        "mkdir /a /b; echo 1 > /a/f; mount --bind /a /b; cat /b/f; mount -t tmpfs -o size=1m,mode=700 mine /b;"
        "ls /b; stat -c %a /b; mount -t tmpfs | grep ' /b '; df /b | tail -n 1; mountpoint /b; umount /b; cat /b/f;"
        "mount -o remount,bind,ro /b; echo x > /b/f; umount mine; umount /b; ls /b; umount /b;"
        "mountpoint -q /b; echo $?"
    )
    command = world.sh(script, files=files, who=ADMIN)
    lines = command.out.splitlines()
    assert lines[0] == "1"
    assert lines[1] == "700"
    assert lines[2].startswith("mine on /b type tmpfs (rw,")
    assert "size=1024k" in lines[2]
    assert lines[3].split() == ["mine", "1024", "0", "1024", "0%", "/b"]
    assert lines[4:] == ["/b is a mountpoint", "1", "1"]
    assert command.err == (
        "sh: can't create /b/f: Read-only file system\n"
        "umount: can't unmount mine: No such file or directory\n"
        "umount: can't unmount /b: Invalid argument\n"
    )


def test_mount_lists_what_proc_mounts_says(world: World) -> None:
    listed = world.sh("mount").out.splitlines()
    table = [line.split() for line in world.sh("cat /proc/mounts").out.splitlines()]
    assert listed == [f"{row[0]} on {row[1]} type {row[2]} ({row[3]})" for row in table]
    assert world.sh("mount -t proc").out.count("\n") == sum(row[2] == "proc" for row in table)


def test_mv_to_another_file_system_copies_and_removes(world: World) -> None:
    files = world.container(mounts=[MountSpec(destination="/vol", source=TmpfsSource())])
    script = (
        "mkdir -p /d/e; echo 1 > /d/e/f; chmod 640 /d/e/f; ln -s f /d/e/l; mv /d /vol; ls -d /d; stat -c %a /vol/d/e/f;"
        "readlink /vol/d/e/l; touch /x; mkdir /vol/x; mv -T /vol/x /x; mv /x /vol/x; ls /vol/x;"
        "mkdir /y; mv -T /y /vol/x"
    )
    command = world.sh(script, files=files)
    assert command.out == "640\nf\nx\n"
    assert command.err == (
        "ls: /d: No such file or directory\n"
        "mv: can't overwrite non-directory with directory\n"
        "mv: can't remove '/vol/x': Is a directory\n"
    )


def test_df_shows_the_file_system_that_a_path_lies_on(world: World) -> None:
    files = world.container(mounts=[MountSpec(destination="/vol", source=TmpfsSource(size_bytes=8 * 1024 * 1024))])
    command = world.sh(
        "head -c 2097152 /dev/zero > /vol/f; df -m /vol/f; df -h /vol; df -T /vol/f; df -P /vol", files=files
    )
    rows = [line.split() for line in command.out.splitlines() if not line.startswith("Filesystem")]
    assert rows == [
        ["tmpfs", "8", "2", "6", "25%", "/vol"],
        ["tmpfs", "8.0M", "2.0M", "6.0M", "25%", "/vol"],
        ["tmpfs", "tmpfs", "8192", "2048", "6144", "25%", "/vol"],
        ["tmpfs", "8192", "2048", "6144", "25%", "/vol"],
    ]
    everything = world.sh("df; df -a", files=files).out
    assert everything.count(" /vol\n") == 2
    assert everything.count(" /proc\n") == 1
