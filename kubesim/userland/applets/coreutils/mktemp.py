"""mktemp: make a file or directory with a name that nobody has."""

from __future__ import annotations

import string

from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {"directory": "d", "quiet": "q", "dry-run": "u", "tmpdir": "tmpdir::"}
PLACEHOLDER = "XXXXXX"
ATTEMPTS_MAX = 238_328
"""Mirrors glibc: sysdeps/posix/tempname.c, ATTEMPTS_MIN."""
_LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits


async def run(process: Process) -> int:
    """Make it and print its name. Mirrors busybox: coreutils/mktemp.c."""
    options = parse_options(process.argv, "dqtp:u", long_names=LONG_NAMES)
    if len(options.operands) > 1:
        raise UsageError
    directory = process.env.get("TMPDIR") or "/tmp"  # noqa: S108 - the container's
    given = options.last_of("p")
    directory = options.values[given] if given else options.values.get("tmpdir", directory)
    template = options.operands[0] if options.operands else f"tmp.{PLACEHOLDER}"
    if not options.operands or options.flags & {"t", "p", "tmpdir"}:
        template = joined(directory, template)
    try:
        if not template.endswith(PLACEHOLDER):
            raise FsError("EINVAL")
        path = _made(process, template, is_directory="d" in options, is_dry="u" in options)
    except FsError as error:
        if "q" not in options:
            # glibc's printf shows the name that is not there so.
            await process.complain(f"(null): {error.strerror}")
        return 1
    await process.say(f"{path}\n")
    return 0


def _made(process: Process, template: str, *, is_directory: bool, is_dry: bool) -> str:
    files = process.files
    for _ in range(ATTEMPTS_MAX):
        bits = process.draw_bits(64)
        name = ""
        for _ in PLACEHOLDER:
            bits, letter = divmod(bits, len(_LETTERS))
            name += _LETTERS[letter]
        path = template.removesuffix(PLACEHOLDER) + name
        try:
            if is_dry:
                try:
                    files.stat(path, follow_last=False)
                except FsError as error:
                    if error.errno_name == "ENOENT":
                        return path
                    raise
                continue
            if is_directory:
                files.make_directory(path, 0o700)
            else:
                files.open_write(path, is_exclusive=True, mode=0o600)
        except FsError as error:
            if error.errno_name != "EEXIST":
                raise
        else:
            return path
    raise FsError("EEXIST")
