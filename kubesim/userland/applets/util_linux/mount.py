"""mount: show what is mounted, or mount more of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.userland.applets.size_operand import read_size
from kubesim.userland.applets.util_linux.umount import is_type
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.mount_text import mount_options
from kubesim.userland.files.mounts import TmpfsSource
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {
    name: name
    for name in (
        "bind",
        "rbind",
        "move",
        "make-shared",
        "make-slave",
        "make-private",
        "make-unbindable",
        "make-rshared",
        "make-rslave",
        "make-rprivate",
        "make-runbindable",
    )
}
FSTAB = "/etc/fstab"
MOUNTS = "/proc/mounts"
FAILED = 255
"""Exit code of a mount that the kernel refuses: -1, as the call returns it."""
_FLAGS = (
    "nosuid",
    "nodev",
    "noexec",
    "sync",
    "dirsync",
    "noatime",
    "nodiratime",
    "relatime",
    "strictatime",
)
_OPPOSITES = {
    "suid": "nosuid",
    "dev": "nodev",
    "exec": "noexec",
    "async": "sync",
    "atime": "noatime",
    "diratime": "nodiratime",
    "norelatime": "relatime",
    "nostrictatime": "strictatime",
}
_IGNORED = ("defaults", "loop", "auto", "noauto", "user", "nouser", "users", "nofail", "_netdev", "quiet", "loud")
_SHOWN_ELSEWHERE = {"proc": "/proc", "sysfs": "/sys", "devpts": "/dev/pts", "mqueue": "/dev/mqueue"}
"""File systems of which a container has one: mounting one more shows the same."""


@dataclass(slots=True)
class _Wanted:
    """What -o and its relatives ask for."""

    is_read_only: bool = False
    is_bind: bool = False
    is_recursive: bool = False
    is_remount: bool = False
    is_move: bool = False
    propagation: str = ""
    flags: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    """Options of the file system itself."""


async def run(process: Process) -> int:
    """List, or mount one. Mirrors busybox: util-linux/mount.c."""
    options = parse_options(process.argv, "o:t:rwanfvsiO:T:", long_names=LONG_NAMES)
    wanted = _wanted(options)
    operands = options.operands
    if len(operands) > 2:
        raise UsageError
    if not operands and "a" not in options:
        return await _list(process, options)
    if "a" in options:
        return 0  # the containers' /etc/fstab names nothing that they could mount
    if len(operands) == 1:
        return await _mount_listed(process, operands[0], wanted)
    if "f" in options:
        return 0
    try:
        refusal = _mount(process, *operands, file_system=options.values.get("t", ""), wanted=wanted)
    except FsError as error:
        if error.errno_name == "EPERM":
            await process.complain("permission denied (are you root?)")
            return 1
        await process.complain(f"mounting {operands[0]} on {operands[1]} failed: {error.strerror}")
        return FAILED
    if refusal is not None:
        # Not a text of busybox: a node always shows such a mount, and a host where we are not root does not.
        await process.complain(f"{operands[1]}: mounted in containers only, the host refused: {refusal}")
    return 0


def _wanted(options: Options) -> _Wanted:
    wanted = _Wanted(is_read_only="r" in options)
    words = [word for value in options.repeated.get("o", []) for word in value.split(",") if word]
    words += [letter for letter in options.given if letter in LONG_NAMES]
    for word in words:
        if word in ("ro", "rw"):
            wanted.is_read_only = word == "ro"
        elif word in ("bind", "rbind"):
            wanted.is_bind = True
            wanted.is_recursive = word == "rbind"
        elif word == "remount":
            wanted.is_remount = True
        elif word == "move":
            wanted.is_move = True
        elif word.startswith("make-"):
            wanted.propagation = word.removeprefix("make-")
        elif word in _FLAGS:
            wanted.flags.append(word)
        elif word in _OPPOSITES:
            wanted.flags = [flag for flag in wanted.flags if flag != _OPPOSITES[word]]
        elif word not in _IGNORED:
            wanted.data.append(word)
    return wanted


async def _list(process: Process, options: Options) -> int:
    for row in process.files.mounts():
        if is_type(row.type, options.values.get("t")):
            await process.say(f"{row.source} on {row.path} type {row.type} ({mount_options(row)})\n")
    return 0


async def _mount_listed(process: Process, target: str, wanted: _Wanted) -> int:
    """One operand: what is mounted there already, or what /etc/fstab says."""
    files = process.files
    if wanted.propagation:
        try:
            # How a container's own mounts propagate is given with the container, so only the right is asked for.
            files.remount(target, is_read_only=files.walk(target).mount.is_read_only)
        except FsError as error:
            await process.complain(f"{target}: {error.strerror}")
            return 1
        return 0
    try:
        path = files.walk(target).path
    except FsError:
        path = target
    if not wanted.is_remount or path not in {row.path for row in files.mounts()}:
        await process.complain(f"can't find {target} in {MOUNTS if wanted.is_remount else FSTAB}")
        return 1
    try:
        files.remount(path, is_read_only=wanted.is_read_only, flags=wanted.flags or None)
    except FsError as error:
        if error.errno_name == "EPERM":
            await process.complain("permission denied (are you root?)")
            return 1
        source = next(row.source for row in files.mounts() if row.path == path)
        await process.complain(f"mounting {source} on {path} failed: {error.strerror}")
        return FAILED
    return 0


def _mount(process: Process, source: str, target: str, *, file_system: str, wanted: _Wanted) -> str | None:
    """Mount. Returns why the node itself does not show it, where it should. Raises FsError."""
    files = process.files
    if files.walk(target).node is None:  # the kernel looks at the target before it asks for the right to mount
        raise FsError("ENOENT", target)
    flags = tuple(wanted.flags)
    refusal: str | None = None
    if wanted.is_move:
        raise FsError("EINVAL", target)
    if wanted.is_remount:
        files.remount(target, is_read_only=wanted.is_read_only, flags=flags or None)
    elif wanted.is_bind:
        refusal = files.mount_bind(source, target, is_recursive=wanted.is_recursive)
        if wanted.is_read_only or flags:
            # A bind takes its flags with a second call, which busybox makes as well.
            files.remount(target, is_read_only=wanted.is_read_only, flags=flags or None)
    elif file_system in ("tmpfs", "ramfs"):
        made = _tmpfs(source, wanted.data)
        refusal = files.mount_tmpfs(target, made, is_read_only=wanted.is_read_only, flags=flags or ("relatime",))
    elif file_system in _SHOWN_ELSEWHERE:
        files.mount_bind(_SHOWN_ELSEWHERE[file_system], target)
        if wanted.is_read_only or flags:
            files.remount(target, is_read_only=wanted.is_read_only, flags=flags or None)
    else:
        files.mount_bind(target, target)  # nothing of it stays; it asks for the right to mount
        files.unmount(target)
        if file_system:
            raise FsError("ENODEV", target)
        files.stat(source)
        raise FsError("ENOTBLK", source)
    return refusal


def _tmpfs(source: str, data: list[str]) -> TmpfsSource:
    """The file system that `size=`, `mode=`, `uid=` and `gid=` describe. Raises FsError EINVAL for anything else."""
    mode, size_bytes, uid, gid = 0o1777, None, 0, 0
    for word in data:
        name, _, value = word.partition("=")
        if name == "size" and (size := read_size(value.replace("m", "M").replace("g", "G"))) is not None:
            size_bytes = size
        elif name == "mode" and value and not value.strip("01234567"):
            mode = int(value, 8) & 0o7777
        elif name == "uid" and value.isdecimal():
            uid = int(value)
        elif name == "gid" and value.isdecimal():
            gid = int(value)
        elif name not in ("nr_inodes", "nr_blocks", "huge", "inode64", "inode32"):
            raise FsError("EINVAL")
    return TmpfsSource(mode=mode, size_bytes=size_bytes, uid=uid, gid=gid, source=source)
