"""A folder of recordings: the manifests, what their first lines ask of the driver, and how they were recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

NODE_NAME = "golden"
LIFE_SECONDS = 75
SHORT_LIFE_SECONDS = 60
SHORT_LIVES = {"g115", "g116"}
FIRST_OF_SHORT_LIVES = 146
"""Pods that lived 60 s in the recordings of November 2026; so did all from g146 on."""

SETTINGS_OF_THE_RECORDED_HOST = {"cgroupsPerQOS": False, "enforceNodeAllocatable": [], "failCgroupV1": False}
"""All that is known of a folder that does not show its configuration in `golden/configz.json`."""
SETTINGS_OF_SHORT_LIVES = {"cgroupsPerQOS": True, "featureGates": {"ContainerStopSignals": True}, "failCgroupV1": False}
"""The pods that lived 60 s ran on a kubelet with pod cgroups and stop signals."""

DATA = {"a": "1"}
OBJECTS_BESIDE = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "present"}, "data": DATA},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "present"}, "stringData": DATA},
)
LATE_SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "stringData": DATA}
NEW_IMAGE = "gcr.io/k8s-staging-cri-tools/test-image-2:latest"
NEW_LABEL = {"changed": "yes"}
GATE = "example.com/gate"
RESIZES: dict[str, dict[str, dict[str, str]]] = {
    "resize": {"requests": {"cpu": "100m", "memory": "24Mi"}, "limits": {"cpu": "200m", "memory": "96Mi"}},
    "resizebig": {"requests": {"cpu": "64"}},
    "resizefull": {"requests": {"cpu": "1500m"}},
    "resizeback": {"requests": {"cpu": "60m"}},
    "resizemem": {"limits": {"memory": "80Mi"}},
}
"""What a patch of the subresource `resize` sets for the first container."""
_BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
EPHEMERAL_CONTAINERS: dict[str, dict[str, Any]] = {
    "eph1": {
        "name": "dbg1",
        "image": _BUSYBOX,
        "command": ["sh", "-c", "sleep 4; exit 5"],
        "targetContainerName": "main",
        "imagePullPolicy": "IfNotPresent",
    },
    "eph2": {
        "name": "dbg2",
        "image": "registry.k8s.io/e2e-test-images/absent:9",
        "command": ["sh", "-c", "sleep 4"],
        "imagePullPolicy": "IfNotPresent",
    },
}


@dataclass(frozen=True)
class Plan:
    """What is done to one pod, by seconds since its creation."""

    actions: tuple[tuple[float, str], ...]
    delete_grace_seconds: int | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    """Fields of the KubeletConfiguration that the pod was recorded with."""


class Folder:
    """`manifests/NAME.yaml`, `golden/NAME.jsonl`, and `recording.json` where `scripts/conformance record` made it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        made = path / "recording.json"
        self._recording: dict[str, Any] | None = (
            json.loads(made.read_text(encoding="utf-8")) if made.is_file() else None
        )

    @property
    def holds_manifests(self) -> bool:
        return (self.path / "manifests").is_dir()

    @property
    def node_name(self) -> str:
        return self._recording["nodeName"] if self._recording else NODE_NAME

    @property
    def cgroup_version(self) -> int:
        """Of the machine that recorded: the one of November 2026 had version 1."""
        return self._recording.get("cgroupVersion", 2) if self._recording else 1

    @property
    def profile(self) -> str | None:
        """The runtime profile that was served, when it was ours."""
        return self._recording["profile"] if self._recording else None

    def names(self, only: str = "") -> list[str]:
        """The pods whose name contains a text, sorted."""
        return sorted(path.stem for path in (self.path / "manifests").glob("*.yaml") if only in path.stem)

    def manifest(self, name: str) -> str:
        return (self.path / "manifests" / f"{name}.yaml").read_text(encoding="utf-8")

    def is_recorded(self, name: str) -> bool:
        return (self.path / "golden" / f"{name}.jsonl").is_file()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The recorded lines: versions of the pod, then events."""
        text = (self.path / "golden" / f"{name}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a pod that were published."""
        return [row for row in self.rows(name) if "status" in row]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Every write of an Event about a pod."""
        return [row["event"] for row in self.rows(name) if "event" in row]

    def calls(self, name: str) -> list[dict[str, Any]] | None:
        """What the kubelet asked of the runtime for a pod, where that was recorded."""
        path = self.path / "journal" / f"{name}.jsonl"
        if not path.is_file():
            return None
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    @property
    def node(self) -> dict[str, Any] | None:
        """The recorded Node object; None where it was not kept."""
        node: dict[str, Any] | None = self._golden("node.json")
        return node

    @property
    def capacity(self) -> dict[str, str] | None:
        """The size of the recorded node; None where it was not kept. How many pods it takes is of its configuration."""
        node = self.node
        return (
            None if node is None else {key: value for key, value in node["status"]["capacity"].items() if key != "pods"}
        )

    def neighbours(self, name: str) -> list[tuple[str, float]]:
        """The recorded pods that lived when others left this one no room, and how much older each was, in seconds."""
        rows = self.versions(name)
        short = next((row for row in rows if _was_crowded_out(row["status"])), None)
        if short is None:
            return []
        # One that was refused met those before it; one whose resize waits, those that came meanwhile as well.
        later = short["t"] + 1 if _is_deferred(short["status"]) else 0
        born = self._born(name)
        ages = {
            other: (born - self._born(other)).total_seconds()
            for other in self.names()
            if other != name and self.is_recorded(other)
        }
        return [(other, age) for other, age in ages.items() if -later < age < self.versions(other)[-1]["t"]]

    def _born(self, name: str) -> datetime:
        """To the second: when the kubelet saw it first."""
        starts = (row["status"].get("startTime") for row in self.versions(name))
        return datetime.fromisoformat(next(start for start in starts if start))

    def _golden(self, name: str) -> Any:
        path = self.path / "golden" / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def plan(self, name: str) -> Plan:
        """What the first lines of the manifest ask, with the life of this folder's pods."""
        life, configuration = self._life(name)
        return plan_of(self.manifest(name), life, configuration)

    def _life(self, name: str) -> tuple[int, dict[str, Any]]:
        if self._recording is not None:
            # The real kubelet was told so as well, by the recorder's own settings.
            allowed = {"failCgroupV1": False} if self.cgroup_version == 1 else {}
            return self._recording["lifeSeconds"], allowed | self._recording["configuration"]
        shown = self._golden("configz.json")
        # What /configz leaves out is empty, not the default.
        configuration = SETTINGS_OF_THE_RECORDED_HOST | (shown["kubeletconfig"] if shown is not None else {})
        number = re.match(r"g(\d{3})", name)
        is_short = number is not None and (number.group() in SHORT_LIVES or int(number[1]) >= FIRST_OF_SHORT_LIVES)
        if is_short:
            return SHORT_LIFE_SECONDS, configuration | SETTINGS_OF_SHORT_LIVES
        return LIFE_SECONDS, configuration


def _was_crowded_out(status: Mapping[str, Any]) -> bool:
    """Whether admission found that other pods hold what the pod needs, or what a resize of it asks for."""
    reason = str(status.get("reason", ""))
    return reason == "NodePorts" or reason.startswith("OutOf") or _is_deferred(status)


def _is_deferred(status: Mapping[str, Any]) -> bool:
    return any(
        one["type"] == "PodResizePending" and one.get("reason") == "Deferred" for one in status.get("conditions", ())
    )


def plan_of(manifest: str, life_seconds: int, configuration: dict[str, Any] | None = None) -> Plan:
    """The actions that the first lines of a manifest name, deletion included, in their order."""
    match = re.search(r"^# driver: (.*)$", manifest, re.MULTILINE)
    asked = json.loads(match[1]) if match else {}
    rows = [*asked.get("actions", []), [asked.get("delete_at", life_seconds), "delete"]]
    actions = tuple((float(second), str(action)) for second, action in sorted(rows, key=lambda row: float(row[0])))
    return Plan(actions, asked.get("delete_grace"), configuration or {})
