"""mv: rename files, or move them to another file system by a copy."""

from __future__ import annotations

from kubesim.userland.applets.confirmation import Confirmation
from kubesim.userland.applets.coreutils.basename import last_part, without_slashes
from kubesim.userland.applets.coreutils.copy_file import Copier, CopyOptions
from kubesim.userland.applets.coreutils.cp import stat_operand
from kubesim.userland.applets.coreutils.remove_file import Remover
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.credentials import WRITE
from kubesim.userland.files.file_stat import Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LONG_NAMES = {
    "interactive": "i",
    "force": "f",
    "no-clobber": "n",
    "no-target-directory": "T",
    "target-directory": "t",
    "verbose": "v",
}


async def run(process: Process) -> int:
    """Move. Mirrors busybox: coreutils/mv.c."""
    options = parse_options(process.argv, "finTt:v", long_names=LONG_NAMES)
    sources = list(options.operands)
    if not sources or {"t", "T"} <= options.flags:
        raise UsageError
    mover = _Mover(process, way=options.last_of("fin"), is_verbose="v" in options)
    if "t" in options:
        last = options.values["t"]
    else:
        last = sources.pop()
        if not sources or (len(sources) > 1 and "T" in options):
            raise UsageError
        if len(sources) == 1:
            there = await stat_operand(process, last)
            if there is False:
                return 1
            if there is not None and there.is_directory and "T" in options:
                if not process.files.exists(sources[0]) or process.files.stat(sources[0]).is_directory:
                    return await mover.move(sources[0], last, there)
                await process.complain(f"'{last}' is a directory")
                return 1
            if there is None or not there.is_directory:
                return await mover.move(sources[0], last, there)
    code = 0
    for source in map(without_slashes, sources):
        dest = joined(last, last_part(source))
        there = await stat_operand(process, dest)
        if there is False:
            code |= 1
            await mover.tell(source, dest)
        else:
            code |= await mover.move(source, dest, there)
    return code


class _Mover:
    def __init__(self, process: Process, *, way: str, is_verbose: bool) -> None:
        self._process = process
        self._files = process.files
        self._way = way
        self._is_verbose = is_verbose
        self._confirmation = Confirmation(process)

    async def move(self, source: str, dest: str, there: Stat | None) -> int:
        """The exit code. With -v also what failed or was kept is told, as busybox does."""
        code = 0
        if there is None or await self._may_replace(dest):
            code = 0 if await self._renamed(source, dest, there) else 1
        await self.tell(source, dest)
        await self._process.step()
        return code

    async def tell(self, source: str, dest: str) -> None:
        """With -v."""
        if self._is_verbose:
            await self._process.say(f"'{source}' -> '{dest}'\n")

    async def _may_replace(self, dest: str) -> bool:
        if self._way in ("f", "n"):
            return self._way == "f"
        is_protected = self._confirmation.is_terminal and not self._files.may(dest, WRITE)
        if self._way != "i" and not is_protected:
            return True
        return await self._confirmation.ask(f"mv: overwrite '{dest}'? ")

    async def _renamed(self, source: str, dest: str, there: Stat | None) -> bool:
        try:
            self._files.rename(source, dest)
        except FsError as error:
            failure = error
        else:
            return True
        moved = None
        if failure.errno_name == "EXDEV":
            moved = await stat_operand(self._process, source, follow_last=False)
        if not moved:
            await self._process.complain(f"can't rename '{source}': {failure.strerror}")
            return False
        return await self._make_way(dest, there, moved) and await self._copied(source, dest)

    async def _make_way(self, dest: str, there: Stat | None, moved: Stat) -> bool:
        if there is None:
            return True
        if there.is_directory != moved.is_directory:
            kinds = ("", "non-") if there.is_directory else ("non-", "")
            await self._process.complain("can't overwrite {}directory with {}directory".format(*kinds))
            return False
        try:
            self._files.remove_file(dest)
        except FsError as error:
            await self._process.complain(f"can't remove '{dest}': {error.strerror}")
            return False
        return True

    async def _copied(self, source: str, dest: str) -> bool:
        options = CopyOptions(is_recursive=True, is_preserving=True, follows_all=False)
        if not await Copier(self._process, options).copy(source, dest):
            return False
        return await Remover(self._process, is_recursive=True, is_forced=True).remove(source)
