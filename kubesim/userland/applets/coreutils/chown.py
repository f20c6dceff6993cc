"""chown and chgrp: change who owns a file."""

from __future__ import annotations

from kubesim.userland.applets.tree_walk import Outcome, WalkOptions, walk_tree
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.passwd import parse_group, parse_passwd, user_of_uid
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LETTERS = "RhLHPcvf"
LONG_NAMES = {
    "recursive": "R",
    "dereference": "dereference",
    "no-dereference": "h",
    "changes": "c",
    "silent": "f",
    "quiet": "f",
    "verbose": "v",
}
_NUMBER_MAX = 0xFFFF_FFFF


class _Unknown(Exception):
    """Nobody is called so; the message is the complaint."""


def number_of(text: str) -> int | None:
    """The number that a text is. Mirrors busybox: libbb/bb_strtonum.c, bb_strtou."""
    is_number = text.isascii() and text.isdecimal() and int(text) <= _NUMBER_MAX
    return int(text) if is_number else None


def uid_of(process: Process, text: str) -> int | None:
    """The uid that a number or name stands for."""
    number = number_of(text)
    users = parse_passwd(process.files) if number is None else []
    return next((user.uid for user in users if user.name == text), number)


def gid_of(process: Process, text: str) -> int | None:
    """The gid that a number or name stands for."""
    number = number_of(text)
    groups = parse_group(process.files) if number is None else []
    return next((group.gid for group in groups if group.name == text), number)


def _known_uid(process: Process, text: str) -> int:
    uid = uid_of(process, text)
    if uid is None:
        raise _Unknown(f"unknown user {text}")
    return uid


def _known_gid(process: Process, text: str) -> int:
    gid = gid_of(process, text)
    if gid is None:
        raise _Unknown(f"unknown group {text}")
    return gid


def _owner(process: Process, text: str) -> tuple[int | None, int | None]:
    """`USER`, `USER:`, `:GROUP` or `USER:GROUP`, the first dot counting as a colon; None keeps what is there.

    Mirrors busybox: libpwdgrp/uidgid_get.c, parse_chown_usergroup_or_die, of 1.35.
    """
    text = text.replace(".", ":", 1)
    user, colon, group = text.partition(":")
    if not colon:
        return _known_uid(process, user), None
    if not user:
        return None, _known_gid(process, group)
    uid = uid_of(process, user)
    if not group and uid is not None:
        entry = user_of_uid(process.files, uid)
        return uid, uid if entry is None else entry.gid
    gid = gid_of(process, group)
    if uid is None or gid is None:
        raise _Unknown(f"unknown user/group {text.removesuffix(':')}")
    return uid, gid


async def run(process: Process) -> int:
    """Change owner and group."""
    options = _options(process)
    try:
        uid, gid = _owner(process, options.operands[0])
    except _Unknown as unknown:
        await process.complain(str(unknown))
        return 1
    return await _change(process, options, uid, gid)


async def run_chgrp(process: Process) -> int:
    """Change the group. Mirrors busybox: coreutils/chgrp.c."""
    options = _options(process)
    try:
        gid = _known_gid(process, options.operands[0])
    except _Unknown as unknown:
        await process.complain(str(unknown))
        return 1
    return await _change(process, options, None, gid)


def _options(process: Process) -> Options:
    options = parse_options(process.argv, LETTERS, long_names=LONG_NAMES)
    if len(options.operands) < 2:
        raise UsageError
    return options


async def _change(process: Process, options: Options, uid: int | None, gid: int | None) -> int:
    """Mirrors busybox: coreutils/chown.c, fileAction and chown_main."""
    traverses = options.flags & {"L", "H"}
    follow_last = "h" not in options and ("R" not in options or bool(traverses))

    async def visit(path: str, stat: Stat, _depth: int) -> Outcome:
        new_uid = stat.uid if uid is None else uid
        new_gid = stat.gid if gid is None else gid
        try:
            process.files.set_owner(path, new_uid, new_gid, follow_last=follow_last)
        except FsError as error:
            if "f" not in options:
                await process.complain(f"{path}: {error.strerror}")
            return error
        if "v" in options or ("c" in options and (stat.uid, stat.gid) != (new_uid, new_gid)):
            await process.say(f"changed ownership of '{path}' to {new_uid}:{new_gid}\n")
        return "done"

    walk = WalkOptions(
        is_recursive="R" in options,
        is_depth_first=True,
        follows_operand=bool(traverses),
        follows_all="L" in options,
    )
    are_done = [await walk_tree(process, operand, visit, walk) for operand in options.operands[1:]]
    return 0 if all(are_done) else 1
