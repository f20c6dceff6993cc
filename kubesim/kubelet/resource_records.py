"""What resources the pods have, in a file that outlives the kubelet's process.

There are two such files: `allocated_pods_state`, what the kubelet has promised, and `actuated_pods_state`, what it has
told the runtime. A real kubelet writes the whole file with each pod; this one when its process ends, for nobody reads
it before the next one does.

Mirrors kubelet: pkg/kubelet/allocation/state (state_checkpoint.go, checkpoint.go, state_mem.go).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubesim.kubelet.container_hash import fnv1a_32
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.go_json_text import go_json_text

ALLOCATED_PODS = "allocated_pods_state"
ACTUATED_PODS = "actuated_pods_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodResources:
    """The resources of one pod: by container, and the pod's own."""

    containers: Mapping[str, v1.ResourceRequirements] = field(default_factory=dict)
    level: v1.ResourceRequirements | None = None


class ResourceRecords:
    """Resources by pod uid. `path` None keeps nothing: neither in memory nor in a file."""

    def __init__(self, files: HostFiles, path: str | None) -> None:
        """Raises KubeletStartError for a file that cannot be read."""
        self._files = files
        self._path = path
        self._pods: dict[str, PodResources] = {}
        if path is not None:
            self._pods = _restored(files.read(path), path)

    def pod(self, uid: str) -> PodResources | None:
        """The resources of a pod, None without a record."""
        return self._pods.get(uid)

    def container(self, uid: str, name: str) -> v1.ResourceRequirements | None:
        """The resources of a container, None without a record."""
        pod = self._pods.get(uid)
        return None if pod is None else pod.containers.get(name)

    def level(self, uid: str) -> v1.ResourceRequirements | None:
        """The resources of the pod itself, None without a record."""
        pod = self._pods.get(uid)
        return None if pod is None else pod.level

    def put(self, uid: str, resources: PodResources) -> None:
        """Record all of a pod."""
        if self._path is not None:
            self._pods[uid] = resources

    def put_container(self, uid: str, name: str, resources: v1.ResourceRequirements) -> None:
        """Record one container."""
        before = self._pods.get(uid) or PodResources()
        if before.containers.get(name) is not resources:
            self.put(uid, replace(before, containers={**before.containers, name: resources}))

    def put_level(self, uid: str, resources: v1.ResourceRequirements) -> None:
        """Record the pod itself."""
        self.put(uid, replace(self._pods.get(uid, PodResources()), level=resources))

    def remove(self, uid: str) -> None:
        """Forget a pod; fine when it is not known."""
        self._pods.pop(uid, None)

    def keep_only(self, uids: Collection[str]) -> None:
        """Forget all other pods."""
        for uid in [one for one in self._pods if one not in uids]:
            del self._pods[uid]

    def save(self) -> None:
        """Write the file: the process ends."""
        if self._path is None:
            return
        entries = {uid: _written(pod) for uid, pod in sorted(self._pods.items())}
        data = go_json_text({"entries": entries} if entries else {})
        text = go_json_text({"data": data, "checksum": checksum(data)})
        self._files.write(self._path, text.encode(), 0o600)


def checksum(data: str) -> int:
    """The checksum of a checkpoint. Mirrors kubelet: pkg/kubelet/checkpointmanager/checksum/checksum.go."""
    return fnv1a_32(b"(string)" + data.encode())


def _written(pod: PodResources) -> dict[str, Any]:
    return {
        "ContainerResources": {name: _go_order(one) for name, one in sorted(pod.containers.items())},
        "PodLevelResources": None if pod.level is None else _go_order(pod.level),
    }


def _go_order(resources: v1.ResourceRequirements) -> dict[str, Any]:
    """The fields in the order of the Go type, the maps sorted."""
    found: dict[str, Any] = msgspec.to_builtins(resources)
    order = [name for name in ("limits", "requests", "claims") if name in found]
    return {name: dict(sorted(found[name].items())) if isinstance(found[name], dict) else found[name] for name in order}


def _restored(content: bytes | None, path: str) -> dict[str, PodResources]:
    if content is None:
        return {}
    try:
        checkpoint = json.loads(content)
        data = checkpoint["data"]
        if checkpoint["checksum"] != checksum(data):
            raise ValueError("checkpoint is corrupted")
        entries = json.loads(data).get("entries", {})
        return {
            uid: PodResources(
                containers=msgspec.convert(pod["ContainerResources"], dict[str, v1.ResourceRequirements]),
                level=msgspec.convert(pod["PodLevelResources"], v1.ResourceRequirements | None),
            )
            for uid, pod in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise KubeletStartError(
            f"could not restore state from checkpoint: {error}, please drain this node and delete pod resource "
            f'information checkpoint file "{path}" before restarting Kubelet'
        ) from error
