"""Which CRI calls of a journal were for which pod."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

CALLS_THAT_CHANGE = {
    "RunPodSandbox",
    "StopPodSandbox",
    "RemovePodSandbox",
    "CreateContainer",
    "StartContainer",
    "StopContainer",
    "RemoveContainer",
    "UpdateContainerResources",
    "UpdatePodSandboxResources",
    "PullImage",
    "ExecSync",
}
"""Lists and status calls are the beat of the kubelet's loops: how many there are depends on the machine."""


def calls_of_pods(journal: Path) -> dict[str, list[dict[str, Any]]]:
    """The calls that change something, by the name of the pod, in the order in which they began."""
    pod_of_id: dict[str, str] = {}
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    for row in sorted(rows, key=lambda row: int(row["time_ns"])):
        if row["method"] not in CALLS_THAT_CHANGE:
            continue
        request = row["request"]
        config = request.get("config", {}) if row["method"] == "RunPodSandbox" else request.get("sandbox_config", {})
        pod = config.get("metadata", {}).get("name")
        pod = pod or pod_of_id.get(request.get("container_id") or request.get("pod_sandbox_id", ""))
        if pod is None:
            continue
        made = row.get("response", {})
        for key in ("pod_sandbox_id", "container_id"):
            if key in made:
                pod_of_id[made[key]] = pod
        calls[pod].append({key: row[key] for key in ("method", "request", "response", "error") if key in row})
    return dict(calls)
