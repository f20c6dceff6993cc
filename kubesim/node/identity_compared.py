"""What the identity of a container is under two profiles, and which of their switches make the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.images.catalogue import Catalogue
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path
from kubesim.node.explained_container import ExplainedContainer, ExplainedNode
from kubesim.node.identity_explained import explain_container
from kubesim.node.pod_templates import pod_of
from kubesim.node.step_difference import steps_not_in
from kubesim.policy.deciding_switches import DecidingSwitch, deciding_switches
from kubesim.policy.identity import TraceStep
from kubesim.policy.runtime_profile import RuntimeProfile

Change = Literal["same", "order", "identity", "refused", "allowed", "message"]
"""`order`: the same groups in another order. `identity`: another uid, gid or set of groups. `refused`: only the second
profile refuses. `allowed`: only the first does. `message`: both refuse, in other words or for other reasons."""

DECIDING_KEYS = ("identity.", "status.supplementalGroupsPolicy", "texts")
"""The switches that an identity may hang on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedIdentity:
    """One container under two profiles."""

    before: ExplainedContainer
    after: ExplainedContainer
    change: Change
    only_before: tuple[TraceStep, ...] = ()
    """Steps that only the first profile makes."""
    only_after: tuple[TraceStep, ...] = ()
    switches: tuple[DecidingSwitch, ...] = ()
    """What in the profiles makes the difference, with the reasons of both."""

    @property
    def is_different(self) -> bool:
        """Whether identity or refusal differ; the order of the same groups does not count."""
        return self.change not in ("same", "order")


def compare_container(
    manifest: Manifest | v1.Pod,
    path: Path,
    before: ExplainedNode,
    after: ExplainedNode,
    catalogue: Catalogue,
    *,
    explains_order: bool = True,
) -> ComparedIdentity:
    """The container at `path` on two nodes that have different profiles. Raises InputError as explain_container.

    Without `explains_order` the same groups in another order have no reasons: a fleet would wait for them.
    """
    first = explain_container(manifest, path, before, catalogue)
    second = explain_container(manifest, path, after, catalogue)
    change = _change(first, second)
    if change == "same" or (change == "order" and not explains_order):
        return ComparedIdentity(before=first, after=second, change=change)

    def answer(profile: RuntimeProfile) -> object:
        # Lines of the manifest are not part of the outcome, and cost more than it.
        return _outcome(explain_container(pod_of(manifest), path, replace(before, profile=profile), catalogue))

    return ComparedIdentity(
        before=first,
        after=second,
        change=change,
        only_before=steps_not_in(_steps(second), _steps(first)),
        only_after=steps_not_in(_steps(first), _steps(second)),
        switches=deciding_switches(before.profile, after.profile, answer, keys=DECIDING_KEYS),
    )


def _outcome(one: ExplainedContainer) -> object:
    identity = one.identity
    who = None if identity is None else (identity.uid, identity.gid, identity.supplemental_groups)
    return one.refusal, who, one.username


def _change(before: ExplainedContainer, after: ExplainedContainer) -> Change:
    if _outcome(before) == _outcome(after):
        return "same"
    if before.refusal is not None or after.refusal is not None:
        if before.refusal is None:
            return "refused"
        return "allowed" if after.refusal is None else "message"
    one, other = before.identity, after.identity
    if one is None or other is None:
        return "identity"
    is_reordered = (one.uid, one.gid, {*one.supplemental_groups}) == (
        other.uid,
        other.gid,
        {*other.supplemental_groups},
    )
    return "order" if is_reordered else "identity"


def _steps(one: ExplainedContainer) -> tuple[TraceStep, ...]:
    return (*one.kubelet_steps, *one.runtime_steps)
