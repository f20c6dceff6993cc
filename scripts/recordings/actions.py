"""What the actions of a manifest's first lines ask of the API server, as requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from scripts.recordings.api_client import ApiClient
from scripts.recordings.folder import EPHEMERAL_CONTAINERS, GATE, LATE_SECRET, NEW_IMAGE, NEW_LABEL, RESIZES

NAMESPACE = "/api/v1/namespaces/default"


class Actions:
    """The actions on one pod of the real API server. Each may raise ApiError: a refusal is part of the story."""

    def __init__(self, api: ApiClient, manifest: str, *, delete_grace_seconds: int | None) -> None:
        self._api = api
        self._grace_seconds = delete_grace_seconds
        documents = [one for one in yaml.safe_load_all(manifest) if one]
        (self.pod,) = (one for one in documents if one["kind"] == "Pod")
        self.beside = [one for one in documents if one["kind"] != "Pod"]
        self.pod_name: str = self.pod["metadata"]["name"]
        self._path = f"{NAMESPACE}/pods/{self.pod_name}"
        self._first = self.pod["spec"]["containers"][0]["name"]

    def perform(self, action: str) -> None:
        """One action by its name. Raises ValueError for one that does not exist."""
        if action == "delete":
            self.delete(self._grace_seconds)
        elif action == "delete3":
            self.delete(3)
        elif action == "mksecret":
            self._api.create(f"{NAMESPACE}/secrets", LATE_SECRET)
        elif action == "label":
            self._api.patch(self._path, {"metadata": {"labels": NEW_LABEL}})
        elif action == "newimage":
            self._patch_container(self._path, {"image": NEW_IMAGE})
        elif action in RESIZES:
            self._patch_container(f"{self._path}/resize", {"resources": RESIZES[action]})
        elif action in EPHEMERAL_CONTAINERS:
            added = {"ephemeralContainers": [EPHEMERAL_CONTAINERS[action]]}
            self._api.patch(f"{self._path}/ephemeralcontainers", {"spec": added})
        elif action in {"gateTrue", "gateFalse"}:
            condition = {"type": GATE, "status": action.removeprefix("gate")}
            self._api.patch(f"{self._path}/status", {"status": {"conditions": [condition]}})
        else:
            raise ValueError(f"no action {action!r}")

    def delete(self, grace_seconds: int | None) -> None:
        """DELETE with a grace period of its own, or with the pod's."""
        self._api.delete(self._path, None if grace_seconds is None else {"gracePeriodSeconds": grace_seconds})

    def create(self) -> None:
        """The objects beside the pod, then the pod."""
        for one in self.beside:
            self._api.create(f"{NAMESPACE}/{collection(one)}", one)
        self._api.create(f"{NAMESPACE}/pods", self.pod)

    def remove_what_was_beside(self) -> None:
        """So that the next pod does not find it."""
        for one in self.beside:
            self._api.delete(f"{NAMESPACE}/{collection(one)}/{one['metadata']['name']}")

    def _patch_container(self, path: str, change: dict[str, Any]) -> None:
        self._api.patch(path, {"spec": {"containers": [{"name": self._first, **change}]}})


def collection(one: Mapping[str, Any]) -> str:
    """The plural in an object's path."""
    return f"{str(one['kind']).lower()}s"
