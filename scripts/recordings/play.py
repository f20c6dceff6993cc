"""Plays a recorded pod on the emulated node, with the actions of its plan, in virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
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

    def create(self) -> None:
        """Give the node what stands beside the pod in its manifest, then the pod."""
        for beside in self._beside:
            self._node.apply(beside)
        (self.key,) = self._node.apply(self._pod)

    def perform(self, action: str) -> None:
        """One action. What comes too late for its pod, such as a second deletion, the driver left at that."""
        if not self._is_gone:
            self._actions[action]()

    def steps(self, born: float) -> list[tuple[float, Callable[[], None]]]:
        """What is done by second, for a pod that is created at second `born`. Raises NotPlayable."""
        unknown = next((action for _, action in self._plan.actions if action not in self._actions), None)
        if unknown is not None:
            raise NotPlayable(f"action {unknown}")
        done = [(born + second, partial(self.perform, action)) for second, action in self._plan.actions]
        return [(born, self.create), *done]

    @property
    def _is_gone(self) -> bool:
        names = (one["metadata"] for one in self._node.pods())
        return all(f"{name['namespace']}/{name['name']}" != self.key for name in names)

    def _delete(self, grace_seconds: int | None) -> None:
        self._node.delete(self.key, grace_seconds=grace_seconds)

    def _make_secret(self) -> None:
        self._node.apply(LATE_SECRET)

    def _resize(self, resources: dict[str, dict[str, str]]) -> None:
        """What the API server refuses, the driver of the recordings left at that."""
        name = self._node.pod(self.key)["spec"]["containers"][0]["name"]
        with contextlib.suppress(InputError):
            self._node.resize(self.key, {"spec": {"containers": [{"name": name, "resources": resources}]}})

    def _change_image(self) -> None:
        self._pod["spec"]["containers"][0]["image"] = NEW_IMAGE
        self._node.apply(self._pod)

    def _label(self) -> None:
        self._pod["metadata"].setdefault("labels", {}).update(NEW_LABEL)
        self._node.apply(self._pod)

    def _debug(self, container: Mapping[str, Any]) -> None:
        self._node.add_ephemeral_container(self.key, container)


def do_in_order(node: kubesim.Node, steps: Iterable[tuple[float, Callable[[], None]]]) -> None:
    """On a node that has come to rest, and to 60 s after the last step."""
    node.advance("10s")
    for beside in OBJECTS_BESIDE:
        node.apply(beside)
    now: float | None = None
    for second, step in sorted(steps, key=lambda one: one[0]):
        if now is not None:
            node.advance(f"{second - now:.3f}s")
        now = second
        step()
    node.advance("60s")


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
        player = Player(node, folder.manifest(name), plan)
        own = player.steps(0)
        steps = [
            step
            for other, age in folder.neighbours(name)
            for step in Player(node, folder.manifest(other), folder.plan(other)).steps(-age)
        ]
        do_in_order(node, [step for step in [*steps, *own] if step[0] <= own[-1][0]])
        calls = calls_of_pods(entry.as_dict() for entry in node.journal)
        pod = player.key.partition("/")[2]
        return Played(node.versions(player.key), node.event_writes(player.key), calls.get(pod, []))
