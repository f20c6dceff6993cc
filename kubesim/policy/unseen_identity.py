"""What of an identity nobody could have read in the manifest: a policy engine sees the pod, and not the image.

KEP-3619 names the problem: groups of the image give access that no admission plugin can know of.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.identity_values import Identity
from kubesim.policy.pod_security import ContainerSecurity, PodSecurity, effective_security


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenIdentity:
    """What the manifest does not say."""

    uid: bool
    """No runAsUser decides: the uid is the image's, or 0."""
    gid: bool
    """No runAsGroup decides: the gid is that of the image's /etc/passwd, of USER, or 0."""
    groups: tuple[int, ...]
    """Groups of the list that no fsGroup, supplementalGroups or runAsGroup of pod or container names."""


def unseen_identity(pod: PodSecurity, container: ContainerSecurity, identity: Identity) -> UnseenIdentity:
    """What of `identity` the manifest of the pod does not say."""
    effective = effective_security(pod, container)
    # A runAsGroup of the pod that the container's own one replaces is written there all the same.
    named = {pod.fs_group, *pod.supplemental_groups, pod.run_as_group, container.run_as_group}
    return UnseenIdentity(
        uid=effective.run_as_user is None,
        gid=effective.run_as_group is None,
        groups=tuple(gid for gid in identity.supplemental_groups if gid not in named),
    )
