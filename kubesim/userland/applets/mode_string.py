"""Modes as `ls -l` shows them."""

from __future__ import annotations

from kubesim.userland.files.file_stat import FileKind, Stat

KIND_LETTERS = {
    FileKind.FILE: "-",
    FileKind.DIRECTORY: "d",
    FileKind.SYMLINK: "l",
    FileKind.DEVICE: "c",
    FileKind.BLOCK_DEVICE: "b",
    FileKind.FIFO: "p",
    FileKind.SOCKET: "s",
}


def mode_letters(mode: int) -> str:
    """The nine letters of permission bits, such as `rwxr-xr-t`. Mirrors busybox: libbb/mode_string.c."""
    letters = []
    for shift, special, lower, upper in ((6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")):
        bits = mode >> shift
        letters += ["r" if bits & 4 else "-", "w" if bits & 2 else "-"]
        if mode & special:
            letters.append(lower if bits & 1 else upper)
        else:
            letters.append("x" if bits & 1 else "-")
    return "".join(letters)


def mode_text(stat: Stat) -> str:
    """The same behind the letter of the kind."""
    return KIND_LETTERS[stat.kind] + mode_letters(stat.mode)
