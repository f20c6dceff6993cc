"""Opening a document of the host without waiting for what may never come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def open_document(path: Path) -> BinaryIO:
    """A file, or a pipe that somebody writes to; a pipe without a writer is empty. Raises OSError."""
    return open(path, "rb", opener=_open_at_once)


def _open_at_once(path: str, flags: int) -> int:
    """Open as told, but a named pipe also before it has a writer: that open would never end."""
    fd = os.open(path, flags | os.O_NONBLOCK)
    # What the writer of a pipe has not written yet is waited for, as with `<(command)` of a shell.
    os.set_blocking(fd, True)
    return fd
