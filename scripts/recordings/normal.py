"""What recordings of two hosts have in common: ids by order, no addresses, times or digests."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

TERMINAL_PHASES = {"Succeeded", "Failed"}
TIMES = {"lastTransitionTime", "lastProbeTime", "startTime", "startedAt", "finishedAt"}
IDS = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ADDRESSES = re.compile(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b")
STATE_DIRECTORY_OF_THE_RECORDED_RUNTIME = "/run/containerd/state/"
"""Where containerd keeps its state is a setting of it; texts that name a path there show it."""
STATE_DIRECTORY = "/run/containerd/"
WRITTEN_AT = re.compile(r"\.\.\d{4}(_\d\d){5}\.\d+")
"""A volume's directory of one writing, named by the clock and by chance."""
OF_ONE_START = re.compile(r"(/containers/[a-z0-9-]+)/[0-9a-f]{8}\b")
"""The file of a termination message, named by chance."""
USED = re.compile(r"\bused: \d+, ")
"""What else ran on the recorded node is recorded only in part."""


class Normaliser:
    """Replaces ids by the order in which they appear, and drops what depends on clock and host."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.value(one, name) for name, one in sorted(value.items()) if name not in TIMES}
        if isinstance(value, list):
            return [self.value(one, key) for one in value]
        if isinstance(value, str):
            if key in {"imageID", "imageRef"} and value:
                return value.partition("@")[0] + "@<digest>"
            value = value.replace(STATE_DIRECTORY_OF_THE_RECORDED_RUNTIME, STATE_DIRECTORY)
            value = USED.sub("used: <n>, ", value)
            value = OF_ONE_START.sub(r"\1/<n>", value)
            value = WRITTEN_AT.sub("..<time>", value)
            return ADDRESSES.sub("<ip>", IDS.sub(self._id, value))
        return value

    def _id(self, match: re.Match[str]) -> str:
        return self._ids.setdefault(match.group(), f"<id {len(self._ids)}>")


def normalised(versions: Iterable[dict[str, Any]], *, has_pod_cgroups: bool = False) -> list[dict[str, Any]]:
    """The sequence of published versions without the ones that say nothing new.

    `has_pod_cgroups`: what a pod has is read from its control group. Housekeeping, every two seconds, removes that of a
    pod that has ended, and whether it comes before or after the last status is a matter of its beat.
    """
    normaliser = Normaliser()
    rows = [
        {"type": row["type"], "deleting": "deletionTimestamp" in row, **normaliser.value(row["status"])}
        for row in versions
    ]
    if has_pod_cgroups:
        for row in rows:
            if row.get("phase") in TERMINAL_PHASES:
                row.pop("resources", None)
    return [row for row, _ in itertools.groupby(rows)]
