"""The unified differences of two texts. Mirrors busybox: editors/diff.c, diff and fetch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from kubesim.userland.applets.editors.diff_lines import matched_lines

_BLANKS = re.compile(r"[ \t\n\v\f\r]+")
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_NO_NEWLINE = "\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines `old_first`..`old_last` became `new_first`..`new_last`; an end before its beginning means none."""

    old_first: int
    old_last: int
    new_first: int
    new_last: int


def unified(
    old: str, new: str, *, flags: AbstractSet[str], labels: tuple[str, str], context_lines: int
) -> tuple[bool, str]:
    """Whether the texts differ as far as the flags care, and what diff prints."""
    old_lines, new_lines = _lines(old), _lines(new)
    partners = matched_lines(
        [_key(line, flags) for line in old_lines],
        [_key(line, flags) for line in new_lines],
        is_thorough="d" in flags,
    )
    out: list[str] = []
    is_different = False
    for changes in _groups(partners, len(old_lines), len(new_lines), context_lines):
        if "B" in flags and all(line == "\n" for change in changes for line in _changed(change, old_lines, new_lines)):
            continue
        if "q" not in flags:
            if not is_different:
                out.append(f"--- {labels[0]}\n+++ {labels[1]}\n")
            out += _hunk(changes, old_lines, new_lines, flags, context_lines)
        is_different = True
    return is_different, "".join(out)


def _lines(text: str) -> list[str]:
    """With their ends."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _key(line: str, flags: AbstractSet[str]) -> str:
    """What is compared of a line. One that has no end is another than one that has, unless blanks do not count."""
    if "w" in flags:
        line = _BLANKS.sub("", line)
    elif "b" in flags:
        line = _BLANKS.sub(" ", line if line.endswith("\n") else f"{line} ")
    return line.translate(_UPPER) if "i" in flags else line


def _groups(partners: list[int], old_count: int, new_count: int, context_lines: int) -> Iterator[list[_Change]]:
    """The changes, those together whose context meets."""
    gap = 2 * context_lines + 1
    group: list[_Change] = []
    for change in _changes(partners, old_count, new_count):
        if group and change.old_first > group[-1].old_last + gap and change.new_first > group[-1].new_last + gap:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _changes(partners: list[int], old_count: int, new_count: int) -> Iterator[_Change]:
    old, new = 1, 1
    while old <= old_count or new <= new_count:
        if old <= old_count and partners[old] == new:
            old, new = old + 1, new + 1
            continue
        old_end = old
        while old_end <= old_count and not partners[old_end]:
            old_end += 1
        new_end = partners[old_end] if old_end <= old_count else new_count + 1
        yield _Change(old, old_end - 1, new, new_end - 1)
        old, new = old_end, new_end


def _changed(change: _Change, old_lines: list[str], new_lines: list[str]) -> list[str]:
    return [
        *old_lines[change.old_first - 1 : change.old_last],
        *new_lines[change.new_first - 1 : change.new_last],
    ]


def _hunk(
    changes: list[_Change], old_lines: list[str], new_lines: list[str], flags: AbstractSet[str], context_lines: int
) -> Iterator[str]:
    first, last = changes[0], changes[-1]
    old_first = max(1, first.old_first - context_lines)
    old_last = min(len(old_lines), last.old_last + context_lines)
    new_first = max(1, first.new_first - context_lines)
    new_last = min(len(new_lines), last.new_last + context_lines)
    yield f"@@ -{_range(old_first, old_last)} +{_range(new_first, new_last)} @@\n"
    at = old_first
    for change in changes:
        yield from _shown(old_lines[at - 1 : change.old_first - 1], " ", flags)
        yield from _shown(old_lines[change.old_first - 1 : change.old_last], "-", flags)
        yield from _shown(new_lines[change.new_first - 1 : change.new_last], "+", flags)
        at = change.old_last + 1
    yield from _shown(old_lines[at - 1 : old_last], " ", flags)


def _range(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{min(first, last)},{last - first + 1 if first < last else 0}"


def _shown(lines: list[str], mark: str, flags: AbstractSet[str]) -> Iterator[str]:
    tab = "\t" if "T" in flags else ""
    for line in lines:
        text, end = (line[:-1], "\n") if line.endswith("\n") else (line, _NO_NEWLINE)
        yield f"{mark}{tab}{text.expandtabs(8) if 't' in flags else text}{end}"
