"""Compares what the emulated kubelet publishes with what the real one published."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubesim.errors import KubesimError
from scripts.recordings.calls import normalised_calls
from scripts.recordings.events import difference_of_times, in_order, normalised_events
from scripts.recordings.folder import Folder
from scripts.recordings.normal import normalised
from scripts.recordings.play import NotPlayable, play

EQUAL, DIFFERENT, NOT_PLAYED = VERDICTS = ("equal", "different", "not played")

SEEDS = range(1, 13)
"""Retries and back-offs wait by chance. A real node draws once: what it published must be what one of ours can."""


@dataclass(frozen=True)
class Verdict:
    """How one sequence compares: "equal", "different" or "not played", and the first difference or the reason."""

    verdict: str
    detail: str = ""

    @property
    def is_equal(self) -> bool:
        return self.verdict == EQUAL


@dataclass(frozen=True)
class Outcome:
    """How one pod compares: its published versions, and the writes of its Events."""

    name: str
    versions: Verdict
    events: Verdict
    calls: Verdict
    """Of the runtime: where they were recorded."""

    @property
    def is_equal(self) -> bool:
        return all(self.rank)

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        return self.versions.is_equal, self.events.is_equal, self.calls.verdict != DIFFERENT


def compare(name: str, folder: Folder, images: list[Path]) -> Outcome:
    """Play one recorded pod and compare; the first seed that gives what was recorded counts, else the best."""
    if not folder.is_recorded(name):
        reason = Verdict(NOT_PLAYED, "not recorded: no golden/NAME.jsonl")
        return Outcome(name, reason, reason, reason)
    has_pod_cgroups = folder.plan(name).configuration.get("cgroupsPerQOS", True)
    best: Outcome | None = None
    for seed in SEEDS:
        try:
            played = play(name, folder, images, seed=seed)
        except (NotPlayable, KubesimError) as error:
            reason = Verdict(NOT_PLAYED, str(error).splitlines()[0])
            return Outcome(name, reason, reason, reason)
        outcome = Outcome(
            name,
            compare_versions(folder.versions(name), played.versions, has_pod_cgroups=has_pod_cgroups),
            compare_events(folder.events(name), played.events),
            compare_calls(folder.calls(name), played.calls),
        )
        if best is None or outcome.rank > best.rank:
            best = outcome
        if best.is_equal:
            break
    assert best is not None, "there are seeds"
    return best


def compare_versions(
    recorded: Sequence[dict[str, Any]], played: Sequence[dict[str, Any]], *, has_pod_cgroups: bool = False
) -> Verdict:
    """The sequences of published versions; `has_pod_cgroups` as in `normalised`."""
    return _compare(
        "version",
        normalised(recorded, has_pod_cgroups=has_pod_cgroups),
        normalised(played, has_pod_cgroups=has_pod_cgroups),
    )


def compare_events(recorded: Sequence[dict[str, Any]], played: Sequence[dict[str, Any]]) -> Verdict:
    """The sequences of writes of Events: what they say, then when."""
    verdict = _compare("event", normalised_events(recorded), normalised_events(played))
    times = difference_of_times(in_order(recorded), in_order(played)) if verdict.is_equal else ""
    return Verdict(DIFFERENT, times) if times else verdict


def compare_calls(recorded: Sequence[dict[str, Any]] | None, played: Sequence[dict[str, Any]]) -> Verdict:
    """What the kubelets asked of the runtime, call by call with all arguments."""
    if recorded is None:
        return Verdict(NOT_PLAYED, "calls were not recorded")
    return _compare("call", normalised_calls(recorded), normalised_calls(played))


def _compare(what: str, recorded: list[dict[str, Any]], played: list[dict[str, Any]]) -> Verdict:
    for index, (want, have) in enumerate(itertools.zip_longest(recorded, played)):
        if want != have:
            return Verdict(DIFFERENT, f"{what} {index} of {len(recorded)}: {difference(want, have)}")
    return Verdict(EQUAL, f"{len(recorded)} {what}s")


def difference(want: Any, have: Any, path: str = "") -> str:
    """The first place where two values differ."""
    if isinstance(want, dict) and isinstance(have, dict):
        for key in sorted(want.keys() | have.keys()):
            if want.get(key) != have.get(key):
                return difference(want.get(key), have.get(key), f"{path}.{key}")
    if isinstance(want, list) and isinstance(have, list):
        for index, (one, other) in enumerate(itertools.zip_longest(want, have)):
            if one != other:
                return difference(one, other, f"{path}[{index}]")
    return f"{path.lstrip('.') or 'whole'}: recorded {short(want)}, published {short(have)}"


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 220 else text[:217] + "..."
