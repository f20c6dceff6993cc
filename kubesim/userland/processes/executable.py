"""From a path to a program: what execve(2) and a search along PATH find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from kubesim.errors import KubesimError
from kubesim.images.program_choice import ELF_MAGIC, program_for_machine_code
from kubesim.images.programs import program_of
from kubesim.userland.files.credentials import EXECUTE
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.mounts import Mount

INTERPRETERS_MAX = 4
"""Scripts that are the interpreter of scripts. Mirrors linux: fs/exec.c, exec_binprm."""

LINE_BYTES_MAX = 255

DEFAULT_PATH = "/bin:/usr/bin"
"""Where execvp(3) looks when there is no PATH."""

ExecKind = Literal[
    "not-found", "no-such-file", "permission-denied", "is-a-directory", "exec-format-error", "not-emulated", "stopped"
]


class ExecError(KubesimError):
    """A process cannot be started.

    `str(error)` is what Go's os/exec and runc say: `exec: "foo": executable file not found in $PATH`. Kinds:
    "not-found" (searched along PATH), "no-such-file" (a path with a slash), "permission-denied", "is-a-directory",
    "exec-format-error" (plain data), "not-emulated" (an image names a program that userland does not have), "stopped"
    (the container's first process has ended meanwhile).
    """

    def __init__(self, kind: ExecKind, argv0: str, detail: str) -> None:
        self.kind = kind
        self.argv0 = argv0
        self.detail = detail
        if kind == "stopped":
            super().__init__(detail)
        elif kind == "exec-format-error":
            super().__init__(f"exec {argv0}: {detail}")
        else:
            super().__init__(f'exec: "{argv0}": {detail}')


class Executable(Struct, frozen=True, kw_only=True):
    """What runs when a file is executed."""

    path: str
    """The file that was asked for."""
    program: str
    """Name of the emulated program."""
    words: tuple[str, ...] = ()
    """Interpreter, its argument and the script: these take the place of argv[0]. Empty for a program itself."""
    stat: Stat | None = None
    """The file of the program, whose set-user-ID bit counts; None where the mount is nosuid, and for a script that a
    shell reads by itself."""

    def argv(self, argv: list[str]) -> list[str]:
        """The argument list that the program sees."""
        return [*self.words, *argv[1:]] if self.words else argv


def executable_at(files: FileView, path: str, seen: tuple[Stat, Mount] | None = None) -> Executable:
    """What execve(path) runs. Raises FsError: ENOENT, EACCES, ENOEXEC, ELOOP and those of the walk.

    `seen` is what the caller has just found there.
    """
    words: tuple[str, ...] = ()
    asked = path
    for _ in range(INTERPRETERS_MAX + 1):
        stat, mount = seen or files.look(path)
        if stat.kind is not FileKind.FILE or "noexec" in mount.flags or not files.credentials.may(stat, EXECUTE):
            raise FsError("EACCES", path)
        user_bits = None if "nosuid" in mount.flags else stat
        if stat.program:
            return Executable(path=asked, program=stat.program, words=words, stat=user_bits)
        content, program = _real_file(files, path)
        if program:
            return Executable(path=asked, program=program, words=words, stat=user_bits)
        first = content[:LINE_BYTES_MAX].partition(b"\n")[0]
        interpreter, _, argument = first.removeprefix(b"#!").strip().partition(b" ")
        if not first.startswith(b"#!") or not interpreter:
            raise FsError("ENOEXEC", path)
        parts = [interpreter, argument.strip()] if argument.strip() else [interpreter]
        words = (*(part.decode(errors="surrogateescape") for part in parts), path, *words[1:])
        path, seen = words[0], None
    raise FsError("ELOOP", asked)


def _real_file(files: FileView, path: str) -> tuple[bytes, str]:
    """The bytes of a file that no image calls a program, and which one it is nevertheless: a copy of one, as cp or tar
    makes it, or the machine code of one. Of machine code no more is fetched than its beginning."""
    place = files.filesystem.walk(files.absolute(path), files.filesystem.as_root())
    if place.node is None:
        raise FsError("ENOENT", path)
    beginning = place.node.read_at(0, LINE_BYTES_MAX)
    if beginning.startswith(ELF_MAGIC):
        return beginning, program_for_machine_code(beginning, called=path, path=place.path)
    content = place.node.read_all()
    return content, program_of(content)


def search(files: FileView, name: str, path_variable: str) -> str | None:
    """The first executable file called `name` in the directories of PATH; an empty entry is the working directory."""
    found = _found(files, name, path_variable)
    return None if found is None else found[0]


def _found(files: FileView, name: str, path_variable: str) -> tuple[str, tuple[Stat, Mount]] | None:
    for directory in path_variable.split(":"):
        candidate = f"{directory.rstrip('/') or ('' if directory else '.')}/{name}"
        try:
            place = files.filesystem.walk(files.absolute(candidate), files)
        except FsError:
            continue
        if place.node is None or place.node.kind is not FileKind.FILE:
            continue
        stat = place.node.stat()
        if files.credentials.may(stat, EXECUTE):
            return candidate, (stat, place.mount)
    return None


def is_refused(files: FileView, name: str, path_variable: str) -> bool:
    """Whether the directories of PATH have something called `name`, none of which can be executed."""
    for directory in path_variable.split(":"):
        try:
            files.look(f"{directory.rstrip('/') or ('' if directory else '.')}/{name}")
        except FsError as error:
            if error.errno_name not in ("ENOENT", "ENOTDIR"):
                return True
        else:
            return True
    return False


def look_path(files: FileView, argv0: str, env: Mapping[str, str]) -> Executable:
    """What a runtime starts for argv[0]. Raises ExecError. Mirrors Go: os/exec/lp_unix.go, LookPath."""
    if "/" not in argv0:
        found = _found(files, argv0, env.get("PATH", ""))
        if found is None:
            raise ExecError("not-found", argv0, "executable file not found in $PATH")
        path, seen = found
    else:
        path, seen = argv0, _seen_at(files, argv0)
    if seen[0].kind is FileKind.DIRECTORY:
        raise ExecError("is-a-directory", argv0, "is a directory")
    try:
        return executable_at(files, path, seen)
    except FsError as error:
        text = error.strerror[:1].lower() + error.strerror[1:]
        if error.errno_name == "EACCES":
            raise ExecError("permission-denied", argv0, text) from None
        kind: ExecKind = "exec-format-error" if error.errno_name == "ENOEXEC" else "no-such-file"
        raise ExecError(kind, path, text) from None


def _seen_at(files: FileView, path: str) -> tuple[Stat, Mount]:
    try:
        return files.look(path)
    except FsError as error:
        text = error.strerror[:1].lower() + error.strerror[1:]
        kind: ExecKind = "permission-denied" if error.errno_name == "EACCES" else "no-such-file"
        raise ExecError(kind, path, f"stat {path}: {text}") from None
