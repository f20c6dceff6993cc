"""Tells files with images from image documents, without loading what reads them."""

from __future__ import annotations

from pathlib import Path

from kubesim.errors import InputError

_MAGICS = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"\x04\x22\x4d\x18")
"""How compressed files begin: those that can be read, and those that are refused by the name of their compression."""


def is_image_source(path: Path) -> bool:
    """Whether a path is an OCI layout or an archive, by what it holds or how it begins. Raises InputError."""
    if path.is_dir():
        # Without its mark it is a layout all the same, and is refused as one; an index.json alone may be a document.
        return (path / "oci-layout").exists() or ((path / "index.json").exists() and (path / "blobs").is_dir())
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(262)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    return beginning[257:262] == b"ustar" or beginning.startswith(_MAGICS)
