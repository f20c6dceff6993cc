"""What a runtime looks up in the files of a container before a process of it runs.

Mirrors runc: libcontainer/init_linux.go, finalizeNamespace and setupUser: its HOME, its directory, its program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.passwd import home_of
from kubesim.userland.processes.executable import ExecError, Executable, look_path


class FirstLook(Struct, frozen=True, kw_only=True):
    """What was found. It holds for every process with the same arguments and credentials in the same files."""

    directory: str
    """The working directory without links."""
    home: str
    executable: Executable


def first_look(files: FileView, argv: Sequence[str], env: Mapping[str, str], *, cwd: str) -> FirstLook:
    """Enter the working directory and find HOME and the program.

    Raises ExecError when argv[0] cannot run, and FsError when the directory cannot be entered.
    """
    files.change_directory(cwd)
    home = env.get("HOME") or home_of(files.filesystem.as_root(), files.credentials.uid)
    if not argv:
        raise ExecError("not-found", "", "executable file not found in $PATH")
    return FirstLook(directory=files.cwd, home=home, executable=look_path(files, argv[0], env))
