"""Sparse files: which parts of a file a tar holds. What lies between them is zeros.

All four forms are read: the headers of old GNU tars, and the pax records of versions 0.0, 0.1 and 1.0. Formats:
GNU tar: "Storing Sparse Files"; Go: archive/tar/reader.go, handleSparseFile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kubesim.images.layers.limits import LayerError, LayerLimits
from kubesim.images.layers.tar_headers import Records, decimal

_OCTAL = re.compile(rb"[0-7]{1,12}")
_MAP_BYTES_MAX = 4 * 1024 * 1024


class Extent(NamedTuple):
    """A part of a file: where it lies in the file, and how many bytes of the archive it is."""

    offset: int
    size_bytes: int


class SparseMap(NamedTuple):
    """A sparse file."""

    size_bytes: int
    """Length of the file, zeros included."""
    extents: tuple[Extent, ...]
    head_bytes: int = 0
    """Bytes of the member's content that were the map itself and are not the file's."""
    name: str = ""
    """The file's own name, where the header has another."""


TakeBlock = Callable[[], bytes]
"""Gives the next block of the archive. Raises LayerError at its end."""


def old_gnu_map(header: bytes, take_block: TakeBlock, limits: LayerLimits) -> SparseMap:
    """The map of a member of kind `S`: in its header, and in as many blocks behind it as say that there are more."""
    numbers: list[int] = []
    table, is_extended = header[386:482], header[482]
    while True:
        numbers += _octal_numbers(table)
        if not is_extended:
            break
        if len(numbers) > 2 * limits.extents_max:
            raise LayerError(f"a sparse file of more than {limits.extents_max} parts")
        block = take_block()
        table, is_extended = block[:504], block[504]
    return _checked(_octal(header[483:495]), numbers, limits)


def _octal_numbers(table: bytes) -> list[int]:
    numbers: list[int] = []
    for at in range(0, len(table) - 23, 24):
        if not table[at]:
            break
        numbers += _octal(table[at : at + 12]), _octal(table[at + 12 : at + 24])
    return numbers


def _octal(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & (1 << 95) - 1
    digits = field.strip(b" \0")
    if not _OCTAL.fullmatch(digits):
        raise LayerError("a sparse file whose map holds something that is no octal number")
    return int(digits, 8)


def is_sparse(records: Records) -> bool:
    """Whether the records of a pax header describe a sparse file."""
    return any(name.startswith("GNU.sparse.") for name, _ in records)


def pax_map(records: Records, take_block: TakeBlock, limits: LayerLimits) -> SparseMap:
    """The map in the records of a pax header, or where those of version 1.0 say that it lies: before the content."""
    last = dict(records)
    name = last.get("GNU.sparse.name", "")
    size = last.get("GNU.sparse.realsize", last.get("GNU.sparse.size"))
    if size is None:
        raise LayerError("a sparse file without its size")
    size_bytes = decimal(size, "GNU.sparse.size")
    if "GNU.sparse.major" in last:
        version = (last["GNU.sparse.major"], last.get("GNU.sparse.minor", ""))
        if version != ("1", "0"):
            raise LayerError(f"a sparse file of the unknown version {'.'.join(version)}")
        numbers, head_bytes = _map_in_content(take_block, limits)
        return _checked(size_bytes, numbers, limits)._replace(head_bytes=head_bytes, name=name)
    if "GNU.sparse.map" in last:
        parts = [part for part in last["GNU.sparse.map"].split(",") if part]
    else:
        parts = [value for key, value in records if key in ("GNU.sparse.offset", "GNU.sparse.numbytes")]
    return _checked(size_bytes, [decimal(part, "GNU.sparse.map") for part in parts], limits)._replace(name=name)


def _map_in_content(take_block: TakeBlock, limits: LayerLimits) -> tuple[list[int], int]:
    """Decimal numbers, a line each: how many parts, then offset and size of each; filled up to whole blocks."""
    content = bytearray()
    wanted: int | None = None
    while True:
        content += take_block()
        lines = content.split(b"\n")
        if wanted is None and len(lines) > 1:
            wanted = 1 + 2 * _line(lines[0])
            if wanted > 1 + 2 * limits.extents_max:
                raise LayerError(f"a sparse file of more than {limits.extents_max} parts")
        if wanted is not None and len(lines) > wanted:
            return [_line(line) for line in lines[1:wanted]], len(content)
        if len(content) > _MAP_BYTES_MAX:
            raise LayerError("a sparse file whose map does not end")


def _line(line: bytes | bytearray) -> int:
    return decimal(line.decode("ascii", "replace"), "sparse map")


def _checked(size_bytes: int, numbers: Sequence[int], limits: LayerLimits) -> SparseMap:
    if len(numbers) % 2:
        raise LayerError("a sparse file whose map has half a part")
    extents = tuple(Extent(offset, size) for offset, size in zip(numbers[::2], numbers[1::2], strict=True))
    if len(extents) > limits.extents_max:
        raise LayerError(f"a sparse file of more than {limits.extents_max} parts")
    end = 0
    for extent in extents:
        if extent.offset < end:
            raise LayerError("a sparse file whose parts overlap or are out of order")
        end = extent.offset + extent.size_bytes
    if end > size_bytes:
        raise LayerError("a sparse file with a part beyond its end")
    return SparseMap(size_bytes, tuple(extent for extent in extents if extent.size_bytes))
