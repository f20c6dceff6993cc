"""The image that a document begins with: `from: ./busybox.tar:1.36`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from kubesim.errors import InputError
from kubesim.images.archives.layout import INDEX_FILE
from kubesim.images.archives.sources import ImageSource, open_source, split_source
from kubesim.images.blobs.blob import BlobSource
from kubesim.images.documents import parse_config, parse_manifest
from kubesim.images.image import BaseImage
from kubesim.images.loading import OpenedLayers
from kubesim.images.oci import ImageConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBase:
    """A base, and where its bytes are."""

    base: BaseImage
    blobs: BlobSource


def find_base(text: str, *, directory: Path, where: str) -> FoundBase:
    """The base that a document names; `directory` is where relative paths start, `where` its place for messages.

    Raises InputError for a path that is not there, a name that is not in it, an artifact, and what is wrong with the
    image itself.
    """
    split = split_source(text, directory)
    if split is None:
        hint = "expected PATH or PATH:REF of an OCI layout, an archive, or what docker save wrote"
        raise InputError(f"no such file {text!r}", where=where, hint=hint)
    path, name = split
    source, opened = _opened(path, _identity(path))
    image = source.load(source.choose(name, where=where), opened=opened)
    if image.artifact is not None:
        raise InputError(f"{text!r} is an artifact, which has no files", where=where, hint="name a container image")
    manifest = parse_manifest(image.manifest_json, where=str(path))
    config = parse_config(image.config_json, where=str(path))
    layers: list[dict[str, Any]] = [
        {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}
        | ({"annotations": to_builtins(layer.annotations)} if layer.annotations else {})
        for layer in manifest.layers
    ]
    base = BaseImage(image=image, layers=tuple(layers), architecture=config.architecture, os=config.os)
    return FoundBase(base=base, blobs=source.blobs)


@lru_cache(maxsize=4)
def _opened(path: Path, _identity: tuple[int, ...]) -> tuple[ImageSource, OpenedLayers]:
    """The images of a file and their layers, once: several documents may begin with it, and are loaded to be checked
    before they are loaded to be run."""
    return open_source(path), {}


def _identity(path: Path) -> tuple[int, ...]:
    """What a file is not the same without: a layout has no image under another index."""
    place = path / INDEX_FILE if path.is_dir() else path
    try:
        found = place.stat()
    except OSError:
        return ()  # whoever opens it says what is wrong
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def over_base(own: ImageConfig, base: ImageConfig) -> ImageConfig:
    """What a document says of the configuration, over that of its base.

    As in a Dockerfile: variables, labels and ports add up, and an entrypoint without a cmd takes the base's cmd away.
    """
    inherited_cmd = () if own.entrypoint else base.cmd
    return ImageConfig(
        user=own.user or base.user,
        exposed_ports=tuple(dict.fromkeys((*base.exposed_ports, *own.exposed_ports))),
        env=tuple({**dict(base.env), **dict(own.env)}.items()),
        entrypoint=own.entrypoint or base.entrypoint,
        cmd=own.cmd or inherited_cmd,
        working_dir=own.working_dir or base.working_dir,
        stop_signal=own.stop_signal or base.stop_signal,
        labels=tuple({**dict(base.labels), **dict(own.labels)}.items()),
    )
