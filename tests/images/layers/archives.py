"""Layers for tests: written by Python's tarfile, which is no part of kubesim's reader, or by hand."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable

from kubesim.images.blobs.blob import BytesBlob
from kubesim.images.layers.layer import Layer, open_layer
from kubesim.images.layers.limits import DEFAULT_LIMITS, LayerLimits

Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, content: bytes | None = None, **fields: object) -> Entry:
    """A file with content; without content a directory, unless `type` says otherwise."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.mode = 0o755 if content is None else 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    info.size = len(content or b"")
    return info, content or b""


def tar_of(entries: Iterable[Entry], *, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format, errors="surrogateescape") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def blob_of(content: bytes) -> BytesBlob:
    return BytesBlob(f"sha256:{hashlib.sha256(content).hexdigest()}", content)


def layer_of(*entries: Entry, packed: bool = False, limits: LayerLimits = DEFAULT_LIMITS) -> Layer:
    content = tar_of(entries)
    return open_layer(blob_of(gzip.compress(content) if packed else content), limits=limits)


def with_field(tar: bytes, at: int, value: bytes) -> bytes:
    """The tar with a field of its first header changed, and the checksum with it."""
    header = bytearray(tar[:512])
    header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + tar[512:]
