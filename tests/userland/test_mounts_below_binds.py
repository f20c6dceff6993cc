"""What the node has mounted below a directory that a container binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubesim.images.tree_builder import build_tree
from kubesim.model.frozen_records import replace
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.filesystem import FileSystem, FileView, FsError, HostSource, MountSpec
from kubesim.userland.files.host_files import RealHostFiles
from kubesim.userland.processes.process import ROOT


@pytest.fixture
def node_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which the node has mounted another file system, at `mounted`."""
    (tmp_path / "mounted/deeper").mkdir(parents=True)
    stat = RealHostFiles.stat

    def stat_with_a_mount(files: RealHostFiles, path: str) -> Stat | None:
        found = stat(files, path)
        return found and replace(found, device=found.device + ("mounted" in path))

    monkeypatch.setattr(RealHostFiles, "stat", stat_with_a_mount)
    return tmp_path


def bound(folder: Path, *, is_recursive: bool) -> FileView:
    source = HostSource(files=RealHostFiles(), path=str(folder))
    spec = MountSpec(destination="/mnt", source=source, is_read_only=True, is_recursive=is_recursive)
    return FileSystem(build_tree([]), mounts=[spec]).view(ROOT)


def test_read_only_does_not_spread_to_it(node_folder: Path) -> None:
    view = bound(node_folder, is_recursive=False)
    view.write("/mnt/mounted/new", b"1")
    view.write("/mnt/mounted/deeper/new", b"2")

    assert (node_folder / "mounted/new").read_bytes() == b"1"
    assert (node_folder / "mounted/deeper/new").read_bytes() == b"2"
    for path in ("/mnt/new", "/mnt/mounted/../new", "/mnt/mounted/deeper/../../new"):
        with pytest.raises(FsError, match="Read-only file system"):
            view.write(path, b"3")


def test_read_only_spreads_where_it_is_asked_to(node_folder: Path) -> None:
    view = bound(node_folder, is_recursive=True)

    for path in ("/mnt/new", "/mnt/mounted/new", "/mnt/mounted/deeper/new"):
        with pytest.raises(FsError, match="Read-only file system"):
            view.write(path, b"1")
    assert list((node_folder / "mounted/deeper").iterdir()) == []
