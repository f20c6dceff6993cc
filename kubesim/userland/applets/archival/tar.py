"""tar: make archives, list them and take files out of them; `kubectl cp` runs it in the container."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.userland.applets.archival.byte_stream import ByteReader, ByteWriter, PackedError
from kubesim.userland.applets.archival.tar_create import Creator
from kubesim.userland.applets.archival.tar_extract import Extractor, TarError
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

LETTERS = "txC:f:OopvkchjT:X:zJZam"
LONG_NAMES = {
    "list": "t",
    "extract": "x",
    "directory": "C",
    "file": "f",
    "to-stdout": "O",
    "no-same-owner": "o",
    "same-permissions": "p",
    "verbose": "v",
    "keep-old": "k",
    "create": "c",
    "dereference": "h",
    "bzip2": "j",
    "files-from": "T",
    "exclude-from": "X",
    "gzip": "z",
    "xz": "J",
    "compress": "Z",
    "auto-compress": "a",
    "touch": "m",
    "strip-components": "strip-components:",
    "lzma": "lzma",
    "no-recursion": "no-recursion",
    "numeric-owner": "numeric-owner",
    "no-same-permissions": "no-same-permissions",
    "overwrite": "overwrite",
    "exclude": "exclude:",
}
_PACKINGS = {"z": "gzip", "j": "bzip2", "J": "xz", "Z": "compress", "lzma": "lzma"}
_PACKED_SUFFIXES = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "lzma": "lzma"}


@dataclass(slots=True)
class _Names:
    """Which members are meant."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


async def run(process: Process) -> int:
    """Carry out one of -c, -t and -x. Mirrors busybox: archival/tar.c, tar_main."""
    if process.argv[1:] == ["--version"]:
        await process.say("tar (busybox) 1.36.1\n")
        return 0
    options = parse_options(_with_dash(process.argv), LETTERS, long_names=LONG_NAMES)
    if len(options.flags & {"c", "t", "x"}) != 1:
        raise UsageError
    try:
        names = _names(process, options)
        if "c" in options:
            return await _create(process, options, names)
        return await _read(process, options, names)
    except TarError as error:
        await process.complain(str(error))
        return 1


def _with_dash(argv: list[str]) -> list[str]:
    """`tar cfv FILE` means `tar -cvf FILE`: an f in a first word without a dash takes the next word."""
    if len(argv) < 2 or argv[1][:1] in ("", "-"):
        return argv
    letters = argv[1]
    if "f" in letters:
        letters = letters.replace("f", "", 1) + "f"
    return [argv[0], f"-{letters}", *argv[2:]]


def _names(process: Process, options: Options) -> _Names:
    names = _Names()
    for path in options.repeated.get("X", []):
        names.rejected += _lines(process, path)
    names.rejected += options.repeated.get("exclude", [])
    for path in options.repeated.get("T", []):
        names.accepted += _lines(process, path)
    names.accepted += [_without_slash(name) for name in options.operands]
    return names


def _lines(process: Process, path: str) -> list[str]:
    try:
        text = process.files.read(path).decode(errors="surrogateescape")
    except FsError as error:
        raise TarError(f"can't open '{path}': {error.strerror}") from None
    return [_without_slash(line) for line in text.splitlines() if line]


def _without_slash(name: str) -> str:
    return name.removesuffix("/") if len(name) > 1 else name


async def _create(process: Process, options: Options, names: _Names) -> int:
    if not names.accepted:
        raise TarError("empty archive")
    path = options.values.get("f", "-")
    packing = _PACKINGS.get(options.last_of("zjJZ") or ("lzma" if "lzma" in options else ""), "")
    if "a" in options and path != "-":
        packing = next((name for end, name in _PACKED_SUFFIXES.items() if path.endswith(end)), packing)
    if packing not in ("", "gzip", "bzip2"):
        raise TarError(f"can't execute '{packing}': No such file or directory")
    file = _opened(process, path, is_written=True)
    try:
        _change_directory(process, options)
        creator = Creator(
            process,
            ByteWriter(process, file, packing=packing),
            archive=file,
            is_verbose="v" in options,
            follows_links="h" in options,
            is_recursive="no-recursion" not in options,
            excluded=names.rejected,
        )
        return await creator.run(names.accepted)
    except FsError as error:
        raise TarError(f"write error: {error.strerror}") from None
    finally:
        file.release()


def _opened(process: Process, path: str, *, is_written: bool) -> OpenFile:
    if path == "-":
        return process.open_file_of(1 if is_written else 0).hold()
    try:
        opened = process.files.open_write(path, is_truncated=True) if is_written else process.files.open_read(path)
    except FsError as error:
        raise TarError(f"can't open '{path}': {error.strerror}") from None
    return opened.hold()


def _change_directory(process: Process, options: Options) -> None:
    if "C" in options:
        path = options.values["C"]
        try:
            process.files.change_directory(path)
        except FsError as error:
            raise TarError(f"can't change directory to '{path}': {error.strerror}") from None


async def _read(process: Process, options: Options, names: _Names) -> int:
    strip = options.values.get("strip-components", "0")
    if not (strip.isascii() and strip.isdecimal()):
        raise TarError(f"invalid number '{strip}'")
    path = options.values.get("f", "-")
    packing = _PACKINGS.get(options.last_of("zjJZ") or ("lzma" if "lzma" in options else ""), "")
    if packing == "compress":
        raise TarError("can't execute 'uncompress': No such file or directory")
    file = _opened(process, path, is_written=False)
    try:
        _change_directory(process, options)
        extractor = Extractor(
            process,
            ByteReader(process, file, packing=packing),
            options.flags,
            verbosity=sum(letter in "tv" for letter in options.given),
            strip_count=int(strip),
            accepted=names.accepted,
            rejected=names.rejected,
        )
        # A pipe cannot be read twice, so busybox looks for packed data in files only.
        return await extractor.run(detects_packing=path != "-" and not packing)
    except PackedError as error:
        raise TarError(str(error)) from None
    except FsError as error:
        raise TarError(f"read error: {error.strerror}") from None
    finally:
        file.release()
