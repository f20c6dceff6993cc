"""Which feature gates a kubelet version has, and which are on for a given configuration.

Two tables: the gates that kubesim asks (`feature_gates_data`), and those that a kubelet takes and that change nothing
here (`feature_gates_others`). A few of the latter would change something: turning one on is refused, since it would
promise a behaviour that is not there.

Mirrors kubelet: staging/src/k8s.io/component-base/featuregate/feature_gate.go, SetFromMap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Literal

from kubesim.errors import InputError
from kubesim.policy.feature_gate_dependencies import DEPENDENCIES
from kubesim.policy.feature_gates_data import CELLS, VERSIONS
from kubesim.policy.feature_gates_others import NOT_EMULATED, OTHER_CELLS

Stage = Literal["Alpha", "Beta", "GA", "Deprecated"]

NEWEST_VERSION = VERSIONS[-1]

_STAGES: Mapping[str, Stage] = {"A": "Alpha", "B": "Beta", "G": "GA", "D": "Deprecated"}
_STAGE_SWITCHES: Mapping[str, Stage] = {"AllAlpha": "Alpha", "AllBeta": "Beta"}
ALWAYS_ON = "!"
"""The cell of a gate that is gone, because what it switched is always there."""
_FIRST_VERSION_WITH_DEPENDENCIES = "1.35"  # older kubelets started with any combination of unlocked gates


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGate:
    """One gate in one version: its stage, its default, and whether the default can not be changed."""

    stage: Stage
    default: bool
    locked: bool


def feature_gates(version: str) -> Mapping[str, FeatureGate]:
    """The gates that exist in a kubelet version ("1.28" to "1.36"), by name.

    A patch level ("1.33.4", "v1.33.4") is accepted: gates never change within a minor version.

    Raises:
        InputError: the version is not one of the table.
    """
    if not isinstance(version, str):
        # 1.30 without quotes is 1.3 to Python: what was meant cannot be told from the number.
        what = f"{version!r} is of type {type(version).__name__}"
        raise InputError(what, where="feature_gates(version)", hint=f'give text, such as "{NEWEST_VERSION}"')
    return _gates_of(_minor(version))


def resolve_gates(version: str, overrides: Mapping[str, bool] | None = None) -> Mapping[str, bool]:
    """Which gates are on in a kubelet of that version with these `featureGates`; gates of later versions are absent.

    `AllAlpha` and `AllBeta` set every gate of their stage that is not named itself. A gate that is gone because what it
    switched is always there is on.

    Raises:
        InputError: with the kubelet's own words for a gate that does not exist or is locked, and for a gate that is
            on while one it depends on is off; several problems are listed in brackets, by name. In words of kubesim,
            for a gate that is on and not emulated.
    """
    known = feature_gates(version)
    chosen = dict(overrides or {})
    problems, hints = [], []
    for name, value in sorted(chosen.items()):
        if name in _STAGE_SWITCHES:
            continue
        gate = known.get(name)
        if gate is None:
            problems.append(f"unrecognized feature gate: {name}")
            hints += get_close_matches(name, known, n=1)
        elif gate.locked and value != gate.default:
            problems.append(_locked_message(name, value=value, default=gate.default))
    if not problems:
        enabled = _switched(_minor(version), chosen)
        if VERSIONS.index(_minor(version)) >= VERSIONS.index(_FIRST_VERSION_WITH_DEPENDENCIES):
            problems = _unmet_dependencies(enabled)
    if problems:
        what = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        hint = f"did you mean {', '.join(hints)}" if hints else ""
        raise InputError(what, where="featureGates", hint=hint)
    _refuse_not_emulated(enabled)
    return MappingProxyType(enabled)


def gate_warnings(version: str, overrides: Mapping[str, bool]) -> list[tuple[str, Stage, bool]]:
    """The gates that a kubelet warns of when they are set: those that are GA or deprecated, with the value, by name.

    Mirrors kubelet: feature_gate.go, unsafeSetFromMap.
    """
    known = feature_gates(version)
    return [
        (name, known[name].stage, value)
        for name, value in sorted(overrides.items())
        if name in known and known[name].stage in {"GA", "Deprecated"}
    ]


def gate_enabled(gates: Mapping[str, bool], name: str) -> bool:
    """Whether a gate is on; a gate that does not exist in that version is off.

    `name` must be a gate of the table: a misspelt name in our own code fails instead of reading as off.
    """
    is_on = gates.get(name)
    if is_on is None:
        assert name in CELLS, f"{name} is not in the table of feature gates"
        return False
    return is_on


def _minor(version: str) -> str:
    minor = ".".join(version.removeprefix("v").split(".")[:2])
    if minor not in VERSIONS:
        raise InputError(f"unknown kubelet version {version!r}", hint=f"known versions: {', '.join(VERSIONS)}")
    return minor


@cache
def _gates_of(minor: str) -> Mapping[str, FeatureGate]:
    column = VERSIONS.index(minor)
    gates = {}
    for name, row in {**CELLS, **OTHER_CELLS}.items():
        cell = row.split()[column]
        if cell not in {".", ALWAYS_ON}:
            gates[name] = FeatureGate(stage=_STAGES[cell[0]], default=cell[1] == "+", locked=cell.endswith("L"))
    return MappingProxyType(gates)


@cache
def _always_on(minor: str) -> frozenset[str]:
    column = VERSIONS.index(minor)
    return frozenset(name for name, row in CELLS.items() if row.split()[column] == ALWAYS_ON)


def _locked_message(name: str, *, value: bool, default: bool) -> str:
    return f"cannot set feature gate {name} to {_go(value)}, feature is locked to {_go(default)}"


def _go(value: bool) -> str:
    return "true" if value else "false"


def _switched(minor: str, chosen: Mapping[str, bool]) -> dict[str, bool]:
    known = _gates_of(minor)
    enabled = {name: gate.default for name, gate in known.items()}
    enabled.update(dict.fromkeys(_always_on(minor), True))
    for switch, stage in _STAGE_SWITCHES.items():
        if switch in chosen:
            enabled.update({name: chosen[switch] for name, gate in known.items() if gate.stage == stage})
    enabled.update({name: value for name, value in chosen.items() if name in known})
    return enabled


def _unmet_dependencies(enabled: Mapping[str, bool]) -> list[str]:
    problems = []
    for name, needed in sorted(DEPENDENCIES.items()):
        missing = [other for other in sorted(needed) if not enabled.get(other, False)]
        if enabled.get(name, False) and missing:
            problems.append(f"{name} is enabled, but depends on features that are disabled: [{' '.join(missing)}]")
    return problems


def _refuse_not_emulated(enabled: Mapping[str, bool]) -> None:
    wanted = [name for name in sorted(NOT_EMULATED) if enabled.get(name, False)]
    if wanted:
        raise InputError(
            "; ".join(f"the feature gate {name} is not emulated yet: {NOT_EMULATED[name]}" for name in wanted),
            where="featureGates",
            hint=f"set {', '.join(wanted)} to false",
        )


DEFAULT_GATES = resolve_gates(NEWEST_VERSION)
"""The gates of an unconfigured kubelet of the newest version; the default of every rule that reads gates."""
