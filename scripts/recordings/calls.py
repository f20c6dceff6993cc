"""What a kubelet asked of its runtime for one pod, and how two kubelets compare in it, call by call."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scripts.recordings.normal import Normaliser

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

REPEATED = "ExecSync"
"""How often a probe runs depends on the machine too: what it runs does not."""

REMOVED = "RemoveContainer"
"""Two loops of a kubelet remove dead containers; the second is refused if the first is not done."""

TERMINATION_LOG = re.compile(r"(/containers/[^/]+/)[0-9a-f]{8}$")
SERVICE = re.compile(r"KUBERNETES_(SERVICE_|PORT)")
SEEN = "kubernetes.io/config.seen"
TOGETHER = {"StopContainer", "RemoveContainer"}
"""A kubelet kills the containers of a pod at the same time, and removes them in the order of a Go map."""


def rows_of_file(journal: Path) -> list[dict[str, Any]]:
    """The rows of a journal that `kubesim serve --journal` wrote."""
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def calls_of_pods(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The calls that change something, by the name of the pod, in the order in which they began."""
    pod_of_id: dict[str, str] = {}
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
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


def normalised_calls(calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What two kubelets must have in common: calls up to the stop of the last sandbox, then what was run in containers.

    What comes after that stop collects garbage, once a minute.
    """
    normaliser = Normaliser()
    rows = [_normalised(call, normaliser) for call in calls]
    starts = [index for index, row in enumerate(rows) if row["method"].startswith(("Run", "Create", "Start"))]
    last_start = starts[-1] if starts else 0
    stops = (index for index, row in enumerate(rows) if index > last_start and row["method"] == "StopPodSandbox")
    lasting = [row for row in rows[: next(stops, len(rows)) + 1] if row["method"] != REPEATED]
    lasting = [
        row
        for method, group in itertools.groupby(lasting, key=lambda row: row["method"])
        for row in (sorted(group, key=str) if method in TOGETHER else group)
    ]
    lasting = [row for index, row in enumerate(lasting) if row["method"] != REMOVED or row not in lasting[:index]]
    repeated: list[dict[str, Any]] = []
    for row in rows:
        if row["method"] == REPEATED and row not in repeated:
            repeated.append(row)
    return lasting + sorted(repeated, key=str)


def _normalised(call: Mapping[str, Any], normaliser: Normaliser) -> dict[str, Any]:
    request = json.loads(json.dumps(call["request"]))
    if call["method"] == REPEATED:
        # Which of its lives a container was in, when it was asked, is of the status.
        request.pop("container_id", None)
    for config in (request.get("config", {}), request.get("sandbox_config", {}), request.get("image", {})):
        # The resolver is the machine's.
        config.pop("dns_config", None)
        config.get("annotations", {}).pop(SEEN, None)
        # The API server has a Service of its own; a kubelet keeps variables in a map of Go, which has no order.
        own = (one for one in config.get("envs", []) if not SERVICE.match(one["key"]))
        config["envs"] = sorted(own, key=lambda one: str(one["key"]))
        for mount in config.get("mounts", []):
            mount["host_path"] = TERMINATION_LOG.sub(r"\1<random>", mount.get("host_path", ""))
            mount.get("image", {}).get("annotations", {}).pop(SEEN, None)
        config["mounts"] = sorted(config.get("mounts", []), key=lambda mount: str(mount.get("container_path")))
    _hide_what_is_the_machines(request)
    made = {key: value for key, value in call.get("response", {}).items() if key.endswith("_id")}
    row: dict[str, Any] = {"method": call["method"], **normaliser.value({"request": request, "made": made})}
    return row | {"failed": "error" in call and call["method"] != REMOVED}


def _hide_what_is_the_machines(value: Any) -> None:
    """Which ids of the node a pod gets is drawn by chance; `unified` is of cgroup v2, the limit of swap of v1."""
    if isinstance(value, dict):
        value.pop("unified", None)
        value.pop("memory_swap_limit_in_bytes", None)
        if "host_id" in value:
            value["host_id"] = "<drawn>"
        for one in value.values():
            _hide_what_is_the_machines(one)
    elif isinstance(value, list):
        for one in value:
            _hide_what_is_the_machines(one)
