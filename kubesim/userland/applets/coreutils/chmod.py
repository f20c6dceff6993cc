"""chmod: change permission bits."""

from __future__ import annotations

from kubesim.userland.applets.mode_string import mode_letters
from kubesim.userland.applets.tree_walk import Outcome, WalkOptions, walk_tree
from kubesim.userland.file_modes import parse_mode
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

LETTERS = "Rvcf"


async def run(process: Process) -> int:
    """Change the mode of each operand. Mirrors busybox: coreutils/chmod.c."""
    argv, dashed = _without_dashed_mode(process.argv)
    options = parse_options(argv, LETTERS)
    if len(options.operands) < 2:
        raise UsageError
    text, *operands = options.operands
    text = dashed or text

    async def visit(path: str, stat: Stat, depth: int) -> Outcome:
        if depth and stat.kind is FileKind.SYMLINK:
            return "done"
        try:
            if not depth:
                stat = process.files.stat(path)
            mode = parse_mode(text, stat.mode, umask=process.files.umask, is_directory=stat.is_directory)
            if mode is None:
                await process.complain(f"invalid mode '{text}'")
                raise ProcessExit(1)
            process.files.set_mode(path, mode)
        except FsError as error:
            if "f" not in options:
                await process.complain(f"{path}: {error.strerror}")
            return error
        if "v" in options or ("c" in options and mode != stat.mode):
            await process.say(f"mode of '{path}' changed to {mode:04o} ({mode_letters(mode)})\n")
        return "done"

    walk = WalkOptions(is_recursive="R" in options)
    are_done = [await walk_tree(process, operand, visit, walk) for operand in operands]
    return 0 if all(are_done) else 1


def _without_dashed_mode(argv: list[str]) -> tuple[list[str], str]:
    """`-w` in the place of the mode becomes `aw`, so that it is no option; and the mode as it was."""
    for place, word in enumerate(argv[1:], start=1):
        if not word.startswith("-"):
            break
        if len(word) > 1 and word[1] not in f"-{LETTERS}":
            return [*argv[:place], f"a{word[1:]}", *argv[place + 1 :]], word
    return argv, ""
