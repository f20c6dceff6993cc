"""What holds for every answer of `kubesim.resolve_identity`, whatever the account files and the request.

For tests of one's own rules against many images: each function raises ExpectationFailed with both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.errors import ExpectationFailed
from kubesim.policy.identity import Identity


def check_identity(identity: Identity) -> None:
    """The primary gid is one of the groups, each group once, each 32 bits wide, and the trace has a reason for each.

    A containerd that is asked without any user leaves the primary gid out under Strict (`strict-without-user` among the
    deviations of its profile). A kubelet always names a user, so no pod meets that.
    """
    groups = identity.supplemental_groups
    if identity.gid not in groups:
        raise ExpectationFailed(f"the primary gid {identity.gid} is not in the groups {list(groups)}")
    if len(set(groups)) != len(groups):
        raise ExpectationFailed(f"a group is more than once in {list(groups)}")
    for what, number in (("uid", identity.uid), *(("gid", gid) for gid in (identity.gid, *groups))):
        if not 0 <= number <= 0xFFFF_FFFF:
            raise ExpectationFailed(f"{what} {number} is none: ids have 32 bits")
    for gid in groups:
        if not any(step.outcome == "added" for step in identity.why(gid)):
            raise ExpectationFailed(f"the trace has no reason for group {gid}")


def strict_has_only(identity: Identity, *, requested: Sequence[int]) -> None:
    """An answer under Strict has the primary gid and the requested groups, and no other.

    `requested` are the supplemental_groups of the request; ids wrap to 32 bits, as runtimes make them.
    """
    named = {number & 0xFFFF_FFFF for number in requested} | {identity.gid}
    added = [gid for gid in identity.supplemental_groups if gid not in named]
    if added:
        raise ExpectationFailed(f"Strict, but groups {added} are not among {sorted(named)}")


def strict_only_removes(strict: Identity, *, merge: Identity) -> None:
    """Of two answers to one request, that under Strict is the same user and gid, and no group more."""
    if (strict.uid, strict.gid) != (merge.uid, merge.gid):
        raise ExpectationFailed(
            f"Strict is {strict.uid}:{strict.gid}, Merge is {merge.uid}:{merge.gid}: a policy is about groups only"
        )
    added = [gid for gid in strict.supplemental_groups if gid not in merge.supplemental_groups]
    if added:
        raise ExpectationFailed(f"Strict adds the groups {added} to those of Merge {list(merge.supplemental_groups)}")


def answers_are_equal(first: Identity, again: Identity) -> None:
    """The same request for the same files is the same identity: for a container that starts again, as for the next."""
    for name in ("uid", "gid", "supplemental_groups", "username"):
        one, other = getattr(first, name), getattr(again, name)
        if one != other:
            raise ExpectationFailed(f"{name} was {one!r} and is {other!r}")
