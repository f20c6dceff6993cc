"""Images of other tools: what umoci writes is what umoci unpacks, and skopeo's conversions are the same image.

umoci unpacks by a code of its own, and so says what the layers of an image add up to.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from kubesim.images.archives.sources import open_source
from kubesim.images.image import Image
from kubesim.images.loading import load_image
from kubesim.images.tree import DEVICE_KINDS, FileTree, NodeKind

needs_umoci = pytest.mark.skipif(
    shutil.which("umoci") is None, reason="no umoci on this machine (apt-get install umoci)"
)
needs_skopeo = pytest.mark.skipif(
    shutil.which("skopeo") is None, reason="no skopeo on this machine (apt-get install skopeo)"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others and makes devices")

KINDS = {
    stat.S_IFREG: NodeKind.FILE,
    stat.S_IFDIR: NodeKind.DIRECTORY,
    stat.S_IFLNK: NodeKind.SYMLINK,
    stat.S_IFIFO: NodeKind.FIFO,
    stat.S_IFCHR: NodeKind.CHARACTER_DEVICE,
    stat.S_IFBLK: NodeKind.BLOCK_DEVICE,
}


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def load(path: Path, name: str = "") -> Image:
    source = open_source(path)
    image = source.choose(name, where=str(path))
    references = image.references(source.repository)
    return load_image(source.blobs, image.descriptor, references=references, where=str(path))


def on_disk(root: Path) -> dict[str, object]:
    """Every file below a directory, as far as an image says something of it."""
    rows: dict[str, object] = {}
    inodes: dict[int, str] = {}
    for path in sorted([root, *root.rglob("*")]):
        found = path.lstat()
        kind = KINDS[stat.S_IFMT(found.st_mode)]
        first = inodes.setdefault(found.st_ino, str(path.relative_to(root)))
        rows["/" + str(path.relative_to(root)).removeprefix(".")] = (
            kind,
            stat.S_IMODE(found.st_mode) if kind is not NodeKind.SYMLINK else 0,
            (found.st_uid, found.st_gid),
            found.st_mtime_ns // 10**9,
            (os.major(found.st_rdev), os.minor(found.st_rdev)) if kind in DEVICE_KINDS else (0, 0),
            path.readlink() if kind is NodeKind.SYMLINK else path.read_bytes() if kind is NodeKind.FILE else b"",
            "" if kind is NodeKind.DIRECTORY else "/" + first,
        )
    return rows


def in_image(tree: FileTree) -> dict[str, object]:
    """The same of a tree."""
    rows: dict[str, object] = {}
    nodes: dict[int, str] = {}
    for path, node in tree.walk():
        first = nodes.setdefault(id(node), path)
        rows[path] = (
            node.kind,
            node.mode if node.kind is not NodeKind.SYMLINK else 0,
            (node.uid, node.gid),
            node.mtime_ns // 10**9,
            node.device,
            Path(node.target) if node.kind is NodeKind.SYMLINK else node.content,
            "" if node.is_directory else first,
        )
    return rows


class Bundle:
    """An image that is changed on the disk, one layer after another."""

    def __init__(self, directory: Path) -> None:
        self.layout = directory / "layout"
        self._directory = directory
        self._count = 0
        run("umoci", "init", "--layout", self.layout)
        run("umoci", "new", "--image", f"{self.layout}:latest")

    def unpacked(self) -> Path:
        self._count += 1
        bundle = self._directory / f"bundle-{self._count}"
        run("umoci", "unpack", "--image", f"{self.layout}:latest", bundle)
        return bundle / "rootfs"

    def repack(self, rootfs: Path, *options: str) -> None:
        run("umoci", "repack", *options, "--image", f"{self.layout}:latest", rootfs.parent)


def fill(rootfs: Path) -> None:
    """A first layer with one of each kind."""
    for name in ("etc", "usr/bin", "var/cache/a/b", "odd"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "etc/passwd").write_text("root:x:0:0\napp:x:1000:1000\n")
    (rootfs / "etc/group").write_text("root:x:0:\n")
    (rootfs / "usr/bin/busybox").write_bytes(b"\x7fELF" + bytes(range(256)) * 5000)
    (rootfs / "usr/bin/sh").hardlink_to(rootfs / "usr/bin/busybox")
    (rootfs / "bin").symlink_to("usr/bin")
    (rootfs / "var/cache/a/b/c").write_bytes(b"cached")
    (rootfs / "odd" / ("n" * 200)).write_text("a long name")
    (rootfs / "odd" / "ümlaut").write_text("not ASCII")
    os.mkfifo(rootfs / "odd/pipe")
    os.mknod(rootfs / "odd/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chown(rootfs / "odd/null", 7, 8)
    with (rootfs / "odd/sparse").open("wb") as file:
        file.truncate(3_000_000)
        file.seek(1_000_000)
        file.write(b"in the middle")


def change(rootfs: Path) -> None:
    """A second layer that removes, replaces and adds."""
    (rootfs / "etc/group").unlink()
    shutil.rmtree(rootfs / "var/cache/a")
    (rootfs / "var/cache/new").write_text("new")
    (rootfs / "bin").unlink()
    (rootfs / "bin").mkdir()
    (rootfs / "bin/real").write_text("no link any more")
    (rootfs / "odd/pipe").unlink()
    (rootfs / "odd/pipe").mkdir(mode=0o1777)
    (rootfs / "usr/bin/sh").unlink()
    (rootfs / "etc/passwd").chmod(0o600)
    os.chown(rootfs / "etc", 5, 6)


@needs_umoci
@needs_root
def test_layers_add_up_to_what_umoci_unpacks(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    for edit in (fill, change):
        rootfs = bundle.unpacked()
        edit(rootfs)
        bundle.repack(rootfs)
    run("umoci", "config", "--image", f"{bundle.layout}:latest", "--config.user", "app:7", "--config.cmd", "sh")

    image = load(bundle.layout)

    assert in_image(image.tree) == on_disk(bundle.unpacked())
    assert len(image.layers) == 2
    assert (image.config.user, image.config.cmd) == ("app:7", ("sh",))


@needs_umoci
@needs_root
def test_a_directory_that_was_replaced_shows_nothing_of_the_old_one(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    rootfs = bundle.unpacked()
    fill(rootfs)
    bundle.repack(rootfs)
    new = tmp_path / "new"
    (new / "x").mkdir(parents=True)
    (new / "y").write_text("only this")
    run("umoci", "insert", "--image", f"{bundle.layout}:latest", "--opaque", new, "/var/cache")

    image = load(bundle.layout)

    assert in_image(image.tree) == on_disk(bundle.unpacked())
    assert [path for path, _ in image.tree.walk() if path.startswith("/var/cache/")] == ["/var/cache/x", "/var/cache/y"]


@needs_umoci
@needs_skopeo
@needs_root
@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive", "dir-of-oci", "zstd"])
def test_what_skopeo_converts_is_the_same_image(kind: str, tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    rootfs = bundle.unpacked()
    fill(rootfs)
    bundle.repack(rootfs)
    before = load(bundle.layout)
    path = tmp_path / "converted"
    target = f"{kind}:{path}:registry.example/r/x:1" if kind.endswith("archive") else f"oci:{path}:r/x:1"
    source, options = f"oci:{bundle.layout}:latest", []
    if kind == "zstd":  # what is compressed stays as it is: unpacked first
        source, options = f"dir:{tmp_path}/plain", ["--dest-compress-format", "zstd"]
        run("skopeo", "--insecure-policy", "copy", "--dest-decompress", f"oci:{bundle.layout}:latest", source)

    run("skopeo", "--insecure-policy", "copy", *options, source, target)

    after = load(path)
    assert in_image(after.tree) == in_image(before.tree)
    assert after.diff_ids == before.diff_ids
    if kind == "zstd":
        assert b"tar+zstd" in after.manifest_json
    if kind in ("oci-archive", "dir-of-oci"):
        assert (after.id, after.digest) == (before.id, before.digest)
    if kind.endswith("archive"):
        assert after.references == ("registry.example/r/x:1",)
