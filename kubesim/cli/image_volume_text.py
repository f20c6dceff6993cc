"""Image volumes as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.cli.identity_text import place_text, refusal_text, switch_lines
from kubesim.cli.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubesim.node.image_volume_compared import ComparedVolume
    from kubesim.node.image_volume_explained import ExplainedVolume, ListedEntry
    from kubesim.policy.image_volume_steps import VolumeStep

ENTRIES_SHOWN = 20
"""How many names of a directory are shown; -o json has all."""

_TYPES = {"directory": "d", "symlink": "l", "fifo": "p", "character device": "c", "block device": "b"}


def volume_text(one: ExplainedVolume) -> str:
    """One mount under one profile: what lies there, and a row for each decision."""
    lines = [f"{_who(one)}, {one.profile}, kubelet {one.kubelet_version}", answer_text(one), ""]
    if one.entries:
        lines += [_listing(one.entries), ""]
    return "\n".join([*lines, _steps(one.steps)])


def compared_volume_text(one: ComparedVolume) -> str:
    """One mount under two profiles: only what differs, and why."""
    before, after = one.before, one.after
    head = f"{_who(before)}, kubelet {before.kubelet_version}"
    if one.change == "same":
        return f"{head}\nthe same under {before.profile} and {after.profile}: {answer_text(before)}"
    width = max(len(before.profile), len(after.profile))
    lines = [head, *(f"{side.profile.ljust(width)}  {answer_text(side)}" for side in (before, after))]
    if one.change == "status":
        lines.append("the same content, which the status shows otherwise")
    for name, steps in ((before.profile, one.only_before), (after.profile, one.only_after)):
        if steps:
            lines += ["", f"only {name}:", _steps(steps)]
    if one.switches:
        lines += ["", *switch_lines(one.switches, before.profile, after.profile)]
    return "\n".join(lines)


def answer_text(one: ExplainedVolume) -> str:
    """The answer alone, in a line."""
    if one.refusal is not None:
        return refusal_text(one.refusal)
    if not one.source:
        return "nothing is mounted: no blob of the artifact has a name"
    what = "the files of the artifact" if one.is_artifact else f"{one.source} of the image"
    digest = one.status_image_ref or "none"
    return f"mounted read-only: {what}; digest in the runtime's status: {digest}"


def _who(one: ExplainedVolume) -> str:
    return f"{one.pod} {one.kind} {one.container}, volume {one.volume} at {one.mount_path}, image {one.reference}"


def _steps(steps: Iterable[VolumeStep]) -> str:
    rows = [(one.by, one.rule, one.outcome, place_text(one.file, one.line), one.text) for one in steps]
    return table(("BY", "RULE", "OUTCOME", "FROM", "WHY"), rows)


def _listing(entries: tuple[ListedEntry, ...]) -> str:
    rows = []
    for one in entries[:ENTRIES_SHOWN]:
        target = f" -> {one.target}" if one.target else ""
        mode = f"{_TYPES.get(one.kind, '-')}{one.mode:04o}"
        rows.append((mode, f"{one.uid}:{one.gid}", one.size_bytes, f"{one.name}{target}"))
    text = table(("MODE", "OWNER", "BYTES", "NAME"), rows)
    left = len(entries) - ENTRIES_SHOWN
    return f"{text}\n... and {left} more" if left > 0 else text
