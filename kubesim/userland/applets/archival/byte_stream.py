"""Bytes of an archive as they come and go, packed or not."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Protocol

from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.descriptors import READ_BYTES
from kubesim.userland.processes.process_life import Process

STEP_BYTES = 32 * 1024
"""What is written at once as a step of its own."""

_GZIP_BITS = 31
"""zlib's word for a window of 32 KiB in a gzip envelope."""


class PackedError(Exception):
    """The packed data is broken."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


MAGICS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
"""How packed data begins."""


def packing_of(data: bytes | bytearray) -> str:
    """What data is packed with by its first bytes; "" for anything else."""
    return next((name for magic, name in MAGICS.items() if data.startswith(magic)), "")


def _unpacker(packing: str) -> _Unpacker:
    if packing == "gzip":
        return zlib.decompressobj(_GZIP_BITS)
    return bz2.BZ2Decompressor() if packing == "bzip2" else lzma.LZMADecompressor()


class ByteReader:
    """Reads exact numbers of bytes. Members of packed data that follow each other are one stream."""

    def __init__(self, process: Process, file: OpenFile, *, packing: str = "") -> None:
        self._process = process
        self._file = file
        self._packing = packing
        self._unpacker: _Unpacker | None = None
        self._pending = bytearray()
        self._is_at_end = False

    async def read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end. Raises FsError and PackedError."""
        while len(self._pending) < size and not self._is_at_end:
            await self._fill()
        data = bytes(self._pending[:size])
        del self._pending[:size]
        return data

    async def detect(self) -> str:
        """Look at the first bytes, and unpack from now on when they say so; what it is packed with."""
        while len(self._pending) < 6 and not self._is_at_end:
            await self._fill()
        packing = packing_of(self._pending)
        if packing:
            data, self._pending = bytes(self._pending), bytearray()
            self._packing = packing
            self._pending += self._unpacked(data)
        return packing

    async def _fill(self) -> None:
        data = await self._process.read_from(self._file, READ_BYTES)
        await self._process.step()
        if not data:
            self._is_at_end = True
            if self._unpacker is not None and not self._unpacker.eof:
                raise PackedError("unexpected end of file")
        self._pending += self._unpacked(data) if self._packing else data

    def _unpacked(self, data: bytes) -> bytes:
        out = b""
        while data:
            if self._unpacker is None or self._unpacker.eof:
                if self._unpacker is None and packing_of(data) != self._packing and self._packing != "lzma":
                    raise PackedError("invalid magic")
                if self._unpacker is not None and not data.strip(b"\0"):
                    return out  # what pads the end
                self._unpacker = _unpacker(self._packing)
            try:
                out += self._unpacker.decompress(data)
            except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
                raise PackedError("corrupted data") from error
            data = self._unpacker.unused_data if self._unpacker.eof else b""
        return out


class ByteWriter:
    """Writes bytes, packed when asked to."""

    def __init__(self, process: Process, file: OpenFile, *, packing: str = "") -> None:
        self._process = process
        self._file = file
        self._packer: _Packer | None = None
        if packing == "gzip":
            self._packer = zlib.compressobj(wbits=_GZIP_BITS)
        elif packing == "bzip2":
            self._packer = bz2.BZ2Compressor()

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises FsError."""
        await self._pass_on(data if self._packer is None else self._packer.compress(data))

    async def finish(self) -> None:
        """Write what the packer has kept back."""
        if self._packer is not None:
            await self._pass_on(self._packer.flush())

    async def _pass_on(self, data: bytes) -> None:
        rest = self._file.write_now(data) if data else None
        while rest is not None:
            await self._file.wait_writable()
            rest = self._file.write_now(rest)
        if len(data) >= STEP_BYTES:  # a header or a small file is part of the step of its member
            await self._process.step()
