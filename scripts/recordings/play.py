"""Plays a recorded pod on the emulated node, with the actions of its plan, in virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import kubesim
from kubesim.errors import InputError
from kubesim.model.yaml_text import load_documents
from kubesim.runtime.profiles import DEFAULT_PROFILE
from scripts.recordings.calls import calls_of_pods
from scripts.recordings.folder import (
    EPHEMERAL_CONTAINERS,
    GATE,
    LATE_SECRET,
    NEW_IMAGE,
    NEW_LABEL,
    OBJECTS_BESIDE,
    RESIZES,
    Folder,
    Plan,
)


class NotPlayable(Exception):
    """The manifest needs something that is not emulated yet."""


class Player:
    """One pod on a fresh node."""

    def __init__(self, node: kubesim.Node, manifest: str, plan: Plan) -> None:
        self._node = node
        documents: list[dict[str, Any]] = [one.value for one in load_documents(manifest, name="manifest")]
        self._beside = [one for one in documents if one["kind"] != "Pod"]
        (self._pod,) = (one for one in documents if one["kind"] == "Pod")
        self._plan = plan
        self._actions: dict[str, Callable[[], None]] = {
            "delete": lambda: self._delete(plan.delete_grace_seconds),
            "delete3": lambda: self._delete(3),
            "mksecret": self._make_secret,
            "newimage": self._change_image,
            "label": self._label,
            "gateTrue": lambda: self._node.set_condition(self.key, GATE, "True"),
            "gateFalse": lambda: self._node.set_condition(self.key, GATE, "False"),
            **{name: partial(self._debug, container) for name, container in EPHEMERAL_CONTAINERS.items()},
            **{action: partial(self._resize, resources) for action, resources in RESIZES.items()},
        }
        self.key = ""

    def play(self) -> None:
        """From creation to 60 s after the last action."""
        unknown = next((action for _, action in self._plan.actions if action not in self._actions), None)
        if unknown is not None:
            raise NotPlayable(f"action {unknown}")
        self._node.advance("10s")
        for beside in (*OBJECTS_BESIDE, *self._beside):
            self._node.apply(beside)
        (self.key,) = self._node.apply(self._pod)
        passed = 0.0
        for second, action in self._plan.actions:
            self._node.advance(f"{second - passed:.3f}s")
            passed = second
            self._actions[action]()
        self._node.advance("60s")

    def _delete(self, grace_seconds: int | None) -> None:
        """A second deletion may find nothing; the driver of the recordings left it at that."""
        if any(f"{one['metadata']['namespace']}/{one['metadata']['name']}" == self.key for one in self._node.pods()):
            self._node.delete(self.key, grace_seconds=grace_seconds)

    def _make_secret(self) -> None:
        self._node.apply(LATE_SECRET)

    def _resize(self, resources: dict[str, dict[str, str]]) -> None:
        """What the API server refuses, the driver of the recordings left at that."""
        name = self._node.pod(self.key)["spec"]["containers"][0]["name"]
        with contextlib.suppress(InputError):
            self._node.resize(self.key, {"spec": {"containers": [{"name": name, "resources": resources}]}})

    def _change_image(self) -> None:
        pod = deepcopy(self._pod)
        pod["spec"]["containers"][0]["image"] = NEW_IMAGE
        self._node.apply(pod)

    def _label(self) -> None:
        pod = deepcopy(self._pod)
        pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), **NEW_LABEL}
        self._node.apply(pod)

    def _debug(self, container: Mapping[str, Any]) -> None:
        self._node.add_ephemeral_container(self.key, container)


@dataclass(frozen=True)
class Played:
    """What the emulated node published about one pod."""

    versions: list[dict[str, Any]]
    events: list[dict[str, Any]]
    calls: list[dict[str, Any]]


def play(name: str, folder: Folder, images: list[Path], *, seed: int = 1) -> Played:
    """Play one pod on a node like the recorded one."""
    plan = folder.plan(name)
    with kubesim.Node(
        config=plan.configuration,
        images=images,
        node_name=folder.node_name,
        profile=folder.profile or DEFAULT_PROFILE,
        capacity=folder.capacity,
        cgroup_version=folder.cgroup_version,
        seed=seed,
    ) as node:
        for other in folder.neighbours(name):
            node.apply(folder.manifest(other))
            node.advance("1s")
        player = Player(node, folder.manifest(name), plan)
        player.play()
        calls = calls_of_pods(entry.as_dict() for entry in node.journal)
        pod = player.key.partition("/")[2]
        return Played(node.versions(player.key), node.event_writes(player.key), calls.get(pod, []))
