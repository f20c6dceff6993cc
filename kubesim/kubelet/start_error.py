"""The kubelet does not start."""

from __future__ import annotations

from kubesim.errors import KubesimError


class KubeletStartError(KubesimError):
    """The kubelet process ends at its start. `str(error)` is what its last line says, and the error that it gives.

    For most errors that is `failed to run Kubelet: ...`.
    """
