"""Layouts and archives for tests, written by Python's own modules and by hand: nothing here is kubesim's."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def json_of(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def tar_of(files: Mapping[str, bytes | None] | Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Files by name, None for a directory; or whole entries."""
    entries = (
        [(_info(name, content), content or b"") for name, content in files.items()]
        if isinstance(files, Mapping)
        else list(files)
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _info(name: str, content: bytes | None) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.mode = 0o755
    info.size = len(content or b"")
    return info


def link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    info.linkname = target
    return info, b""


def named(content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


class Parts:
    """The bytes of one image."""

    def __init__(self, *layers: bytes, packed: bool = True, run: Any = None, **config: Any) -> None:
        self.layers = [gzip.compress(layer, mtime=0) if packed else layer for layer in layers]
        self.config = json_of(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": run if run is not None else {"User": "app", "Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
                **config,
            }
        )
        media_type = LAYER + "+gzip" if packed else LAYER
        self.manifest = json_of(
            {
                "schemaVersion": 2,
                "config": named(self.config, CONFIG),
                "layers": [named(layer, media_type) for layer in self.layers],
            }
        )

    @property
    def blobs(self) -> list[bytes]:
        return [self.manifest, self.config, *self.layers]

    def entry(self, **annotations: str) -> dict[str, Any]:
        """The descriptor of the manifest, with annotations by short names."""
        keys = {"ref": REF_NAME, "name": CONTAINERD_NAME}
        found = {keys[key]: value for key, value in annotations.items()}
        return named(self.manifest, MANIFEST, **({"annotations": found} if found else {}))


def busybox(**options: Any) -> Parts:
    """A small image."""
    lower = tar_of({"bin": None, "bin/busybox": b"\x7fELF...", "etc/passwd": b"app:x:7:8::/:\n"})
    return Parts(lower, tar_of({"etc/motd": b"hello\n"}), **options)


def layout_files(entries: Iterable[Any], blobs: Iterable[bytes]) -> dict[str, bytes]:
    """The files of a layout by name."""
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json_of({"schemaVersion": 2, "manifests": list(entries)}),
        **{f"blobs/sha256/{digest_of(blob)[7:]}": blob for blob in blobs},
    }


def saved_files(*images: tuple[Parts, list[str] | None]) -> dict[str, bytes]:
    """The files that `docker save` writes, by name."""
    files: dict[str, bytes] = {}
    entries = []
    for parts, tags in images:
        names = [f"{digest_of(layer)[7:]}/layer.tar" for layer in parts.layers]
        config = f"{digest_of(parts.config)[7:]}.json"
        files |= dict(zip(names, parts.layers, strict=True)) | {config: parts.config}
        entries.append({"Config": config, "RepoTags": tags, "Layers": names})
    return {**files, "manifest.json": json_of(entries)}


def write_directory(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return path


def write_tar(path: Path, files: Mapping[str, bytes] | Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    path.write_bytes(tar_of(files))
    return path
