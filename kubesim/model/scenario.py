"""Checked scenarios: a node, and steps in time order with one typed action each.

The format is described in `kubesim.model.scenario_document`. `load_runs` reports every mistake at once, also those of
the objects that a step applies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from kubesim.errors import InputError
from kubesim.model.convert import convert, convert_all_errors, join_errors
from kubesim.model.image_fixture import ImageFixture, listed_fixtures
from kubesim.model.k8s_versions import FIRST_MINOR, LAST_MINOR
from kubesim.model.kubelet_configuration import load_kubelet_configuration
from kubesim.model.manifest import Manifest, manifests_at
from kubesim.model.paths import Path
from kubesim.model.scenario_checks import SUBJECTS, ActionChecks
from kubesim.model.scenario_document import (
    AddEphemeralContainer,
    CancelShutdown,
    ClearFault,
    ContainerExit,
    CriCall,
    Delete,
    Exec,
    Expect,
    Fault,
    NodeSpec,
    Resize,
    RestartKubelet,
    RestartRuntime,
    ScenarioDocument,
    SetCondition,
    Shutdown,
    StepSpec,
    TagImage,
)
from kubesim.model.scenario_sweep import SweptRun, swept_path, swept_runs
from kubesim.model.validation.options import ANY_GATES, PodStrategy
from kubesim.model.yaml_text import Document

ACTIONS = {
    "apply": "apply",
    "applyFiles": "apply_files",
    "delete": "delete",
    "addEphemeralContainer": "add_ephemeral_container",
    "resize": "resize",
    "setCondition": "set_condition",
    "applyStatic": "apply_static",
    "removeStatic": "remove_static",
    "expect": "expect",
    "shutdown": "shutdown",
    "cancelShutdown": "cancel_shutdown",
    "restartKubelet": "restart_kubelet",
    "restartRuntime": "restart_runtime",
    "containerExit": "container_exit",
    "fault": "fault",
    "clearFault": "clear_fault",
    "exec": "exec",
    "setFeatures": "set_features",
    "tagImage": "tag_image",
    "fillDisk": "fill_disk",
    "fillMemory": "fill_memory",
    "cri": "cri",
}
_LISTS = {"apply": "manifest", "applyStatic": "manifest of a pod", "applyFiles": "path of a file of manifests"}
"""Actions that are lists, and what they are lists of."""
"""Every action of a step: its name in the document, and its attribute."""

_VERSION = re.compile(r"1\.([0-9]+)(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Kubernetes objects to create or change."""

    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFiles:
    """Files of manifests, relative to the scenario's directory."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStatic:
    """Pods whose files the kubelet finds in its folder."""

    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStatic:
    """The static pod whose file is removed."""

    pod: str
    """Of its mirror pod: namespace/name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFeatures:
    """What the runtime reports from now on."""

    features: dict[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillDisk:
    """How much of the disk other files take: a quantity, or a part."""

    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FillMemory:
    """From now on processes outside of containers take this much of the memory: a quantity or a part."""

    amount: str


Action = (
    Apply
    | ApplyFiles
    | Delete
    | AddEphemeralContainer
    | Resize
    | SetCondition
    | ApplyStatic
    | RemoveStatic
    | Expect
    | Shutdown
    | CancelShutdown
    | RestartKubelet
    | RestartRuntime
    | ContainerExit
    | Fault
    | ClearFault
    | Exec
    | SetFeatures
    | TagImage
    | FillDisk
    | FillMemory
    | CriCall
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action at its time."""

    at_ns: int
    """Virtual ns since the start of the scenario."""
    name: str
    """The action's name in the document: containerExit."""
    action: Action
    where: str
    """`file:line:column`."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A checked scenario, or one run of one that is swept."""

    name: str
    """In a sweep with the values of the run: i15-strict[containerd-2.0, 1.32]."""
    swept: tuple[tuple[str, str], ...] = ()
    """What tells the run of a sweep from the others: ("profile", "containerd-2.0")."""
    node: NodeSpec
    images: tuple[ImageFixture, ...] = ()
    """Images that the document itself describes."""
    minor: int
    """The kubelet's minor version."""
    steps: tuple[Step, ...]
    """In time order; steps at the same time in the order of the document."""
    document: Document


def load_runs(document: Document) -> tuple[Scenario, ...]:
    """Every run of a document's scenario; one when there is no sweep. Raises one InputError with all mistakes."""
    # `equals: null` means something, so nulls are not dropped here.
    mistakes = convert_all_errors(document, ScenarioDocument, null_is_absent=False)
    if mistakes:
        raise join_errors(mistakes)
    written = convert(document, ScenarioDocument, null_is_absent=False)
    errors: list[InputError] = []
    images = tuple(listed_fixtures(document, ("spec", "images"), written.spec.images, errors))
    scenarios = []
    for run in swept_runs(document, written.spec, errors):
        reader = _Reader(document)
        minor = reader.node(run)
        steps = [
            step
            for index, spec in enumerate(written.spec.steps)
            if run.is_named_by(spec.when) and (step := reader.step(index, spec, minor)) is not None
        ]
        errors += reader.errors
        scenarios.append(
            Scenario(
                name=run.name(written.metadata.name),
                swept=run.values,
                node=run.node,
                images=images,
                minor=minor,
                steps=tuple(steps),
                document=document,
            )
        )
    if errors:
        # What is wrong in every run is one mistake.
        raise join_errors({str(error): error for error in errors}.values())
    return tuple(scenarios)


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of Scenario documents."""
    schema = msgspec.json.schema(ScenarioDocument)
    definitions = schema["$defs"]
    definitions["StepSpec"]["oneOf"] = [{"required": [action]} for action in ACTIONS]
    definitions["Expect"]["oneOf"] = [{"required": [subject]} for subject in SUBJECTS]
    for name in ("SweepSpec", "When"):
        definitions[name]["minProperties"] = 1
        for axis in definitions[name]["properties"].values():
            for choice in axis["anyOf"]:
                if choice["type"] == "array":
                    choice |= {"minItems": 1, "uniqueItems": name == "SweepSpec"}
    title = "kubesim Scenario"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


class _Reader(ActionChecks):
    """Checks what types cannot say, and collects the mistakes."""

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._last_at_ns = 0

    def node(self, run: SweptRun) -> int:
        """The kubelet's minor version."""
        node = run.node
        path: Path = ("spec", "node")
        match = _VERSION.fullmatch(node.kubelet_version)
        minor = int(match[1]) if match else LAST_MINOR
        if match is None or not FIRST_MINOR <= minor <= LAST_MINOR:
            hint = f'expected "1.{FIRST_MINOR}" to "1.{LAST_MINOR}"'
            self._error(
                swept_path(self._document, run.values, "kubeletVersion"),
                f"unknown kubelet version {node.kubelet_version!r}",
                hint,
            )
        if node.config:
            try:
                load_kubelet_configuration(self._document, path=(*path, "config"), minor=minor, os=node.os)
            except InputError as error:
                self.errors.append(error)
        return minor

    def step(self, index: int, spec: StepSpec, minor: int) -> Step | None:
        """The checked step; None when it holds no usable action."""
        path: Path = ("spec", "steps", index)
        at_ns = self._duration((*path, "at"), spec.at)
        if at_ns is not None and at_ns < self._last_at_ns:
            self._error((*path, "at"), f"{spec.at} is before the step above", "expected steps in the order of time")
        self._last_at_ns = max(at_ns or 0, self._last_at_ns)
        written = self._document.value["spec"]["steps"][index]
        given = [name for name in ACTIONS if name in written]
        if len(given) != 1:
            what = f"{len(given)} actions in one step: {', '.join(given)}" if given else "a step without an action"
            self._error(path, what, f"expected exactly one of {', '.join(ACTIONS)}")
            return None
        name = given[0]
        value = getattr(spec, ACTIONS[name])
        if value is None:
            self._error((*path, name), f"{name} is empty", f"write `{name}: {{}}`" if _takes_nothing(name) else "")
            return None
        if name in _LISTS and not value:
            self._error((*path, name), f"{name} has nothing in it", f"give at least one {_LISTS[name]}")
            return None
        action = self._action(name, value, (*path, name), minor)
        return Step(at_ns=at_ns or 0, name=name, action=action, where=self._document.where(path), note=spec.note)

    def _action(self, name: str, value: Any, path: Path, minor: int) -> Action:
        if name == "apply":
            return Apply(manifests=self._manifests(len(value), path, minor))
        if name == "applyStatic":
            return ApplyStatic(manifests=self._manifests(len(value), path, minor))
        if name == "applyFiles":
            return ApplyFiles(paths=tuple(value))
        if name == "setFeatures":
            return SetFeatures(features=value)
        if name == "fillDisk":
            return FillDisk(amount=value)
        if name == "fillMemory":
            return FillMemory(amount=value)
        if name == "removeStatic":
            self._pod(path, value)
            return RemoveStatic(pod=value)
        action: Action = Delete(pod=value) if isinstance(value, str) else value
        self.check(action, path)
        return action

    def _manifests(self, count: int, path: Path, minor: int) -> tuple[Manifest, ...]:
        strategy = PodStrategy(minor=minor, options=ANY_GATES)
        found: list[Manifest] = []
        for index in range(count):
            found += manifests_at(self._document, (*path, index), self.errors, strategy=strategy)
        return tuple(found)


def _takes_nothing(action: str) -> bool:
    return action in ("shutdown", "cancelShutdown", "restartKubelet", "restartRuntime", "clearFault")
