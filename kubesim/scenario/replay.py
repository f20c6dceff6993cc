"""Plays a scenario in virtual time: each step at its time, and what the expectations say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kubesim.errors import InputError, SimulationStalled
from kubesim.images.fixtures import image_from_fixture
from kubesim.model.duration import format_duration, parse_duration
from kubesim.model.mistakes import nearest
from kubesim.model.scenario import (
    Apply,
    ApplyFiles,
    ApplyStatic,
    FillDisk,
    FillMemory,
    RemoveStatic,
    Scenario,
    SetFeatures,
    Step,
    load_runs,
)
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
    Resize,
    RestartKubelet,
    RestartRuntime,
    SetCondition,
    Shutdown,
    TagImage,
)
from kubesim.model.scenario_sweep import swept_path
from kubesim.model.yaml_text import load_documents
from kubesim.node.node import Node
from kubesim.node.node_capacity import node_capacity
from kubesim.node.raw_call import raw_method
from kubesim.node.sources import read_text
from kubesim.policy.kubelet_fixes import kubelet_fixes
from kubesim.runtime.daemon import Features
from kubesim.runtime.profiles import load_profile
from kubesim.scenario.cri_calls import run_call
from kubesim.scenario.expectations import Judgement, judge, run_exec
from kubesim.scenario.lookup import check_path

POLL_NS = 100_000_000
"""How often an expectation with `within` or `for` looks."""

FEATURES = {
    re.sub("_([a-z])", lambda found: found[1].upper(), feature.name): feature.name for feature in fields(Features)
}
"""What `setFeatures` can change: the name in a document, and the runtime's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One played step. `passed` is None for a step that expects nothing."""

    at_ns: int
    name: str
    where: str
    text: str
    passed: bool | None = None
    note: str = ""
    """What the scenario says of the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """A played scenario: its steps, and the timeline of a shutdown in it."""

    name: str
    path: str
    seed: int
    kubelet_version: str
    profile: str
    start_ns: int
    steps: tuple[StepResult, ...]
    timeline: tuple[dict[str, Any], ...]
    swept: tuple[tuple[str, str], ...] = ()
    """What tells the run of a sweep from the others, as `Scenario.swept`."""

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return all(step.passed is not False for step in self.steps)


def load_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of a file, each with all its runs. Raises InputError, also for what would pass untested."""
    documents = load_documents(read_text(path), name=str(path))
    scenarios = [scenario for document in documents for scenario in load_runs(document)]
    if not scenarios:
        hint = "expected YAML documents of kind Scenario; see kubesim replay --schema"
        raise InputError("no scenario in it", where=str(path), hint=hint)
    for scenario in scenarios:
        if not scenario.steps:
            where = scenario.document.where(("spec", "steps"))
            raise InputError(f"scenario {scenario.name!r} has no steps", where=where, hint="give at least one step")
        _check_profile(scenario, path.parent)
    return scenarios


def _profile(scenario: Scenario, folder: Path) -> str:
    """The name of a profile, or the path of its file."""
    name = scenario.node.profile
    return str(folder / name) if name.endswith((".yaml", ".yml")) else name


def _check_profile(scenario: Scenario, folder: Path) -> None:
    """Raises InputError with the line of a profile that cannot be had: before anything is played."""
    try:
        load_profile(_profile(scenario, folder))
    except InputError as error:
        if error.where:
            # A profile's own file has lines of its own.
            raise
        where = scenario.document.where(swept_path(scenario.document, scenario.swept, "profile"))
        raise InputError(error.what, where=where, hint=error.hint) from error


def replay(
    scenario: Scenario, *, folder: Path, seed: int | None = None, at_end: Callable[[Node], object] | None = None
) -> ScenarioResult:
    """Play a scenario whose relative paths start at `folder`. Raises InputError and KubeletStartError.

    `at_end` is called with the node after the last step, and may raise what it likes.
    """
    for step in scenario.steps:
        _check(step)
    spec = scenario.node
    node = Node(
        os=spec.os,
        kubelet_version=spec.kubelet_version,
        profile=_profile(scenario, folder),
        cgroup_driver=spec.cgroup_driver,
        config=spec.config or None,
        images=[
            *(folder / image for image in spec.images),
            *(image_from_fixture(fixture, directory=folder) for fixture in scenario.images),
        ],
        kubelet_fixes=sorted(_fixes(scenario)),
        seed=spec.seed if seed is None else seed,
        capacity=_capacity(scenario),
    )
    with node:
        start_ns = node.now_ns
        player = _Player(node, folder, start_ns)
        steps = tuple(player.play(step) for step in scenario.steps)
        if at_end is not None:
            at_end(node)
        return ScenarioResult(
            name=scenario.name,
            path=scenario.document.name,
            seed=spec.seed if seed is None else seed,
            kubelet_version=spec.kubelet_version,
            profile=spec.profile,
            start_ns=start_ns,
            steps=steps,
            timeline=tuple(node.timeline()),
            swept=scenario.swept,
        )


def _capacity(scenario: Scenario) -> dict[str, str | int | float]:
    for name, amount in scenario.node.capacity.items():
        try:
            node_capacity({name: amount}, "", os=scenario.node.os)
        except InputError as error:
            where = scenario.document.where(("spec", "node", "capacity", name))
            raise InputError(f"{name}: {error.what}", where=where, hint=error.hint) from error
    return scenario.node.capacity


def _fixes(scenario: Scenario) -> frozenset[str]:
    try:
        return kubelet_fixes(scenario.node.kubelet_fixes)
    except InputError as error:
        where = scenario.document.where(("spec", "node", "kubeletFixes"))
        raise InputError(error.what, where=where, hint=error.hint) from error


class _Player:
    """Carries out steps on one node."""

    def __init__(self, node: Node, folder: Path, start_ns: int) -> None:
        self._node = node
        self._folder = folder
        self._start_ns = start_ns
        self._kept: dict[str, Any] = {}
        """Answers to CRI calls, by the name that a step gave them."""

    def play(self, step: Step) -> StepResult:
        """One step at its time; a step whose time has passed (a long `within`) is played at once."""
        self._advance_to(self._start_ns + step.at_ns)
        if isinstance(step.action, Expect):
            return self._expect(step, step.action)
        try:
            text = self._do(step)
        except SimulationStalled as error:
            raise InputError(f"{step.name}: {error}", where=step.where) from error
        except InputError as error:
            if error.where.startswith(f"{step.where.partition(':')[0]}:"):
                # The mistake has a line of this scenario of its own.
                raise
            raise InputError(f"{step.name}: {error}", where=step.where) from error
        return StepResult(at_ns=self._now_ns(), name=step.name, where=step.where, text=text, note=step.note)

    def _do(self, step: Step) -> str:
        node = self._node
        match step.action:
            case Apply(manifests=found):
                return "created " + ", ".join(key for one in found for key in node.apply(one))
            case ApplyFiles(paths=paths):
                return "created " + ", ".join(key for path in paths for key in node.apply(self._folder / path))
            case Delete(pod=pod, grace_period_seconds=seconds):
                node.delete(pod, grace_seconds=seconds)
                return pod
            case AddEphemeralContainer() | Resize() | SetCondition() | ApplyStatic() | RemoveStatic():
                return self._change_pod(step)
            case Exec() as action:
                result = run_exec(action, node)
                outcome = result.get("error") or f"exit code {result['exitCode']}"
                return f"{' '.join(action.command)}: {outcome}"
            case Shutdown():
                node.shutdown()
                return "the machine is asked to shut down"
            case CancelShutdown():
                node.cancel_shutdown()
                return "the shutdown is called off"
            case RestartKubelet(down_for=down_for):
                node.restart_kubelet(down_for=down_for)
                return f"down for {down_for}"
            case RestartRuntime(down_for=down_for):
                node.restart_runtime(down_for=down_for)
                return f"down for {down_for}"
            case ContainerExit() as action:
                node.exit_container(action.pod, action.exit_code, container=action.container, reason=action.reason)
                return f"{action.pod}: exit code {action.exit_code}"
            case CriCall() as call:
                return self._call(call)
            case _:
                return self._change(step)

    def _change_pod(self, step: Step) -> str:
        """What is done to a pod past its main resource: through its subresources, or in the kubelet's folder."""
        node = self._node
        match step.action:
            case AddEphemeralContainer(pod=pod, container=container):
                node.add_ephemeral_container(pod, container)
                return f"{pod}: {container['name']}"
            case Resize(pod=pod, patch=patch):
                node.resize(pod, patch)
                return pod
            case SetCondition() as action:
                reason, message = action.reason, action.message
                node.set_condition(action.pod, action.type, action.status, reason=reason, message=message)
                return f"{action.pod}: {action.type}={action.status}"
            case ApplyStatic(manifests=found):
                return "written " + ", ".join(key for one in found for key in node.apply_static(one))
            case RemoveStatic(pod=pod):
                node.remove_static(pod)
                return pod
            case _:
                raise AssertionError(step.name)

    def _change(self, step: Step) -> str:
        """What the runtime, the registries and the disk are like from now on."""
        node = self._node
        match step.action:
            case SetFeatures(features=features):
                for name, value in features.items():
                    node.runtime.set_feature(FEATURES[name], value)
                return ", ".join(f"{name} {value}" for name, value in features.items())
            case TagImage(image=image, as_=name):
                node.runtime.tag_image(name, image)
                return f"{name} means {image}"
            case FillDisk(amount=amount):
                node.fill_disk(amount)
                return f"other files take {amount}"
            case FillMemory(amount=amount):
                node.fill_memory(amount)
                return f"other processes take {amount} of memory"
            case _:
                raise AssertionError(step.name)

    def _call(self, call: CriCall) -> str:
        result = run_call(call, self._node, self._kept)
        error = result.get("error")
        if call.as_ is not None:
            if error is not None:
                raise InputError(f"there is no answer to keep: {error['message']}", hint="leave out `as`")
            self._kept[call.as_] = result["response"]
        return f"{call.method}: {'OK' if error is None else '{code}: {message}'.format(**error)}"

    def _expect(self, step: Step, expect: Expect) -> StepResult:
        if expect.for_ is not None:
            judgement = self._hold(expect, parse_duration(expect.for_))
        else:
            limit_ns = parse_duration(expect.within) if expect.within is not None else 0
            end_ns = self._node.now_ns + limit_ns
            judgement = judge(expect, self._node, self._kept)
            while not judgement.holds and self._node.now_ns < end_ns:
                self._advance_to(min(end_ns, self._node.now_ns + POLL_NS))
                judgement = judge(expect, self._node, self._kept)
        return StepResult(
            at_ns=self._now_ns(),
            name=step.name,
            where=step.where,
            text=judgement.text,
            passed=judgement.holds,
            note=step.note,
        )

    def _hold(self, expect: Expect, duration_ns: int) -> Judgement:
        end_ns = self._node.now_ns + duration_ns
        judgement = judge(expect, self._node, self._kept)
        while judgement.holds and self._node.now_ns < end_ns:
            self._advance_to(min(end_ns, self._node.now_ns + POLL_NS))
            judgement = judge(expect, self._node, self._kept)
        return judgement

    def _advance_to(self, time_ns: int) -> None:
        if time_ns > self._node.now_ns:
            self._node.advance(format_duration(time_ns - self._node.now_ns))

    def _now_ns(self) -> int:
        return self._node.now_ns - self._start_ns


def _check(step: Step) -> None:
    """Raises InputError for a step that cannot be played: before anything is."""
    hint = "see the differences list of the README"
    if isinstance(step.action, Fault | ClearFault):
        raise InputError(f"{step.name} is not available yet", where=step.where, hint=hint)
    command = step.action.exec if isinstance(step.action, Expect) else step.action
    if isinstance(command, Exec) and command.stdin:
        raise InputError("exec with stdin is not available yet", where=step.where, hint=hint)
    call = step.action.cri if isinstance(step.action, Expect) else step.action
    if isinstance(call, CriCall):
        raw_method(call.method, step.where)
    if isinstance(step.action, Expect):
        try:
            check_path(step.action.path)
        except InputError as error:
            raise InputError(error.what, where=step.where, hint=error.hint) from error
    if isinstance(step.action, SetFeatures):
        for name in step.action.features:
            if name not in FEATURES:
                what = f"the runtime has no feature {name!r}{nearest(name, FEATURES)}"
                raise InputError(what, where=step.where, hint=f"features: {', '.join(sorted(FEATURES))}")


def expectations(result: ScenarioResult) -> Sequence[StepResult]:
    """The steps that expected something."""
    return [step for step in result.steps if step.passed is not None]
