"""What a DELETE writes into the metadata of a pod. Pure: metadata in, metadata out.

Mirrors Kubernetes: staging/src/k8s.io/apiserver/pkg/registry/rest/delete.go, BeforeDelete. That a deadline is never
written into the past is what a 1.36 API server was seen to do.
"""

from __future__ import annotations

from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import format_rfc3339, parse_rfc3339

SECOND_NS = 1_000_000_000


def requested_deletion(meta: v1.ObjectMeta, *, grace_seconds: int, now_ns: int) -> v1.ObjectMeta:
    """The first DELETE: a deadline `grace_seconds` from now, and a new generation."""
    return replace(
        meta,
        deletion_timestamp=format_rfc3339(now_ns + grace_seconds * SECOND_NS),
        deletion_grace_period_seconds=grace_seconds,
        generation=meta.generation + 1,
    )


def shortened_deletion(meta: v1.ObjectMeta, *, grace_seconds: int, now_ns: int) -> v1.ObjectMeta:
    """A later DELETE with less grace, counted from the first one; a deadline that has passed becomes now.

    `meta` must be one of a pod that is being deleted. With the deadline in the past at most one second of grace is
    left.
    """
    assert meta.deletion_timestamp is not None
    asked_ns = parse_rfc3339(meta.deletion_timestamp) - (meta.deletion_grace_period_seconds or 0) * SECOND_NS
    deadline_ns = asked_ns + grace_seconds * SECOND_NS
    if deadline_ns < now_ns:
        deadline_ns, grace_seconds = now_ns, min(grace_seconds, 1)
    return replace(meta, deletion_timestamp=format_rfc3339(deadline_ns), deletion_grace_period_seconds=grace_seconds)
