"""Identities as JSON for programs. Keys are only ever added; `kubesim explain identity --help` lists them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubesim.node.explained_container import ExplainedContainer, Refusal
    from kubesim.node.identity_compared import ComparedIdentity
    from kubesim.policy.deciding_switches import DecidingSwitch
    from kubesim.policy.identity import TraceStep

EXPLAINED_KEYS = """\
JSON (-o json): a list with an object for each container
  pod, container, image    namespace/name of the pod, name of the container, image as the manifest names it
  kind                     container, init container or ephemeral container
  profile, kubeletVersion, os
  policy                   Merge or Strict as the kubelet sends it; null on Windows
  refusal                  null, or {by: kubelet or runtime, reason, message}: there is no identity then
  uid, gid, supplementalGroups
                           null with a refusal and on Windows
  username                 of the passwd line that was used, or the Windows user; null for none
  notInManifest            null without ids, else {uid, gid: true when no field of the manifest says it, groups: [...]}
  strict                   null on Windows and when the runtime is not asked, else {known: whether the runtime knows
                           Strict, removes: [...], refused: whether it refuses with Strict as well}
  trace                    the decisions in order: {by: kubelet or runtime, rule, outcome: uid, gid, added, left-out,
                           sent, refused or note, uid, gid, file, line, text}; null for what does not apply
"""

COMPARED_KEYS = """\
JSON with two profiles: a list with an object for each container
  pod, container, kind, image
  change                   same; order: the same groups in another order; identity; refused: only after; allowed: only
                           before; message: both refuse, not in the same words
  before, after            as without a second profile
  onlyBefore, onlyAfter    the steps that only one profile makes
  switches                 what in the profiles decides: {key, before, after, whyBefore, whyAfter}
"""


def explained_json(one: ExplainedContainer) -> dict[str, Any]:
    """One container under one profile."""
    identity, unseen, strict = one.identity, one.unseen, one.strict
    username = one.username if identity is None else identity.username
    return {
        "pod": one.pod,
        "container": one.container,
        "kind": one.kind,
        "image": one.image,
        "profile": one.profile,
        "kubeletVersion": one.kubelet_version,
        "os": one.os,
        "policy": one.policy or None,
        "refusal": refusal_json(one.refusal),
        "uid": None if identity is None else identity.uid,
        "gid": None if identity is None else identity.gid,
        "supplementalGroups": None if identity is None else list(identity.supplemental_groups),
        "username": username or None,
        "notInManifest": None
        if unseen is None
        else {"uid": unseen.uid, "gid": unseen.gid, "groups": list(unseen.groups)},
        "strict": None
        if strict is None
        else {"known": strict.is_known, "removes": list(strict.removed), "refused": strict.identity is None},
        "trace": [*_steps("kubelet", one.kubelet_steps), *_steps("runtime", one.runtime_steps)],
    }


def refusal_json(refusal: Refusal | None) -> dict[str, str] | None:
    """Who refuses, and with which words; None for nobody."""
    if refusal is None:
        return None
    return {"by": refusal.by, "reason": refusal.reason, "message": refusal.message}


def compared_json(one: ComparedIdentity) -> dict[str, Any]:
    """One container under two profiles."""
    return {
        "pod": one.before.pod,
        "container": one.before.container,
        "kind": one.before.kind,
        "image": one.before.image,
        "change": one.change,
        "before": explained_json(one.before),
        "after": explained_json(one.after),
        "onlyBefore": [_step(step) for step in one.only_before],
        "onlyAfter": [_step(step) for step in one.only_after],
        "switches": switches_json(one.switches),
    }


def switches_json(switches: Iterable[DecidingSwitch]) -> list[dict[str, Any]]:
    """Switches that decide."""
    return [
        {
            "key": one.key,
            "before": one.before,
            "after": one.after,
            "whyBefore": one.why_before,
            "whyAfter": one.why_after,
        }
        for one in switches
    ]


def _steps(by: str, steps: Iterable[TraceStep]) -> list[dict[str, Any]]:
    return [{"by": by, **_step(step)} for step in steps]


def _step(step: TraceStep) -> dict[str, Any]:
    return {
        "rule": step.rule,
        "outcome": step.outcome,
        "uid": step.uid,
        "gid": step.gid,
        "file": step.file or None,
        "line": step.line,
        "text": step.text,
    }
