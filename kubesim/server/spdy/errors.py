"""What can be wrong with the bytes of a peer."""

from __future__ import annotations

from kubesim.errors import KubesimError


class SpdyError(KubesimError):
    """The bytes are no SPDY/3.1. Nothing that comes after them can be understood, so the connection is over."""
