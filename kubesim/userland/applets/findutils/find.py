"""find: walk trees of files, and do something with those of which an expression is true."""

from __future__ import annotations

from kubesim.userland.applets.confirmation import Confirmation
from kubesim.userland.applets.findutils.find_expression import (
    Action,
    Expression,
    FindError,
    Found,
    Reader,
    Settings,
    UnknownWord,
    executable_test,
)
from kubesim.userland.applets.spawn import spawn_and_wait
from kubesim.userland.applets.tree_walk import Outcome, WalkOptions, walk_tree
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

ARGUMENTS_BYTES_MAX = 128 * 1024 - 2048
"""How long a command of `-exec +` may get. Mirrors busybox: findutils/find.c, max_argv_len, with Linux's MAX_ARG_STRLEN
in the place of its ARG_MAX, so that few arguments are held."""


async def run(process: Process) -> int:
    """Find."""
    settings = Settings()
    words = _without_options(process.argv[1:], settings)
    count = next((at for at, word in enumerate(words) if word[:1] == "-" or word in ("!", "(")), len(words))
    finder = _Finder(process, settings)
    try:
        finder.read(words[count:])
    except UnknownWord as error:
        raise UsageError(str(error)) from None
    except FindError as error:
        await process.complain(str(error))
        return 1
    return await finder.find(words[:count] or ["."])


def _without_options(words: list[str], settings: Settings) -> list[str]:
    """Take -H, -L and -P away, which come first."""
    for place, word in enumerate(words):
        if word == "--":
            return words[place + 1 :]
        if len(word) < 2 or word[0] != "-" or word[1:].strip("HLP"):
            return words[place:]
        settings.follows_operand |= "H" in word
        settings.follows_all |= "L" in word
    return []


class _Command:
    """-exec or -ok. With `+` paths are collected until they are many."""

    def __init__(self, process: Process, words: list[str], *, asks: bool, collects: bool) -> None:
        self._process = process
        self._words = words
        self._confirmation = Confirmation(process) if asks else None
        self._collects = collects
        self._paths: list[str] = []
        self._size_bytes = 0
        self.action = Action(act=self._act)

    async def flush(self) -> bool:
        """Run the command for what was collected; whether that went well."""
        if not self._paths:
            return True
        paths, self._paths, self._size_bytes = self._paths, [], 0
        argv: list[str] = []
        for word in self._words:
            argv += [word.replace("{}", path) for path in paths] if "{}" in word else [word]
        return await self._run(argv)

    async def _act(self, found: Found) -> bool:
        if not self._collects:
            return await self._run([word.replace("{}", found.path) for word in self._words])
        self._paths.append(found.path)
        self._size_bytes += len(found.path.encode(errors="surrogateescape")) + 9  # as busybox counts: a pointer, a NUL
        return self._size_bytes < ARGUMENTS_BYTES_MAX or await self.flush()

    async def _run(self, argv: list[str]) -> bool:
        process = self._process
        if self._confirmation is not None and not await self._confirmation.ask("".join(f"{w} " for w in argv) + "?"):
            return False
        try:
            return await spawn_and_wait(process, argv) == 0
        except FsError as error:
            await process.complain(f"{argv[0]}: {error.strerror}")
            return False


class _Finder:
    def __init__(self, process: Process, settings: Settings) -> None:
        self._process = process
        self._settings = settings
        self._expression = Expression()
        self._collecting: list[_Command] = []
        self._devices: list[int] = []
        self._code = 0

    def read(self, words: list[str]) -> None:
        """Read the expression. Raises FindError."""
        plain = {
            "-print": self._printing,
            "-print0": self._printing_zero,
            "-prune": lambda: Action(test=lambda _: True, is_prune=True),
            "-quit": lambda: Action(act=self._quit),
            "-delete": self._deleting,
            "-empty": lambda: Action(act=self._is_empty),
            "-executable": lambda: Action(test=executable_test(self._process)),
        }
        reader = Reader(self._process, self._settings, plain=plain, executing=self._executing)
        self._expression = reader.read(words)

    async def find(self, paths: list[str]) -> int:
        """Walk the paths; the exit code."""
        settings, process = self._settings, self._process
        if settings.stays_on_device:
            for path in paths:
                if process.files.exists(path):
                    self._devices.append(process.files.stat(path).device)
        walk = WalkOptions(
            is_depth_first=settings.is_depth_first,
            follows_operand=settings.follows_operand,
            follows_all=settings.follows_all,
            is_dangling_fine=settings.follows_operand or settings.follows_all,
        )
        for path in paths:
            if not await walk_tree(process, path, self._visit, walk):
                self._code = 1
        for command in self._collecting:
            if await command.flush() == command.action.is_inverted:
                self._code = 1
                break
        return self._code

    async def _visit(self, path: str, stat: Stat, depth: int) -> Outcome:
        """Mirrors busybox: findutils/find.c, fileAction."""
        settings = self._settings
        stays = not (stat.is_directory and settings.stays_on_device) or stat.device in self._devices
        if depth < settings.depth_min:
            return "done" if stays else "skip"
        if depth > settings.depth_max:
            return "skip"
        is_true, is_pruned = await self._expression.evaluate(Found(path, stat))
        if is_true and settings.prints:
            await self._process.say(f"{path}\n")
        is_deepest = stat.is_directory and depth == settings.depth_max
        return "skip" if is_pruned or is_deepest or not stays else "done"

    # -- actions ------------------------------------------------------------------------------------------

    def _printing(self) -> Action:
        self._settings.prints = False
        return Action(act=lambda found: self._say(f"{found.path}\n"))

    def _printing_zero(self) -> Action:
        self._settings.prints = False
        return Action(act=lambda found: self._say(f"{found.path}\0"))

    def _deleting(self) -> Action:
        self._settings.prints = False
        self._settings.is_depth_first = True
        return Action(act=self._delete)

    def _executing(self, name: str, words: list[str], collects: bool) -> Action:
        self._settings.prints = False
        command = _Command(self._process, words, asks=name == "-ok", collects=collects)
        if collects:
            self._collecting.append(command)
        return command.action

    async def _say(self, text: str) -> bool:
        await self._process.say(text)
        return True

    async def _quit(self, _: Found) -> bool:
        raise ProcessExit(self._code)

    async def _delete(self, found: Found) -> bool:
        files = self._process.files
        try:
            if not found.stat.is_directory:
                files.remove_file(found.path)
            elif found.path != ".":
                files.remove_directory(found.path)
        except FsError as error:
            await self._process.complain(f"{found.path}: {error.strerror}")
        return True

    async def _is_empty(self, found: Found) -> bool:
        if not found.stat.is_directory:
            return found.stat.kind is FileKind.FILE and not found.stat.size_bytes
        try:
            return not self._process.files.list_dir(found.path)
        except FsError as error:
            await self._process.complain(f"{found.path}: {error.strerror}")
            return False
