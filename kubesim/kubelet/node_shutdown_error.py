"""Why graceful node shutdown is not available."""

from __future__ import annotations

from kubesim.errors import KubesimError


class ShutdownUnavailable(KubesimError):
    """The host does not do what a graceful shutdown needs. `str(error)` is the kubelet's own text."""
