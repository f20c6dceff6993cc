"""Mistakes in /etc/passwd and /etc/group of image fixtures, before a runtime reads over them.

A runtime makes uid 0 of a word and an empty field of a missing one (policy/passwd_files.py). That is emulated; but in
a fixture that somebody wrote by hand it is a typing error that turns a user into root. So the command line refuses
it. `kubesim.Node` and scenarios do not: they may want to see what a runtime makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.fixtures import load_documents_only
from kubesim.images.image import Image

LINE_BYTES_MAX = 65_535
"""What every runtime takes. Mirrors Go: bufio/scan.go, MaxScanTokenSize."""

SHOWN_LENGTH_MAX = 60

FILES = {
    "/etc/passwd": ("name:password:uid:gid:comment:home:shell", (2, 3)),
    "/etc/group": ("name:password:gid:members", (2,)),
}
"""The shape of a line, and which of its fields are numbers."""

_NUMBER = re.compile(r"[0-9]+")


def check_account_files(fixtures: Iterable[Path]) -> None:
    """Raises InputError for the first malformed line in an account file that a document of the fixtures writes; see
    `check_accounts_of`."""
    check_accounts_of(load_documents_only(fixtures))


def check_accounts_of(images: Iterable[Image]) -> None:
    """Raises InputError for the first malformed line in an account file that was written for the images.

    What a real image has is not looked at: it may be odd, and what runtimes make of it is the question. Empty lines,
    comments (#) and NIS lines (+ and -) pass.
    """
    for image in images:
        for path, (shape, numbers) in FILES.items():
            _check(image, path, shape, numbers)


def _check(image: Image, path: str, shape: str, numbers: tuple[int, ...]) -> None:
    found = image.tree.resolve(path)
    if found.node is None or not isinstance(found.node.data, bytes):  # the bytes of an image `from` are elsewhere
        return
    names = shape.split(":")
    for number, line in enumerate(found.node.content.split(b"\n"), start=1):
        mistake = _mistake(line, names, numbers)
        if mistake:
            name = image.references[0] if image.references else image.id
            raise InputError(mistake, where=f"image {name}: {path}:{number}", hint=f"a line is {shape}")


def _mistake(line: bytes, names: list[str], numbers: tuple[int, ...]) -> str:
    if len(line) > LINE_BYTES_MAX:
        return f"the line has {len(line)} bytes, runtimes read {LINE_BYTES_MAX}"
    text = line.decode(errors="replace").strip()
    if not text or text[0] in "#+-":
        return ""
    fields = text.split(":")
    if len(fields) != len(names):
        shown = text if len(text) <= SHOWN_LENGTH_MAX else f"{text[:SHOWN_LENGTH_MAX]}..."
        return f"{shown!r} has {len(fields)} field{'' if len(fields) == 1 else 's'}, not {len(names)}"
    for index in numbers:
        if not _NUMBER.fullmatch(fields[index]):
            return f"the {names[index]} of {fields[0]!r} is {fields[index]!r}, not a number"
    return ""
