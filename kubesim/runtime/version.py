"""Version: which runtime this is, and in which version. The profile alone knows.

Mirrors containerd: internal/cri/server/version.go; CRI-O: server/version.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.policy.runtime_profile import RuntimeProfile

_KUBELET_API_VERSION = "0.1.0"


def version_response(profile: RuntimeProfile) -> api.VersionResponse:
    """The answer of Version; what the request says of its own version is ignored."""
    return api.VersionResponse(
        version=_KUBELET_API_VERSION,
        runtime_name=profile.runtime_name,
        runtime_version=profile.runtime_version,
        runtime_api_version="v1",
    )
