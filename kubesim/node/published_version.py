"""The versions of a pod that the API server has published."""

from __future__ import annotations

from typing import Any

import msgspec

from kubesim.model import k8s_v1 as v1

PublishedVersion = tuple[int, str, int, str | None, int | None, bytes]
"""One write of a pod as a watch shows it: the time in ns since the epoch, ADDED, MODIFIED or DELETED, the generation,
deletionTimestamp, deletionGracePeriodSeconds, and the status as JSON.

A plain tuple with the status as it went out: structs of it take five times the memory, and Python's collector of
cycles looks at them again and again, for a history that nobody may ever look at.
"""


def published_version(pod: v1.Pod, kind: str, *, time_ns: int) -> PublishedVersion:
    """The version that a pod is now."""
    meta = pod.metadata
    deletion = (meta.deletion_timestamp, meta.deletion_grace_period_seconds)
    return (time_ns, kind, meta.generation, *deletion, msgspec.json.encode(pod.status))


def version_dict(version: PublishedVersion, *, since_ns: int) -> dict[str, Any]:
    """One line of a recording: `t` in seconds since `since_ns`, generation, deletion, status."""
    time_ns, kind, generation, deletion_timestamp, grace_seconds, status_json = version
    row: dict[str, Any] = {"t": (time_ns - since_ns) / 1e9, "type": kind, "generation": generation}
    if deletion_timestamp is not None:
        row["deletionTimestamp"] = deletion_timestamp
        row["deletionGracePeriodSeconds"] = grace_seconds
    row["status"] = msgspec.json.decode(status_json)
    return row
