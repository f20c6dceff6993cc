"""Changes of the kubelet that no release has: each can be put onto the emulated one by the name of its pull request.

A kubelet is as it was released unless somebody asks for more, so that what a fix changes can be seen side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubesim.errors import InputError

IMAGE_VOLUME_DIGEST = "kubernetes#142120"

FIXES: Mapping[str, str] = {
    IMAGE_VOLUME_DIGEST: "the status of an image volume shows the digest that the runtime reports of the mount, "
    "with the gate ImageVolumeWithDigest; as released, no mount is ever found by the name of its volume",
}
"""What can be asked for, and what it changes."""


def kubelet_fixes(names: Iterable[str]) -> frozenset[str]:
    """The fixes of these names. Raises InputError for one that is not known."""
    found = frozenset(names)
    for name in sorted(found - FIXES.keys()):
        raise InputError(f"unknown fix {name!r} of the kubelet", hint=f"known: {', '.join(FIXES)}")
    return found
