"""The file system as one process sees it: its credentials, working directory and umask.

Paths may be relative. Every operation raises FsError; its text is what the user reads. What there is to do is in the
classes that this one is made of.
"""

from __future__ import annotations

from kubesim.userland.files.attributes import Attributes
from kubesim.userland.files.credentials import EXECUTE
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.mounting import Mounting
from kubesim.userland.files.naming import Naming


class FileView(Naming, Attributes, Mounting):
    """What one process can do with files."""

    __slots__ = ()

    def copy(self) -> FileView:
        """The same for a child; it sets `process` itself."""
        return FileView(self.filesystem, self.credentials, cwd=self.cwd, umask=self.umask)

    def change_directory(self, path: str) -> None:
        """Go to a directory; chdir(2)."""
        place = self.walk(path)
        if place.node is None:
            raise FsError("ENOENT", path)
        if place.node.kind is not FileKind.DIRECTORY:
            raise FsError("ENOTDIR", path)
        self._demand(place.node, EXECUTE, path)
        self.cwd = place.path
