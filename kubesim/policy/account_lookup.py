"""One line of a passwd or group file, found without parsing the others.

A text search for what a line must contain finds the few lines that may match, and only those are parsed, by the rules
of `passwd_files`. What was found is kept, so the next container of the same image finds it at once.

A number can be written in many ways (`7`, `+07`), but each of them contains its decimal digits. What has other
spellings, which is 0 for every text that is no number and the two ends of the range for every overflow, is looked for
in all lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from kubesim.policy.passwd_files import (
    INT64_MAX,
    INT64_MIN,
    GroupEntry,
    PasswdEntry,
    fields_of,
    group_entry,
    is_comment,
    number_of,
    passwd_entry,
)

FOUND_KEPT_MAX = 256
"""Answers kept of one file and kind of question; with more users of one image than that, all are found anew."""

_SPELLED_IN_MANY_WAYS = (0, INT64_MAX, INT64_MIN)
_Asked = TypeVar("_Asked", int, str)
_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")
_Row = tuple[int, list[str]]
"""Where a line starts, and its fields."""


class PasswdFile:
    """The readable part of a passwd file, and what was found in it."""

    __slots__ = ("_data", "_found")

    def __init__(self, readable: bytes) -> None:
        self._data = readable
        self._found: dict[int | str, tuple[PasswdEntry, ...]] = {}

    def with_uid(self, uid: int) -> PasswdEntry | None:
        """The first line with a uid, a 64-bit number; None when there is none."""
        return self._first(uid, _with_number)

    def named(self, name: str) -> PasswdEntry | None:
        """The first line with a name; None when there is none."""
        return self._first(name, _with_name)

    def _first(self, asked: _Asked, search: Callable[[bytes, _Asked], Iterator[_Row]]) -> PasswdEntry | None:
        found = self._found.get(asked)
        if found is None:
            found = ()
            for start, fields in search(self._data, asked):
                found = (passwd_entry(fields, line=_line_number(self._data, start)),)
                break
            _keep(self._found, asked, found)
        return found[0] if found else None


class GroupFile:
    """The readable part of a group file, and what was found in it."""

    __slots__ = ("_data", "_found", "_lists")

    def __init__(self, readable: bytes) -> None:
        self._data = readable
        self._found: dict[int | str, tuple[GroupEntry, ...]] = {}
        self._lists: dict[str, tuple[GroupEntry, ...]] = {}

    def with_gid(self, gid: int) -> GroupEntry | None:
        """The first line with a gid, a 64-bit number; None when there is none."""
        return self._first(gid, _with_number)

    def named(self, name: str) -> GroupEntry | None:
        """The first line with a name; None when there is none."""
        return self._first(name, _with_name)

    def listing(self, member: str) -> tuple[GroupEntry, ...]:
        """All lines that list a member, in file order."""
        found = self._lists.get(member)
        if found is None:
            entries, line, counted = [], 1, 0
            for start, fields in _with_member(self._data, member):
                line, counted = line + self._data.count(b"\n", counted, start), start
                entries.append(group_entry(fields, line=line))
            found = tuple(entries)
            _keep(self._lists, member, found)
        return found

    def _first(self, asked: _Asked, search: Callable[[bytes, _Asked], Iterator[_Row]]) -> GroupEntry | None:
        found = self._found.get(asked)
        if found is None:
            found = ()
            for start, fields in search(self._data, asked):
                if not is_comment(fields):
                    found = (group_entry(fields, line=_line_number(self._data, start)),)
                    break
            _keep(self._found, asked, found)
        return found[0] if found else None


def _line_number(data: bytes, start: int) -> int:
    return data.count(b"\n", 0, start) + 1


def _keep(answers: dict[_Key, _Answer], asked: _Key, answer: _Answer) -> None:
    if len(answers) >= FOUND_KEPT_MAX:
        answers.clear()
    answers[asked] = answer


def _with_number(data: bytes, number: int) -> Iterator[_Row]:
    """The lines whose third field is a number."""
    needle = b"" if number in _SPELLED_IN_MANY_WAYS else str(abs(number)).encode()
    for start, raw in _lines_with(data, needle):
        quick = raw.split(b":", 3)
        if len(quick) > 3:
            # The field is whole, whatever spaces surround the line. Most are plain numbers: compared as text.
            field = quick[2]
            if field != needle and field.isdigit() and len(field) < 19 and field[0] != 0x30:
                continue
        fields = fields_of(raw)
        if fields and (number_of(fields[2]) if len(fields) > 2 else 0) == number:
            yield start, fields


def _with_name(data: bytes, name: str) -> Iterator[_Row]:
    """The lines whose first field is a name."""
    for start, raw in _lines_with(data, _encoded(name)):
        fields = fields_of(raw)
        if fields and fields[0] == name:
            yield start, fields


def _with_member(data: bytes, member: str) -> Iterator[_Row]:
    """The lines whose fourth field lists a name."""
    needle = _encoded(member)
    for start, raw in _lines_with(data, needle):
        quick = raw.split(b":")
        if len(quick) < 4 or (raw[-1:].isalnum() and needle not in quick[3].split(b",")):
            continue  # an end like that is not trimmed
        fields = fields_of(raw)
        if len(fields) > 3 and fields[3] and member in fields[3].split(",") and not is_comment(fields):
            yield start, fields


def _lines_with(data: bytes, needle: bytes | None) -> Iterator[tuple[int, bytes]]:
    """Where each line starts that contains a text, and the line. None is a text that no line contains."""
    if needle:
        hit = data.find(needle)
        while hit >= 0:
            start = data.rfind(b"\n", 0, hit) + 1
            end = data.find(b"\n", hit)
            if end < 0:
                end = len(data)
            yield start, data[start:end]
            hit = data.find(needle, end + 1)
    elif needle is not None:
        start = 0
        for raw in data.split(b"\n"):
            yield start, raw
            start += len(raw) + 1


def _encoded(name: str) -> bytes | None:
    """A name as the files have it; None when no line can have it."""
    try:
        encoded = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
    return None if b"\n" in encoded else encoded
