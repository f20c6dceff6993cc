"""tr: characters replaced, deleted, squeezed. Mirrors busybox: coreutils/tr.c."""

from __future__ import annotations

import re
import string

from kubesim.userland.applets.text_stream import byte_text
from kubesim.userland.escapes import decode_escape
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.options import UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_ALL = "".join(map(chr, range(256)))
_CLASSES = {
    "alpha": string.ascii_uppercase + string.ascii_lowercase,
    "alnum": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "digit": string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "space": "\t\n\v\f\r ",
    "blank": "\t ",
    "punct": "".join(sorted(string.punctuation)),
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "xdigit": string.digits + "ABCDEFabcdef",
}
_CLASS = re.compile(r"\[:([a-z]+):\]")


async def run(process: Process) -> int:
    """Copy standard input, changed."""
    options = parse_options(process.argv, "Ccds", is_ordered=True)
    operands = [byte_text(word) for word in options.operands]
    if not operands:
        raise UsageError
    old = expand_set(operands[0])
    if options.flags & {"c", "C"}:
        old = "".join(char for char in _ALL if char not in set(old))
    if operands[1:2] == [""]:
        await process.complain("STRING2 cannot be empty")
        return 1
    new = expand_set(operands[1]) if len(operands) > 1 else None
    table = bytes(range(256)) if new is None else _table(old, new)
    deleted = old.encode("latin-1") if "d" in options else b""
    squeeze = None
    if "s" in options:
        squeezed = re.escape((old if new is None else new).encode("latin-1"))
        squeeze = re.compile(b"([" + squeezed + b"])\\1+", re.DOTALL) if squeezed else None
    last = b""
    while True:
        try:
            data = await process.read(0)
        except FsError as error:
            await process.complain(f"read error: {error.strerror}")
            return 1
        if not data:
            return 0
        data = data.translate(table, deleted)
        if squeeze is not None and data:
            # What the part before ended with counts, and is taken off again.
            data = squeeze.sub(rb"\1", last + data)[len(last) :]
            last = data[-1:] or last
        await process.write(1, data)
        await process.step()


def _table(old: str, new: str) -> bytes:
    """What each byte becomes; the last of `new` stands for those that lack. An empty one, `z-a`, changes nothing."""
    table = list(range(256))
    if not new:
        return bytes(table)
    for position, char in enumerate(old):
        table[ord(char)] = ord(new[min(position, len(new) - 1)])
    return bytes(table)


def expand_set(text: str) -> str:
    """The characters of a set: ranges, escapes, classes and `[=x=]`. Raises UsageError.

    >>> expand_set("a-e[:digit:]")
    'abcde0123456789'
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        char, at_next = decode_escape(text, at) if text[at] == "\\" else (text[at], at + 1)
        if text[at_next : at_next + 1] == "-" and at_next + 1 < len(text):
            high, at = _range_end(text, at_next + 1)
            found += map(chr, range(ord(char), ord(high) + 1))
            continue
        if char == "[":
            name = _CLASS.match("[" + text[at_next:])
            if name is not None and name[1] in _CLASSES:
                found += _CLASSES[name[1]]
                at = at_next + name.end() - 1
                continue
            if text.startswith("=", at_next):
                if text[at_next + 2 : at_next + 4] != "=]":
                    raise UsageError
                found.append(text[at_next + 1])
                at = at_next + 4
                continue
        found.append(char)
        at = at_next
    return "".join(found)


def _range_end(text: str, at: int) -> tuple[str, int]:
    return decode_escape(text, at) if text[at] == "\\" else (text[at], at + 1)
