"""Header blocks: names and values, compressed with one zlib stream for each direction of a connection.

Mirrors moby/spdystream: spdy/write.go, writeHeaderValueBlock, and spdy/read.go, parseHeaderValueBlock.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from kubesim.server.spdy.errors import SpdyError

PAIRS_MAX = 1000
BLOCK_BYTES_MAX = 1024 * 1024
"""An unpacked block. The Go reader allows 1 MiB for each field of a thousand; nobody sends more than a few hundred
bytes, and a compressed block may unpack to a thousand times its size."""

_WORDS = """
    options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow
    authorization cache-control connection content-base content-encoding content-language content-length
    content-location content-md5 content-range content-type date etag expect expires from host if-match
    if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma
    proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade
    user-agent vary via warning www-authenticate method get status
""".split()  # noqa: SIM905 - a list of 57 literals would hide that this is the text of the draft
_LAST_WORDS = ["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"]
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)

DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in [*_WORDS, *_LAST_WORDS]) + _TEXT.encode()
"""What both sides begin with. Mirrors the SPDY/3 draft, section 2.6.10.1."""

_COUNT = struct.Struct(">I")


_ZLIB_HEAD = b"\x78\xbb" + _COUNT.pack(zlib.adler32(DICTIONARY))
"""A stream with a window of 32 KiB and a preset dictionary. RFC 1950, section 2.2."""

_STORED_BYTES_MAX = 65_535
_SYNC = b"\0\0\0\xff\xff"


class HeaderPacker:
    """Writes the header blocks of one direction, in the order in which they go on the wire.

    What it writes is a zlib stream that stores and does not compress: a server has no headers to send, and a compressor
    takes 256 KiB of memory for each connection, which is more than all the rest of it.
    """

    __slots__ = ("_is_first",)

    def __init__(self) -> None:
        self._is_first = True

    def pack(self, headers: Iterable[tuple[str, str]] = ()) -> bytes:
        """The block of some names and values."""
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
        plain = _COUNT.pack(len(pairs)) + b"".join(
            _COUNT.pack(len(name)) + name + _COUNT.pack(len(value)) + value for name, value in pairs
        )
        head = _ZLIB_HEAD if self._is_first else b""
        self._is_first = False
        parts = (plain[start : start + _STORED_BYTES_MAX] for start in range(0, len(plain), _STORED_BYTES_MAX))
        stored = b"".join(struct.pack("<BHH", 0, len(part), len(part) ^ 0xFFFF) + part for part in parts)
        return head + stored + _SYNC


class HeaderUnpacker:
    """Reads the header blocks of the other direction. A block that is wrong spoils all that come after it."""

    __slots__ = ("_decompressor",)

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(15, DICTIONARY)

    def unpack(self, block: bytes) -> dict[str, str]:
        """Values by name in lower case; of several values of one name, joined by NUL, the first. Raises SpdyError."""
        try:
            plain = self._decompressor.decompress(block, BLOCK_BYTES_MAX + 1)
        except zlib.error as error:
            raise SpdyError(f"a header block cannot be unpacked: {error}") from None
        if len(plain) > BLOCK_BYTES_MAX or self._decompressor.unconsumed_tail:
            raise SpdyError(f"a header block has more than {BLOCK_BYTES_MAX} bytes")
        if self._decompressor.eof:
            raise SpdyError("a header block ends the compressed stream, which lasts as long as the connection")
        return _read_pairs(plain)


def _read_pairs(plain: bytes) -> dict[str, str]:
    count, position = _read_count(plain, 0)
    if count > PAIRS_MAX:
        raise SpdyError(f"a header block has {count} pairs; at most {PAIRS_MAX} are taken")
    headers: dict[str, str] = {}
    for _ in range(count):
        name, position = _read_text(plain, position)
        value, position = _read_text(plain, position)
        if not name:
            raise SpdyError("a header has no name")
        if name.lower() in headers:
            raise SpdyError(f'the header "{name}" comes twice')
        headers[name.lower()] = value.partition("\0")[0]
    if position != len(plain):
        raise SpdyError(f"a header block has {len(plain) - position} bytes after its last pair")
    return headers


def _read_count(plain: bytes, position: int) -> tuple[int, int]:
    if len(plain) < position + _COUNT.size:
        raise SpdyError("a header block ends in the middle of a length")
    (count,) = _COUNT.unpack_from(plain, position)
    return count, position + _COUNT.size


def _read_text(plain: bytes, position: int) -> tuple[str, int]:
    size, position = _read_count(plain, position)
    if size > len(plain) - position:
        raise SpdyError(f"a header of {size} bytes does not fit into its block")
    return plain[position : position + size].decode(errors="replace"), position + size
