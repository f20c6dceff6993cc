"""What CreateContainer finds out about the mounts of a request, for the file system and for the status."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubesim.cri import api
from kubesim.images.image import Image
from kubesim.userland.files.filesystem import MountSpec


@dataclass(slots=True, kw_only=True)
class PlannedMounts:
    """What is mounted, in the order of the request, and what the status says of it."""

    specs: list[MountSpec] = field(default_factory=list)
    shown: list[api.Mount] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    """Images and artifacts that are mounted."""
