"""The versions of a pod that the API server has published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import msgspec

from kubesim.model import k8s_v1 as v1


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One write of a pod as a watch shows it: ADDED, MODIFIED or DELETED, at `time_ns`.

    The status is kept as JSON, as it went out: structs of it would take five times the memory, in a history that
    nobody may ever look at.
    """

    time_ns: int
    type: str
    generation: int
    deletion_timestamp: str | None
    deletion_grace_period_seconds: int | None
    status_json: bytes

    @classmethod
    def of(cls, pod: v1.Pod, kind: str, *, time_ns: int) -> Self:
        """The version that a pod is now."""
        meta = pod.metadata
        return cls(
            time_ns=time_ns,
            type=kind,
            generation=meta.generation,
            deletion_timestamp=meta.deletion_timestamp,
            deletion_grace_period_seconds=meta.deletion_grace_period_seconds,
            status_json=msgspec.json.encode(pod.status),
        )

    def as_dict(self, *, since_ns: int = 0) -> dict[str, Any]:
        """One line of a recording: `t` in seconds since `since_ns`, generation, deletion, status."""
        row: dict[str, Any] = {
            "t": (self.time_ns - since_ns) / 1e9,
            "type": self.type,
            "generation": self.generation,
        }
        if self.deletion_timestamp is not None:
            row["deletionTimestamp"] = self.deletion_timestamp
            row["deletionGracePeriodSeconds"] = self.deletion_grace_period_seconds
        row["status"] = msgspec.json.decode(self.status_json)
        return row
