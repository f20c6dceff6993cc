"""The versions of a pod that the API server has published."""

from __future__ import annotations

from typing import Any

import msgspec

from kubesim.model import k8s_v1 as v1
from kubesim.model.alike_documents import AlikeDocuments

PublishedVersion = tuple[int, str, int, str | None, int | None, bytes]
"""One write of a pod as a watch shows it: the time in ns since the epoch, ADDED, MODIFIED or DELETED, the generation,
deletionTimestamp, deletionGracePeriodSeconds, and the status as packed JSON.

A plain tuple with the status as it went out: structs of it take fifty times the memory, and Python's collector of
cycles looks at them again and again, for a history that nobody may ever look at.
"""


def published_version(pod: v1.Pod, kind: str, *, time_ns: int, statuses: AlikeDocuments) -> PublishedVersion:
    """The version that a pod is now, with its status packed among those of all pods."""
    meta = pod.metadata
    deletion = (meta.deletion_timestamp, meta.deletion_grace_period_seconds)
    return (time_ns, kind, meta.generation, *deletion, statuses.pack(msgspec.json.encode(pod.status)))


def version_dict(version: PublishedVersion, *, since_ns: int, statuses: AlikeDocuments) -> dict[str, Any]:
    """One line of a recording: `t` in seconds since `since_ns`, generation, deletion, status."""
    time_ns, kind, generation, deletion_timestamp, grace_seconds, status = version
    row: dict[str, Any] = {"t": (time_ns - since_ns) / 1e9, "type": kind, "generation": generation}
    if deletion_timestamp is not None:
        row["deletionTimestamp"] = deletion_timestamp
        row["deletionGracePeriodSeconds"] = grace_seconds
    row["status"] = msgspec.json.decode(statuses.unpack(status))
    return row
