"""The kubelet does not start."""

from __future__ import annotations

from kubesim.errors import KubesimError


class KubeletStartError(KubesimError):
    """The kubelet process ends at its start. `str(error)` is what its last line says: `failed to run Kubelet: ...`."""
