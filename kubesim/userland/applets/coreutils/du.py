"""du: how much room files take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.userland.applets.human_size import size_text
from kubesim.userland.applets.tree_walk import joined
from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

BLOCK_BYTES = 512
_KILO = 1024
_DEPTH_MAX = 2**31 - 1


@dataclass(slots=True)
class _Directory:
    """A directory that is being summed up."""

    path: str
    size: int
    names: Iterator[str]


async def run(process: Process) -> int:
    """Print a line per directory. Mirrors busybox: coreutils/du.c."""
    options = parse_options(process.argv, "aHkLsxd:lcbhm")
    depth_max = await _depth_max(process, options)
    usage = _Usage(process, options, depth_max=depth_max)
    total = 0
    follows = options.last_of("HL")
    if not options.operands and follows == "H":
        follows = ""
    for path in options.operands or ["."]:
        total += await usage.measure(path, follows=follows)
    if "c" in options:
        await usage.tell(total, "total")
    return usage.code


async def _depth_max(process: Process, options: Options) -> int:
    text = options.values.get("d")
    if text is not None and not (text.isascii() and text.isdecimal()):
        await process.complain(f"invalid number '{text}'")
        raise ProcessExit(1)
    last = options.last_of("sd")
    return 0 if last == "s" else min(int(text), _DEPTH_MAX) if text is not None else _DEPTH_MAX


def _unit_bytes(process: Process, options: Options) -> int:
    """What sizes are shown in; 0 for the unit that fits."""
    last = options.last_of("hkm")
    if last:
        return {"h": 0, "k": _KILO, "m": _KILO * _KILO}[last]
    if "b" in options:
        return 1
    return BLOCK_BYTES if "POSIXLY_CORRECT" in process.env else _KILO


class _Usage:
    def __init__(self, process: Process, options: Options, *, depth_max: int) -> None:
        self._process = process
        self._options = options
        self._depth_max = depth_max
        self._unit_bytes = _unit_bytes(process, options)
        self._is_exact = "b" in options
        self._seen: set[tuple[int, int]] = set()
        self._device = 0
        self._follows = ""
        self.code = 0

    async def tell(self, size: int, path: str) -> None:
        """Print one line; a fixed unit is rounded up."""
        if self._unit_bytes:
            size += (self._unit_bytes - 1) // (2 * BLOCK_BYTES)
        text = size_text(size, 1 if self._is_exact else BLOCK_BYTES, self._unit_bytes)
        await self._process.say(f"{text}\t{path}\n")

    async def measure(self, operand: str, *, follows: str) -> int:
        """Measure and print what lies at and below `operand`; `follows` is H, L or ""."""
        self._follows = follows
        opened: list[_Directory] = []
        path = operand
        while True:
            measured = await self._begin(path, len(opened))
            await self._process.step()
            if isinstance(measured, _Directory):
                opened.append(measured)
            elif opened:
                opened[-1].size += measured
            else:
                return measured
            while (name := next(opened[-1].names, None)) is None:
                done = opened.pop()
                if len(opened) <= self._depth_max:
                    await self.tell(done.size, done.path)
                if not opened:
                    return done.size
                opened[-1].size += done.size
            path = joined(opened[-1].path, name)

    async def _begin(self, path: str, depth: int) -> int | _Directory:
        try:
            stat = self._stat(path, depth)
        except FsError as error:
            await self._process.complain(f"{path}: {error.strerror}")
            self.code = 1
            return 0
        if stat is None:
            return 0
        if "l" not in self._options and stat.links_count > 1:
            key = (stat.device, stat.inode)
            if key in self._seen:
                return 0
            self._seen.add(key)
        size = stat.size_bytes if self._is_exact else stat.blocks_count
        if stat.is_directory:
            try:
                return _Directory(path, size, iter(self._process.files.list_dir(path)))
            except FsError as error:
                await self._process.complain(f"can't open '{path}': {error.strerror}")
                self.code = 1
                return size
        if ("a" in self._options or depth == 0) and depth <= self._depth_max:
            await self.tell(size, path)
        return size

    def _stat(self, path: str, depth: int) -> Stat | None:
        """What is there, None when it lies on another file system and -x keeps out of it."""
        files = self._process.files
        stat = files.stat(path, follow_last=False)
        if depth == 0:
            self._device = stat.device
        elif "x" in self._options and stat.device != self._device:
            return None
        if stat.kind is FileKind.SYMLINK and (self._follows == "L" or (self._follows == "H" and depth == 0)):
            stat = files.stat(path)
            self._follows = "L"  # busybox goes on so below an operand that was followed
        return stat
