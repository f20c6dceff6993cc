"""What a mount of an image volume is under two profiles, and which of their switches make the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.images.catalogue import Catalogue
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.image_volume_explained import ExplainedVolume, explain_image_volume
from kubesim.node.step_difference import steps_not_in
from kubesim.policy.deciding_switches import DecidingSwitch, deciding_switches
from kubesim.policy.image_volume_steps import VolumeStep
from kubesim.policy.runtime_profile import RuntimeProfile

VolumeChange = Literal["same", "status", "content", "refused", "allowed", "message"]
"""`status`: the same content, and the status shows it otherwise. `content`: something else is mounted. `refused`: only
the second profile refuses. `allowed`: only the first does. `message`: both refuse, in other words."""

DECIDING_KEYS = ("imageVolumes.", "images.storesArtifacts", "images.idForm", "images.pullReturns", "texts")
"""The switches that an image volume may hang on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedVolume:
    """One mount under two profiles."""

    before: ExplainedVolume
    after: ExplainedVolume
    change: VolumeChange
    only_before: tuple[VolumeStep, ...] = ()
    """Steps that only the first profile makes."""
    only_after: tuple[VolumeStep, ...] = ()
    switches: tuple[DecidingSwitch, ...] = ()
    """What in the profiles makes the difference, with the reasons of both."""


def compare_image_volume(
    manifest: Manifest | v1.Pod,
    path: Path,
    index: int,
    before: ExplainedNode,
    after: ExplainedNode,
    catalogue: Catalogue,
) -> ComparedVolume:
    """One mount on two nodes that have different profiles. Raises InputError as explain_image_volume does."""
    first = explain_image_volume(manifest, path, index, before, catalogue)
    second = explain_image_volume(manifest, path, index, after, catalogue)
    change = _change(first, second)
    if change == "same":
        return ComparedVolume(before=first, after=second, change=change)

    def answer(profile: RuntimeProfile) -> object:
        found = explain_image_volume(manifest, path, index, replace(before, profile=profile), catalogue)
        return _content(found) if change == "content" else _outcome(found)

    return ComparedVolume(
        before=first,
        after=second,
        change=change,
        only_before=steps_not_in(second.steps, first.steps),
        only_after=steps_not_in(first.steps, second.steps),
        switches=deciding_switches(before.profile, after.profile, answer, keys=DECIDING_KEYS),
    )


def _content(one: ExplainedVolume) -> object:
    return one.refusal, one.source, one.entries


def _outcome(one: ExplainedVolume) -> object:
    return _content(one), one.status_image, one.status_image_ref


def _change(before: ExplainedVolume, after: ExplainedVolume) -> VolumeChange:
    if _outcome(before) == _outcome(after):
        return "same"
    if before.refusal is not None or after.refusal is not None:
        if before.refusal is None:
            return "refused"
        return "allowed" if after.refusal is None else "message"
    return "status" if _content(before) == _content(after) else "content"
