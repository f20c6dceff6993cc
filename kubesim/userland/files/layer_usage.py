"""What a writable layer takes on the disk, and the most that a file in it may take."""

from __future__ import annotations

from msgspec import Struct

BLOCK_BYTES = 4096
"""A file takes whole blocks of the disk."""

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Largest file in memory: a limit of ours, so that `cat /dev/zero > file` ends (with ENOSPC)."""


class LayerUsage(Struct, frozen=True, gc=False):
    """What a layer takes on the disk."""

    used_bytes: int
    inodes_count: int
