"""Checked scenarios: a node, and steps in time order with one typed action each.

The format is described in `kubesim.model.scenario_document`. `load_runs` reports every mistake at once, also those of
the objects that a step applies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from kubesim.errors import InputError
from kubesim.model.convert import convert, convert_all_errors, error_at, join_errors, value_at
from kubesim.model.duration import parse_duration
from kubesim.model.image_fixture import ImageFixture, listed_fixtures
from kubesim.model.image_name import parse_image_name
from kubesim.model.k8s_versions import FIRST_MINOR, LAST_MINOR
from kubesim.model.kubelet_configuration import load_kubelet_configuration
from kubesim.model.manifest import Manifest, manifests_at
from kubesim.model.mistakes import nearest
from kubesim.model.paths import Path
from kubesim.model.scenario_document import (
    CancelShutdown,
    ClearFault,
    ContainerExit,
    CriCall,
    Delete,
    Exec,
    Expect,
    Fault,
    NodeSpec,
    RestartKubelet,
    RestartRuntime,
    ScenarioDocument,
    Shutdown,
    StepSpec,
    TagImage,
)
from kubesim.model.scenario_sweep import SweptRun, swept_path, swept_runs
from kubesim.model.yaml_text import Document

ACTIONS = {
    "apply": "apply",
    "applyFiles": "apply_files",
    "delete": "delete",
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
    "cri": "cri",
}
"""Every action of a step: its name in the document, and its attribute."""

SUBJECTS = ("pod", "node", "journal", "event", "exec", "timeline", "cri", "metric")
"""What an expectation looks at; exactly one of them."""

MATCHERS = {
    "equals": "equals",
    "matches": "matches",
    "contains": "contains",
    "atLeast": "at_least",
    "atMost": "at_most",
    "absent": "absent",
}
"""What an expectation says about the value; at most one of them, and `count` beside it. The name in the document,
and the attribute."""

_COUNTABLE = ("journal", "event", "timeline")
"""Subjects that are a list of matches, so that no matcher means: at least one."""

_POD = re.compile(r"[^/\s]+/[^/\s]+")
_NAME = re.compile(r"[\w-]+")
_REFERENCE = re.compile(r"\$\((?P<name>[\w-]+)(?P<path>[.\[].*)?\)")
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
class SetFeatures:
    """What the runtime reports from now on."""

    features: dict[str, bool]


Action = (
    Apply
    | ApplyFiles
    | Delete
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


def is_scenario_document(document: Document) -> bool:
    """Whether the document says it is a scenario."""
    return isinstance(document.value, dict) and document.value.get("kind") == "Scenario"


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


def reference(text: str) -> tuple[str, str] | None:
    """Name and path of a `$(NAME.path)` in the request of a cri call; None for any other text."""
    match = _REFERENCE.fullmatch(text)
    return None if match is None else (match["name"], (match["path"] or "").removeprefix("."))


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of Scenario documents."""
    schema = msgspec.json.schema(ScenarioDocument)
    definitions = schema["$defs"]
    definitions["StepSpec"]["oneOf"] = [{"required": [action]} for action in ACTIONS]
    definitions["Expect"]["oneOf"] = [{"required": [subject]} for subject in SUBJECTS]
    for name in ("SweepSpec", "When"):
        definitions[name]["minProperties"] = 1
    title = "kubesim Scenario"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


class _Reader:
    """Checks what types cannot say, and collects the mistakes."""

    def __init__(self, document: Document) -> None:
        self.errors: list[InputError] = []
        self._document = document
        self._last_at_ns = 0
        self._kept: set[str] = set()
        """Names of answers to cri calls so far."""

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
        action = self._action(name, value, (*path, name), minor)
        return Step(at_ns=at_ns or 0, name=name, action=action, where=self._document.where(path))

    def _action(self, name: str, value: Any, path: Path, minor: int) -> Action:
        if name == "apply":
            found: list[Manifest] = []
            for index in range(len(value)):
                found += manifests_at(self._document, (*path, index), self.errors, minor=minor)
            return Apply(manifests=tuple(found))
        if name == "applyFiles":
            return ApplyFiles(paths=tuple(value))
        if name == "setFeatures":
            return SetFeatures(features=value)
        action: Action = Delete(pod=value) if isinstance(value, str) else value
        self._check(action, path)
        return action

    def _check(self, action: Action, path: Path) -> None:
        match action:
            case Delete():
                self._pod(path, action.pod.removeprefix("secret/"))
            case ContainerExit():
                self._pod(path, action.pod)
            case Exec():
                self._exec(path, action)
            case Expect():
                self._expect(path, action)
            case RestartKubelet() | RestartRuntime():
                self._duration((*path, "downFor"), action.down_for)
            case Fault():
                self._duration((*path, "delay"), action.delay)
                if action.error is None and action.delay == "0s":
                    self._error(path, "a fault needs an error or a delay")
            case TagImage():
                for key, name in (("image", action.image), ("as", action.as_)):
                    if parse_image_name(name) is None:
                        self._error((*path, key), f"{name!r} is no image name")
            case CriCall():
                self._references((*path, "request"), action.request)
                self._keep((*path, "as"), action.as_)
            case _:
                pass  # The other actions have nothing that their types do not say.

    def _expect(self, path: Path, expect: Expect) -> None:
        subjects = [name for name in SUBJECTS if getattr(expect, name) is not None]
        if len(subjects) != 1 or expect.node is False:
            what = f"{len(subjects)} subjects: {', '.join(subjects)}" if subjects else "nothing to look at"
            self._error(path, what, f"expected exactly one of {', '.join(SUBJECTS)}")
            return
        subject = subjects[0]
        unset = {"equals": UNSET, "contains": UNSET}
        matchers = [name for name, field in MATCHERS.items() if getattr(expect, field) is not unset.get(name)]
        if len(matchers) > 1:
            self._error(path, f"{len(matchers)} matchers: {', '.join(matchers)}", "keep one of them")
        if not matchers and expect.count is None and subject not in (*_COUNTABLE, "exec"):
            self._error(path, "nothing is expected", f"expected one of {', '.join((*MATCHERS, 'count'))}")
        if expect.within is not None and expect.for_ is not None:
            self._error(path, "both within and for", "keep one of them")
        self._duration((*path, "within"), expect.within or "0s")
        self._duration((*path, "for"), expect.for_ or "0s")
        self._pattern((*path, "matches"), expect.matches)
        if expect.pod is not None:
            self._pod(path, expect.pod)
        if expect.exec is not None:
            self._exec((*path, "exec"), expect.exec)
        if expect.cri is not None:
            self._references((*path, "cri", "request"), expect.cri.request)
            if expect.cri.as_ is not None:
                hint = "keep it with a cri step of its own"
                self._error((*path, "cri", "as"), "an expectation keeps no answer", hint)
        if expect.event is not None:
            self._pattern((*path, "event", "messageMatches"), expect.event.message_matches)
            if expect.event.pod is not None:
                self._pod((*path, "event"), expect.event.pod)

    def _exec(self, path: Path, action: Exec) -> None:
        self._pod(path, action.pod)
        if not action.command:
            self._error((*path, "command"), "no command", "expected a list of at least one word")

    def _references(self, path: Path, value: Any) -> None:
        """Every `$(NAME.path)` of a request must name what a step before keeps."""
        if isinstance(value, dict):
            for key, one in value.items():
                self._references((*path, key), one)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                self._references((*path, index), one)
        elif isinstance(value, str) and (found := reference(value)) is not None and found[0] not in self._kept:
            what = f"nothing before is kept as {found[0]!r}{nearest(found[0], self._kept)}"
            self._error(path, what, f"write `as: {found[0]}` in the cri step whose answer is meant")

    def _keep(self, path: Path, name: str | None) -> None:
        if name is None:
            return
        if _NAME.fullmatch(name) is None:
            self._error(path, f"{name!r} is no name", "expected letters, digits, _ and -")
        if name in self._kept:
            self._error(path, f"{name!r} is kept already", "give each answer its own name")
        self._kept.add(name)

    def _pod(self, path: Path, pod: str) -> None:
        if not _POD.fullmatch(pod):
            # `delete: default/web` names the pod without a key of its own.
            where = (*path, "pod") if isinstance(value_at(self._document, path), dict) else path
            self._error(where, f"{pod!r} names no pod", "expected namespace/name, e.g. default/web")

    def _pattern(self, path: Path, pattern: str | None) -> None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            self._error(path, f"{pattern!r} is no regular expression: {error}")

    def _duration(self, path: Path, text: str) -> int | None:
        try:
            duration_ns = parse_duration(text)
        except InputError as error:
            self._error(path, error.what, error.hint)
            return None
        if duration_ns < 0:
            self._error(path, f"{text} is negative")
        return duration_ns

    def _error(self, path: Path, what: str, hint: str = "") -> None:
        self.errors.append(error_at(self._document, path, what, hint=hint))


def _takes_nothing(action: str) -> bool:
    return action in ("shutdown", "cancelShutdown", "restartKubelet", "restartRuntime", "clearFault")
