"""The runs of a scenario: one, or one for each combination of what `spec.sweep` lists.

    sweep: {profile: [containerd-2.0, cri-o-1.36], kubeletVersion: ["1.32", "1.36"]}      # four runs

A run is a node, and the values that tell it from the others; they stand behind the scenario's name in every report:
`i15-strict[containerd-2.0, 1.32]`. `when` of a step names the runs that it is part of, in the same words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model.convert import error_at
from kubesim.model.mistakes import nearest, one_of
from kubesim.model.paths import Path
from kubesim.model.scenario_document import NodeSpec, ScenarioSpec, StepSpec, SweepSpec, When
from kubesim.model.yaml_text import Document

AXES = {"profile": "profile", "kubeletVersion": "kubelet_version", "cgroupDriver": "cgroup_driver", "os": "os"}
"""What can be swept: its name in the document, and its attribute; in the order in which runs are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptRun:
    """One run."""

    node: NodeSpec
    values: tuple[tuple[str, str], ...] = ()
    """Axis and value: ("profile", "containerd-2.0"). Empty without a sweep."""

    def is_named_by(self, when: When | None) -> bool:
        """Whether a step with this `when` is part of the run."""
        if when is None:
            return True
        return all(
            any(_matches(pattern, value) for pattern in _patterns(when, axis))
            for axis, value in self.values
            if getattr(when, AXES[axis]) is not None
        )

    def name(self, scenario: str) -> str:
        """What the run is called in reports."""
        return f"{scenario}[{', '.join(_shown(value) for _, value in self.values)}]" if self.values else scenario


def swept_runs(document: Document, spec: ScenarioSpec, errors: list[InputError]) -> tuple[SweptRun, ...]:
    """Every run, the first axis changing slowest. Mistakes of `sweep` and of each `when` go to `errors`."""
    axes = {} if spec.sweep is None else dict(_axes(document, spec.sweep, errors))
    for index, step in enumerate(spec.steps):
        if step.when is not None:
            errors.extend(_when_errors(document, ("spec", "steps", index, "when"), step.when, axes))
    runs = tuple(
        SweptRun(
            node=replace(spec.node, **{AXES[axis]: value for axis, value in zip(axes, values, strict=True)}),
            values=tuple(zip(axes, values, strict=True)),
        )
        for values in itertools.product(*axes.values())
    )
    if not errors:
        errors.extend(_unjudged(document, spec.steps, runs))
    return runs


def swept_path(document: Document, values: tuple[tuple[str, str], ...], axis: str) -> Path:
    """Where a field of the node was written, for the run that these values tell from the others."""
    for name, value in values:
        if name == axis:
            return ("spec", "sweep", axis, document.value["spec"]["sweep"][axis].index(value))
    return ("spec", "node", axis)


def _axes(document: Document, sweep: SweepSpec, errors: list[InputError]) -> Iterator[tuple[str, list[str]]]:
    path: Path = ("spec", "sweep")
    node = document.value["spec"].get("node") or {}
    given = {axis: values for axis, name in AXES.items() if (values := getattr(sweep, name)) is not None}
    if not given:
        errors.append(error_at(document, path, "nothing is swept", hint=f"expected {one_of(AXES)}, each with a list"))
    for axis, values in given.items():
        if not values:
            errors.append(error_at(document, (*path, axis), "no value to sweep", hint="expected at least one"))
        for index, value in enumerate(values):
            if value in values[:index]:
                errors.append(error_at(document, (*path, axis, index), f"{value} is there twice"))
        if axis in node:
            what = f"{axis} is swept and set"
            errors.append(error_at(document, ("spec", "node", axis), what, hint="leave it out of the node"))
        yield axis, values


def _when_errors(document: Document, path: Path, when: When, axes: dict[str, list[str]]) -> Iterator[InputError]:
    given = [axis for axis, name in AXES.items() if getattr(when, name) is not None]
    if not given:
        yield error_at(document, path, "names no run", hint="leave out `when`, or say e.g. `when: {profile: cri-o-*}`")
    for axis in given:
        values = axes.get(axis)
        if values is None:
            yield error_at(
                document, (*path, axis), f"{axis} is not swept", hint=f"list its values in spec.sweep.{axis}"
            )
            continue
        patterns = _patterns(when, axis)
        if not patterns:
            yield error_at(document, (*path, axis), "no value", hint=f"expected {one_of(values)}")
        for index, pattern in enumerate(patterns):
            if not any(_matches(pattern, value) for value in values):
                where = (*path, axis, index) if isinstance(getattr(when, AXES[axis]), list) else (*path, axis)
                what = f"no run has {axis} {pattern!r}{nearest(pattern, values)}"
                yield error_at(document, where, what, hint=f"expected {one_of(values)}")


def _unjudged(document: Document, steps: list[StepSpec], runs: tuple[SweptRun, ...]) -> Iterator[InputError]:
    """A run of a sweep in which nothing is expected would pass whatever happens."""
    judged = [step for step in steps if step.expect is not None]
    for run in runs:
        if run.values and not any(run.is_named_by(step.when) for step in judged):
            what = f"nothing is expected of the run {', '.join(value for _, value in run.values)}"
            yield error_at(document, ("spec", "steps"), what, hint="add an expect step, or take the value out of sweep")


def _shown(value: str) -> str:
    """A value as the name of a run has it: of a file, its name."""
    return value.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")


def _patterns(when: When, axis: str) -> list[str]:
    written: str | list[str] | None = getattr(when, AXES[axis])
    return [written] if isinstance(written, str) else written or []


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value) is not None
