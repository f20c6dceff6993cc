"""diff: how two files, or the files of two directories, differ. Mirrors busybox: editors/diff.c.

Unified differences only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.userland.applets.editors.diff_hunks import unified
from kubesim.userland.applets.text_stream import AppletError, TextOut, byte_text, open_input, read_all
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_LONG_NAMES = {
    "ignore-case": "i",
    "ignore-space-change": "b",
    "ignore-all-space": "w",
    "ignore-blank-lines": "B",
    "text": "a",
    "unified": "U",
    "label": "L",
    "brief": "q",
    "expand-tabs": "t",
    "initial-tab": "T",
    "recursive": "r",
    "new-file": "N",
    "report-identical-files": "s",
    "starting-file": "S",
    "minimal": "d",
}
_NOTHING = "/dev/null"


@dataclass(slots=True, kw_only=True)
class _Comparison:
    process: Process
    options: Options
    out: TextOut
    context_lines: int
    labels: list[str] = field(default_factory=list)
    code: int = 0


async def run(process: Process) -> int:
    """0 when nothing differs, 1 when something does, 2 when something went wrong."""
    options = parse_options(process.argv, "abdiL:NqrsS:tTU:wupBE", long_names=_LONG_NAMES)
    if len(options.operands) != 2:
        raise UsageError
    text = options.values.get("U", "3")
    out = TextOut(process)
    try:
        if not (text.isascii() and text.isdecimal()) or len(text) > 10 or int(text) >= 2**31:
            raise AppletError(f"invalid number '{text}'")
        comparison = _Comparison(
            process=process,
            options=options,
            out=out,
            context_lines=int(text),
            labels=[byte_text(label) for label in options.repeated.get("L", [])],
        )
        await _compare(comparison, options.operands)
    except AppletError as error:
        await out.flush()
        await process.complain(error.message)
        return error.code
    await out.flush()
    return comparison.code


async def _compare(comparison: _Comparison, names: list[str]) -> None:
    kinds = [_kind(comparison, name) for name in names]
    if "-" in names and FileKind.DIRECTORY in kinds:
        raise AppletError("can't compare stdin to a directory")
    if _is_same_file(comparison, names):
        return
    if kinds == [FileKind.DIRECTORY, FileKind.DIRECTORY]:
        await _compare_directories(comparison, names)
        return
    paths = list(names)
    for number, kind in enumerate(kinds):
        if kind is FileKind.DIRECTORY:
            paths[number] = f"{names[number].rstrip('/')}/{names[1 - number].rpartition('/')[2]}"
            _kind(comparison, paths[number])
    await _compare_files(comparison, paths, paths)


def _kind(comparison: _Comparison, name: str) -> FileKind | None:
    """What a name leads to; None for standard input, and with -N for nothing."""
    if name == "-":
        return None
    try:
        return comparison.process.files.stat(name).kind
    except FsError as error:
        if "N" in comparison.options:
            return None
        raise AppletError(f"can't stat '{name}': {error.strerror}", 2) from None


def _is_same_file(comparison: _Comparison, names: list[str]) -> bool:
    """Whether both names lead to one file, of which nothing is said, not even with -s."""
    files = comparison.process.files
    if "-" in names or not all(files.exists(name) for name in names):
        return False
    first, second = (files.stat(name) for name in names)
    return (first.device, first.inode) == (second.device, second.inode)


async def _compare_files(comparison: _Comparison, paths: list[str], names: list[str]) -> None:
    options = comparison.options
    contents = []
    for path in paths:
        content = await _content(comparison, path)
        if content is None:
            return  # which busybox does not count as a failure either
        contents.append(content)
    status = "same"
    if contents[0] != contents[1]:
        shared = min(map(len, contents))
        if "a" not in options and any(b"\0" in content[:shared] for content in contents):
            status = "binary"
        else:
            labels = [*comparison.labels, *map(byte_text, paths[len(comparison.labels) :])]
            is_different, text = unified(
                contents[0].decode("latin-1"),
                contents[1].decode("latin-1"),
                flags=options.flags,
                labels=(labels[0], labels[1]),
                context_lines=comparison.context_lines,
            )
            await comparison.out.put_text(text)
            status = "differ" if is_different else "same"
    if status != "same":
        comparison.code = max(comparison.code, 1)
    shown = " and ".join(map(byte_text, names))
    if status == "binary" or (status == "differ" and "q" in options):
        await comparison.out.put_text(f"Files {shown} differ\n")
    elif status == "same" and "s" in options:
        await comparison.out.put_text(f"Files {shown} are identical\n")


async def _content(comparison: _Comparison, path: str) -> bytes | None:
    process = comparison.process
    try:
        file = open_input(process, path)
    except FsError as error:
        if "N" in comparison.options:
            return b""
        await process.complain(f"can't open '{path}': {error.strerror}")
        return None
    try:
        return await read_all(process, file)
    except FsError:
        return b""  # a directory: busybox takes an error of reading for the end
    finally:
        file.release()


async def _compare_directories(comparison: _Comparison, roots: list[str]) -> None:
    """Compare what has the same name; the rest is named, or with -N compared with nothing."""
    listings = [await _below(comparison, roots[number], roots[1 - number]) for number in (0, 1)]
    start = comparison.options.values.get("S", "")
    for name in sorted({*listings[0], *listings[1]}):
        await comparison.process.step()
        if name < start:
            continue
        has = [name in listing for listing in listings]
        if not all(has) and "N" not in comparison.options:
            await comparison.out.put_text(f"Only in {byte_text(roots[has.index(True)])}: {byte_text(name)}\n")
            comparison.code = max(comparison.code, 1)
            continue
        full = [f"{root.rstrip('/')}/{name}" for root in roots]
        kinds = [_kind(comparison, path) if is_there else None for path, is_there in zip(full, has, strict=True)]
        kinds = [kind or kinds[1 - number] for number, kind in enumerate(kinds)]
        paths = [path if is_there else _NOTHING for path, is_there in zip(full, has, strict=True)]
        await _compare_named(comparison, paths, full, kinds)


async def _compare_named(
    comparison: _Comparison, paths: list[str], names: list[str], kinds: list[FileKind | None]
) -> None:
    shown = [byte_text(name) for name in names]
    words = {FileKind.DIRECTORY: "directory", FileKind.FILE: "regular file"}
    for name, kind in zip(shown, kinds, strict=True):
        if kind not in words:
            await comparison.out.put_text(f"File {name} is not a regular file or directory and was skipped\n")
            return
    if kinds[0] is not kinds[1]:
        first, second = (words[kind] for kind in kinds if kind is not None)
        await comparison.out.put_text(f"File {shown[0]} is a {first} while file {shown[1]} is a {second}\n")
    elif kinds[0] is FileKind.DIRECTORY:
        await comparison.out.put_text(f"Common subdirectories: {shown[0]} and {shown[1]}\n")
    else:
        await _compare_files(comparison, paths, names)


async def _below(comparison: _Comparison, root: str, other_root: str) -> set[str]:
    """Names of files below a directory; without -r its own names only.

    Without -N a directory that the other tree lacks is left out, and counts as a difference.
    """
    files = comparison.process.files
    found: set[str] = set()
    pending = [""]
    while pending:
        directory = pending.pop()
        await comparison.process.step()
        try:
            names = files.list_dir(f"{root}/{directory}")
        except FsError as error:
            await comparison.process.complain(f"{root}/{directory}: {error.strerror}")
            continue
        for name in names:
            path = f"{directory}/{name}" if directory else name
            is_directory = files.exists(f"{root}/{path}") and files.stat(f"{root}/{path}").is_directory
            if not is_directory or "r" not in comparison.options:
                found.add(path)
            elif "N" in comparison.options or (
                files.exists(f"{other_root}/{path}") and files.stat(f"{other_root}/{path}").is_directory
            ):
                pending.append(path)
            else:
                comparison.code = max(comparison.code, 1)
    return found
