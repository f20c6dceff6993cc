"""Identities as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubesim.cli.tables import table

if TYPE_CHECKING:
    from kubesim.node.explained_container import ExplainedContainer, Refusal
    from kubesim.node.identity_compared import ComparedIdentity
    from kubesim.policy.deciding_switches import DecidingSwitch
    from kubesim.policy.identity import TraceStep


def explained_text(one: ExplainedContainer) -> str:
    """One container under one profile: the answer, a row for each decision, and what nobody could have seen."""
    policy = f", policy {one.policy}" if one.policy else ""
    head = f"{_who(one)}, {one.profile}, kubelet {one.kubelet_version}{policy}"
    rows = [(by, *_cells(step)) for by, step in _steps(one)]
    lines = [head, answer_text(one), "", table(("BY", "RULE", "OUTCOME", "ID", "FROM", "WHY"), rows)]
    rest = [*_unseen_lines(one), *_strict_lines(one)]
    return "\n".join([*lines, "", *rest] if rest else lines)


def compared_text(one: ComparedIdentity) -> str:
    """One container under two profiles: only what differs, and why."""
    before, after = one.before, one.after
    head = f"{_who(before)}, kubelet {before.kubelet_version}"
    if one.change == "same":
        return f"{head}\nthe same under {before.profile} and {after.profile}: {answer_text(before)}"
    cells = zip(("answer", "uid", "gid", "groups"), _answer_cells(before), _answer_cells(after), strict=True)
    lines = [head, table(("", before.profile, after.profile), [row for row in cells if row[1] != row[2]])]
    if one.change == "order":
        lines.append("the same groups in another order")
    for name, refusal in ((before.profile, before.refusal), (after.profile, after.refusal)):
        if refusal is not None:
            lines.append(f"{name}: {refusal_text(refusal)}")
    for name, steps in ((before.profile, one.only_before), (after.profile, one.only_after)):
        if steps:
            lines += ["", f"only {name}:", table(("RULE", "OUTCOME", "ID", "FROM", "WHY"), map(_cells, steps))]
    if one.switches:
        lines += ["", *switch_lines(one.switches, before.profile, after.profile)]
    return "\n".join(lines)


def switch_lines(switches: Iterable[DecidingSwitch], before: str, after: str) -> list[str]:
    """The switches that decide, with the reasons of both profiles."""
    width = max(len(before), len(after))
    return [
        line
        for one in switches
        for line in (
            f"decided by {one.key}",
            f"  {before.ljust(width)}  {one.before}: {one.why_before}",
            f"  {after.ljust(width)}  {one.after}: {one.why_after}",
        )
    ]


def answer_text(one: ExplainedContainer) -> str:
    """The answer alone, in a line."""
    if one.refusal is not None:
        return refusal_text(one.refusal)
    if one.identity is None:
        return f"user name {one.username or 'of the base image'}; Windows has no uid, gid and groups"
    identity = one.identity
    return f"uid={identity.uid} gid={identity.gid} groups={_joined(identity.supplemental_groups, ',') or 'none'}"


def refusal_text(refusal: Refusal) -> str:
    """A refusal in a line."""
    return f"refused by the {refusal.by} ({refusal.reason}): {refusal.message}"


def _who(one: ExplainedContainer) -> str:
    return f"{one.pod} {one.kind} {one.container}, image {one.image}"


def _steps(one: ExplainedContainer) -> list[tuple[str, TraceStep]]:
    return [
        *(("kubelet", step) for step in one.kubelet_steps),
        *(("runtime", step) for step in one.runtime_steps),
    ]


def _cells(step: TraceStep) -> tuple[str, str, str, str, str]:
    number = step.gid if step.gid is not None else step.uid
    place = place_text(step.file, step.line)
    return step.rule, step.outcome, "-" if number is None else str(number), place, step.text


def place_text(file: str, line: int | None) -> str:
    """Where a step comes from. The folder of a manifest says nothing about the step, and JSON has it."""
    name = file if file.startswith("/etc/") else file.rpartition("/")[2]
    return f"{name}:{line}" if name and line else name or "-"


def _answer_cells(one: ExplainedContainer) -> tuple[str, str, str, str]:
    if one.identity is None:
        return "refused" if one.refusal is not None else one.username, "-", "-", "-"
    identity = one.identity
    groups = _joined(identity.supplemental_groups, ",") or "none"
    return "runs", str(identity.uid), str(identity.gid), groups


def _unseen_lines(one: ExplainedContainer) -> list[str]:
    if one.unseen is None or one.identity is None:
        return []
    unseen, identity = one.unseen, one.identity
    parts = [f"uid {identity.uid}"] if unseen.uid else []
    parts += [f"gid {identity.gid}"] if unseen.gid else []
    if unseen.groups:
        parts.append(f"group{'s' if len(unseen.groups) > 1 else ''} {_joined(unseen.groups)}")
    return [f"not in the manifest: {', '.join(parts) or 'nothing'}"]


def _strict_lines(one: ExplainedContainer) -> list[str]:
    strict = one.strict
    if strict is None:
        return []
    ignored = "" if strict.is_known else f" (if {one.profile} knew it: it does not, and merges)"
    if one.identity is not None:
        removed = _joined(strict.removed) or "nothing"
        return [f"Strict would remove: {removed}{ignored}"]
    if one.refusal is None or strict.identity is None or one.policy == "Strict":
        return []
    identity = strict.identity
    groups = _joined(identity.supplemental_groups, ",") or "none"
    return [f"Strict would not be refused: uid={identity.uid} gid={identity.gid} groups={groups}{ignored}"]


def _joined(numbers: Iterable[int], separator: str = ", ") -> str:
    return separator.join(map(str, numbers))
