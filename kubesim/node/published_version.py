"""The versions of a pod that the API server has published."""

from __future__ import annotations

from typing import Any

import msgspec

from kubesim.model import k8s_v1 as v1


def published_version(pod: v1.Pod, kind: str, *, time_ns: int) -> bytes:
    """One write of a pod as a watch shows it, `kind` being ADDED, MODIFIED or DELETED: a document of its history.

    Nobody may ever look at it: structs of it would take fifty times the memory, and Python's collector of cycles would
    look at them again and again.
    """
    meta = pod.metadata
    deletion = (meta.deletion_timestamp, meta.deletion_grace_period_seconds)
    return msgspec.json.encode((time_ns, kind, meta.generation, *deletion, pod.status))


def version_dict(version: bytes, *, since_ns: int) -> dict[str, Any]:
    """One line of a recording: `t` in seconds since `since_ns`, generation, deletion, status."""
    time_ns, kind, generation, deletion_timestamp, grace_seconds, status = msgspec.json.decode(version)
    row: dict[str, Any] = {"t": (time_ns - since_ns) / 1e9, "type": kind, "generation": generation}
    if deletion_timestamp is not None:
        row["deletionTimestamp"] = deletion_timestamp
        row["deletionGracePeriodSeconds"] = grace_seconds
    row["status"] = status
    return row
