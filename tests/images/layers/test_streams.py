"""A compressed blob can be read at any place, without unpacking what lies behind it."""

import gzip
import random  # noqa: TID251 - seeded: the same bytes in every run
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.images.blobs.blob import Blob
from kubesim.images.layers import streams
from kubesim.images.layers.limits import LayerError
from kubesim.images.layers.streams import ByteStream, open_stream

from .archives import blob_of

zstd = pytest.importorskip("backports.zstd", reason="the library for zstd is an extra")

drawn = random.Random(1)
CONTENT = b"".join(drawn.randbytes(drawn.randrange(2000)) * drawn.randrange(1, 4) for _ in range(3000))


class Watched:
    """A blob that notes how far it was read."""

    def __init__(self, blob: Blob) -> None:
        self.digest, self.size_bytes = blob.digest, blob.size_bytes
        self._blob = blob
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, min(offset + size, self.size_bytes)))
        return self._blob.read_at(offset, size)


def scanned(blob: Blob) -> tuple[ByteStream, bytes, bytes]:
    raw: list[bytes] = []
    stream = open_stream(blob)
    return stream, b"".join(stream.scan(raw.append)), b"".join(raw)


def frames(content: bytes, size: int) -> bytes:
    return b"".join(zstd.compress(content[at : at + size]) for at in range(0, len(content), size))


def members(content: bytes, size: int) -> bytes:
    return b"".join(gzip.compress(content[at : at + size], mtime=0) for at in range(0, len(content), size))


PACKED = {
    "plain": CONTENT,
    "gzip": gzip.compress(CONTENT, 6, mtime=0),
    "gzip of several members": members(CONTENT, 700_001),
    "gzip with padding": gzip.compress(CONTENT, 1, mtime=0) + bytes(10_000),
    "zstd": zstd.compress(CONTENT),
    "zstd of several frames": frames(CONTENT, 300_007),
    "zstd with skippable frames": b"\x50\x2a\x4d\x18\5\0\0\0hello"
    + frames(CONTENT, 999_999)
    + b"\x5f\x2a\x4d\x18\0\0\0\0",
}


@pytest.mark.parametrize("form", PACKED)
def test_a_scan_gives_all_bytes_and_shows_those_of_the_blob(form: str) -> None:
    stream, unpacked, raw = scanned(blob_of(PACKED[form]))

    assert unpacked == CONTENT
    assert stream.size_bytes == len(CONTENT)
    assert raw == PACKED[form]


@pytest.mark.parametrize("form", PACKED)
def test_any_place_is_read_in_any_order(form: str) -> None:
    stream, _, _ = scanned(blob_of(PACKED[form]))
    places = [(drawn.randrange(len(CONTENT)), drawn.randrange(1, 70_000)) for _ in range(60)]

    for offset, size in [*places, *sorted(places), (0, len(CONTENT)), (len(CONTENT) - 1, 5), (len(CONTENT), 5), (7, 0)]:
        assert stream.read_at(offset, size) == CONTENT[offset : offset + size]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 3_000)), max_size=12), st.sampled_from(sorted(PACKED)))
def test_small_streams_too(places: list[tuple[int, int]], form: str) -> None:
    content = CONTENT[:4_000]
    packed = {"gzip": gzip.compress(content), "zstd": frames(content, 999)}.get(form.split(maxsplit=1)[0], content)
    stream, _, _ = scanned(blob_of(packed))

    for offset, size in places:
        assert stream.read_at(offset, size) == content[offset : offset + size]


@pytest.mark.parametrize("form", ["gzip", "gzip of several members", "zstd of several frames"])
def test_nothing_behind_a_place_is_unpacked_and_little_before_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RAW_BYTES", 4_096)
    monkeypatch.setattr(streams, "SPAN_BYTES", 100_000)
    blob = Watched(blob_of(PACKED[form]))
    stream, _, _ = scanned(blob)
    blob.reads.clear()
    share = len(PACKED[form]) / len(CONTENT)

    stream.read_at(len(CONTENT) // 2, 1_000)

    first, last = min(begin for begin, _ in blob.reads), max(end for _, end in blob.reads)
    assert last < len(PACKED[form]) // 2 + 300_007 * share + 64_000
    assert first > len(PACKED[form]) // 2 - 450_000 * share - 64_000


def test_whoever_reads_in_pieces_goes_on_where_the_last_piece_ended() -> None:
    blob = Watched(blob_of(PACKED["gzip"]))
    stream, _, _ = scanned(blob)
    blob.reads.clear()

    for offset in range(0, len(CONTENT), 10_000):
        stream.read_at(offset, 10_000)

    read_bytes = sum(end - begin for begin, end in blob.reads)
    assert read_bytes < 1.1 * len(PACKED["gzip"])


def test_marks_stay_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MARKS_MAX", 8)
    monkeypatch.setattr(streams, "SPAN_BYTES", 10_000)
    stream, _, _ = scanned(blob_of(PACKED["gzip"]))

    assert isinstance(stream, streams.PackedStream)
    assert len(stream._marks) <= 8
    assert stream.read_at(3_000_000, 50) == CONTENT[3_000_000:3_000_050]


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (PACKED["gzip"][:-9], "the gzip stream is truncated"),
        (PACKED["gzip"][:100], "the gzip stream is truncated"),
        (PACKED["gzip"][:5_000] + b"\0\1\2\3" + PACKED["gzip"][5_004:], "the gzip stream is damaged"),
        (PACKED["gzip"][:-8] + b"12345678", "the gzip stream is damaged"),
        (PACKED["gzip"] + b"trailing", "what follows the gzip stream"),
        (PACKED["zstd"][:-9], "the zstd stream is truncated"),
        (PACKED["zstd"][:4] + b"\xff\xff\xff" + PACKED["zstd"][7:], "the zstd stream is damaged"),
        (b"BZh91AY&SY", "it is compressed with bzip2"),
        (b"\xfd7zXZ\0\0", "it is compressed with xz"),
    ],
)
def test_a_broken_stream_is_refused(packed: bytes, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        scanned(blob_of(packed))


def test_a_bomb_comes_in_small_pieces() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = bomb.compress(bytes(50_000_000)) + bomb.flush()

    stream = open_stream(blob_of(packed))

    assert max(map(len, stream.scan(lambda _: None))) <= 1 << 20
