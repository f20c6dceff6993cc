"""Writes the files of a volume so that whoever reads them sees the old ones or the new ones, never a mixture.

    NAME -> ..data/NAME       what a user sees
    ..data -> ..2026_11_28_10_00_00.123456789
    ..2026_11_28_10_00_00.123456789/NAME

Mirrors Kubernetes: pkg/volume/util/atomic_writer.go, AtomicWriter.Write.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from kubesim.kernel import Kernel
from kubesim.kubelet.outside import HostFiles
from kubesim.policy.volume_payload import File, checked_files, group_mode, visible_names

DATA_LINK = "..data"
NEW_DATA_LINK = "..data_tmp"
DIRECTORY_MODE = 0o755


class AtomicWriter:
    """Writes volumes on one host."""

    def __init__(self, kernel: Kernel, files: HostFiles) -> None:
        self._kernel = kernel
        self._files = files

    def write(self, volume: str, files: Mapping[str, File], *, fs_group: int | None) -> None:
        """Make the directory `volume` hold exactly these files. Nothing is touched when it does already.

        With `fs_group` all of it belongs to that group, which may read it. Raises PayloadError for a bad path.
        """
        files = checked_files(files)
        data_link = f"{volume}/{DATA_LINK}"
        old = self._files.read_link(data_link) if self._files.kind(data_link) is not None else ""
        present = self._present(f"{volume}/{old}") if old else {}
        if not old or present != {path: file.data for path, file in files.items()}:
            new = self._new_directory(volume)
            self._fill(f"{volume}/{new}", files, fs_group)
            self._own_older(volume, new, fs_group)
            self._link(f"{volume}/{NEW_DATA_LINK}", new, fs_group)
            self._files.rename(f"{volume}/{NEW_DATA_LINK}", data_link)
        else:
            old = ""
        for name in visible_names(files):
            # A link that somebody removed is made again, even when nothing else changed.
            if self._files.kind(f"{volume}/{name}") is None:
                self._link(f"{volume}/{name}", f"{DATA_LINK}/{name}", fs_group)
        for name in visible_names(present):
            if name not in visible_names(files):
                self._files.remove(f"{volume}/{name}")
        if old:
            self._files.remove(f"{volume}/{old}")

    def _present(self, directory: str, prefix: str = "") -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name in self._files.list_dir(directory):
            path = f"{directory}/{name}"
            if self._files.kind(path) == "directory":
                found |= self._present(path, f"{prefix}{name}/")
            else:
                found[f"{prefix}{name}"] = self._files.read(path) or b""
        return found

    def _new_directory(self, volume: str) -> str:
        now = datetime.fromtimestamp(self._kernel.now_ns // 1_000_000_000, UTC)
        name = f"{now:..%Y_%m_%d_%H_%M_%S}.{int(self._kernel.ids.hex(8), 16)}"
        self._files.make_dirs(f"{volume}/{name}", DIRECTORY_MODE)
        return name

    def _fill(self, directory: str, files: Mapping[str, File], fs_group: int | None) -> None:
        self._give(directory, DIRECTORY_MODE, fs_group, is_directory=True)
        for folder in sorted({str(parent) for path in files for parent in PurePosixPath(path).parents} - {"."}):
            self._files.make_dirs(f"{directory}/{folder}", DIRECTORY_MODE)
            self._give(f"{directory}/{folder}", DIRECTORY_MODE, fs_group, is_directory=True)
        for path, file in files.items():
            self._files.write(f"{directory}/{path}", file.data, file.mode)
            if file.uid is not None:
                self._files.set_owner(f"{directory}/{path}", file.uid, 0)
            self._give(f"{directory}/{path}", file.mode, fs_group, is_directory=False, uid=file.uid or 0)

    def _give(self, path: str, mode: int, fs_group: int | None, *, is_directory: bool, uid: int = 0) -> None:
        if fs_group is not None:
            self._files.set_owner(path, uid, fs_group)
            mode = group_mode(mode, is_directory=is_directory, is_read_only=True)
        self._files.set_mode(path, mode)

    def _link(self, path: str, target: str, fs_group: int | None) -> None:
        """A link; the directory of the volume has the setgid bit, so it belongs to the group as well."""
        self._files.make_link(path, target)
        if fs_group is not None:
            self._files.set_owner(path, 0, fs_group)

    def _own_older(self, volume: str, new: str, fs_group: int | None) -> None:
        """What was in the volume before belongs to the group as well."""
        if fs_group is None:
            return
        for name in self._files.list_dir(volume):
            path = f"{volume}/{name}"
            if self._files.kind(path) == "symlink":
                self._files.set_owner(path, 0, fs_group)
            elif name != new:
                self._give(path, DIRECTORY_MODE, fs_group, is_directory=True)
