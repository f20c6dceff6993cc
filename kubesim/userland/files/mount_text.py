"""The mount table as /proc shows it. Formats: proc_pid_mounts(5) and proc_pid_mountinfo(5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubesim.userland.files.file_stat import major_minor
from kubesim.userland.files.file_system_stat import MountRow

_ESCAPED = str.maketrans({" ": "\\040", "\t": "\\011", "\n": "\\012", "\\": "\\134", "#": "\\043"})


def mount_lines(rows: Iterable[MountRow]) -> bytes:
    """/proc/PID/mounts: source, mount point, type, options of the mount and of the file system together."""
    lines = (f"{_escaped(row.source)} {_escaped(row.path)} {row.type} {mount_options(row)} 0 0\n" for row in rows)
    return "".join(lines).encode(errors="surrogateescape")


def mount_options(row: MountRow) -> str:
    """The options as mount(8) shows them: of the mount first; read-only is whatever one of the two makes read-only."""
    access = "ro" if "ro" in (row.options[0], row.super_options[0]) else "rw"
    return ",".join([access, *row.options[1:], *row.super_options[1:]])


def mountinfo(rows: Sequence[MountRow]) -> bytes:
    """/proc/PID/mountinfo."""
    lines = []
    for row in rows:
        major, minor = major_minor(row.device)
        left = [str(row.mount_id), str(row.parent_id), f"{major}:{minor}", _escaped(row.root), _escaped(row.path)]
        right = ["-", row.type, _escaped(row.source), ",".join(row.super_options)]
        optional = [row.propagation] if row.propagation else []
        lines.append(" ".join([*left, ",".join(row.options), *optional, *right]) + "\n")
    return "".join(lines).encode(errors="surrogateescape")


def _escaped(text: str) -> str:
    """Mirrors linux: fs/proc_namespace.c, mangle."""
    return text.translate(_ESCAPED)
