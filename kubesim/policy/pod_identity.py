"""What the kubelet asks of a runtime about the identity of a container, step by step, or why it asks nothing.

The rules are `pod_security` and `run_as_non_root`; here they say which field of the manifest, or which part of the
image, decided. The order is the kubelet's: the groups policy (the sandbox has it first), the image's user by
ImageStatus, runAsNonRoot, then what is sent.

Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_container.go, generateContainerConfig; helpers.go, getImageUser;
security_context.go, determineEffectiveSecurityContext; kuberuntime_container_windows.go,
generateWindowsContainerConfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from kubesim.policy.identity_values import Outcome, TraceStep
from kubesim.policy.pod_security import (
    ContainerSecurity,
    ContainerSecurityContext,
    GroupsPolicy,
    ImageUser,
    PodSecurity,
    SecurityContextError,
    container_security_context,
    effective_security,
)
from kubesim.policy.run_as_non_root import (
    run_as_non_root_problem,
    windows_run_as_non_root_problem,
    windows_user_name,
)

_T = TypeVar("_T")

IMAGE_CONFIG = "image config"
"""What a step names as its file when USER of the image decides."""

_POD_PATH = "spec.securityContext"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPlaces:
    """Where the fields of a manifest are written."""

    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of a field by its path, such as `spec.securityContext.runAsUser`; only of fields that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityQuestion:
    """A container of a pod with its image, as far as its identity is concerned."""

    pod: PodSecurity
    container: ContainerSecurity
    image: ImageUser
    image_user: str
    """USER of the image as it is written there."""
    pod_display_name: str
    """PodView.display_name."""
    container_name: str
    container_path: str
    """Where the manifest has the container: `spec.containers[0]`."""
    claims: tuple[str, ...] = ()
    """Names of the pod's volumes whose persistent volumes may bring a group."""
    places: ManifestPlaces = ManifestPlaces()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAnswer:
    """What the kubelet does: `refusal` is its text, empty when it goes on to ask the runtime."""

    steps: tuple[TraceStep, ...]
    refusal: str = ""
    reason: str = ""
    """Of the container's waiting state, or of the pod's event."""
    context: ContainerSecurityContext | None = None
    """What is sent on Linux."""
    username: str = ""
    """What is sent on Windows; empty for the default of the image."""


def ask_identity(question: IdentityQuestion) -> IdentityAnswer:
    """The kubelet's part on a Linux node."""
    try:
        context = container_security_context(question.pod, question.container, question.image)
    except SecurityContextError as error:
        step = _step(question, "policy", "refused", "no such policy", f"{_POD_PATH}.supplementalGroupsPolicy")
        return IdentityAnswer(steps=(step,), refusal=str(error), reason="FailedCreatePodSandBox")
    steps = [_image_user(question)]
    problem = run_as_non_root_problem(
        question.pod,
        question.container,
        question.image,
        pod_display_name=question.pod_display_name,
        container_name=question.container_name,
    )
    steps += _run_as_non_root(question, problem)
    if problem is not None:
        return IdentityAnswer(steps=tuple(steps), refusal=problem, reason="CreateContainerConfigError")
    steps += [_run_as_user(question, context), _run_as_group(question), *_groups(question, context)]
    steps.append(_policy(question, context))
    return IdentityAnswer(steps=tuple(steps), context=context)


def ask_windows_identity(question: IdentityQuestion) -> IdentityAnswer:
    """The kubelet's part on a Windows node: a user name, and neither ids nor groups."""
    steps = [_image_user(question)]
    problem = windows_run_as_non_root_problem(
        question.pod,
        question.container,
        question.image,
        pod_display_name=question.pod_display_name,
        container_name=question.container_name,
    )
    steps += _run_as_non_root(question, problem)
    if problem is not None:
        return IdentityAnswer(steps=tuple(steps), refusal=problem, reason="CreateContainerConfigError")
    name = windows_user_name(question.pod, question.container, question.image)
    decided = _decided(
        question,
        "windowsOptions.runAsUserName",
        question.container.run_as_user_name,
        question.pod.run_as_user_name,
    )
    if decided is not None:
        steps.append(_step(question, "run-as-user-name", "sent", *decided))
    elif name:
        text = f"the manifest sets no runAsUserName, so run_as_username is the image's: {name!r}"
        steps.append(TraceStep(rule="run-as-user-name", outcome="sent", text=text, file=IMAGE_CONFIG))
    else:
        text = "the manifest sets no runAsUserName and the image has no user name: nothing is sent"
        steps.append(TraceStep(rule="run-as-user-name", outcome="note", text=text))
    own, above = question.container.host_process, question.pod.host_process
    decided = _decided(question, "windowsOptions.hostProcess", own, above)
    if decided is not None:
        text, path = decided
        where = "of the node" if (above if own is None else own) else "of the image"
        steps.append(_step(question, "host-process", "sent", f"{text}: the user is one {where}", path))
    return IdentityAnswer(steps=tuple(steps), username=name)


def _image_user(question: IdentityQuestion) -> TraceStep:
    user, _, group = question.image_user.partition(":")
    if not question.image_user:
        text = "the image has no USER"
    else:
        image = question.image
        answer = f"the name {user!r}" if image.uid is None else f"the uid {image.uid}"
        text = f"USER of the image is {question.image_user!r}; ImageStatus says {answer}"
        if group:
            text += ", and the group part gets lost"
    return TraceStep(rule="image-user", outcome="note", text=text, file=IMAGE_CONFIG)


def _run_as_non_root(question: IdentityQuestion, problem: str | None) -> list[TraceStep]:
    effective = effective_security(question.pod, question.container)
    if not effective.run_as_non_root:
        return []
    decided = _decided(question, "runAsNonRoot", question.container.run_as_non_root, question.pod.run_as_non_root)
    assert decided is not None, "it is true somewhere"
    text, path = decided
    if problem is not None:
        return [_step(question, "run-as-non-root", "refused", f"{text}, and the container would break it", path)]
    return [_step(question, "run-as-non-root", "note", f"{text}, and the container keeps it", path)]


def _run_as_user(question: IdentityQuestion, context: ContainerSecurityContext) -> TraceStep:
    decided = _decided(question, "runAsUser", question.container.run_as_user, question.pod.run_as_user)
    if decided is not None:
        return _step(question, "run-as-user", "sent", *decided, uid=context.run_as_user)
    unset = "the manifest sets no runAsUser"
    if context.run_as_username:
        text = f"{unset}, so run_as_username is the image's: {context.run_as_username!r}"
        return TraceStep(rule="run-as-user", outcome="sent", text=text, file=IMAGE_CONFIG)
    text = f"{unset}, so run_as_user is the image's"
    if question.image.uid is None:
        text = f"{unset} and the image names no user, so run_as_user is 0"
    return TraceStep(rule="run-as-user", outcome="sent", uid=context.run_as_user, text=text, file=IMAGE_CONFIG)


def _run_as_group(question: IdentityQuestion) -> TraceStep:
    own, above = question.container.run_as_group, question.pod.run_as_group
    decided = _decided(question, "runAsGroup", own, above)
    if decided is not None:
        return _step(question, "run-as-group", "sent", *decided, gid=above if own is None else own)
    text = "the manifest sets no runAsGroup: nothing is sent, the runtime finds the gid"
    return TraceStep(rule="run-as-group", outcome="note", text=text)


def _groups(question: IdentityQuestion, context: ContainerSecurityContext) -> list[TraceStep]:
    steps = []
    places = [f"{_POD_PATH}.supplementalGroups[{index}]" for index in range(len(question.pod.supplemental_groups))]
    if question.pod.fs_group is not None:
        places.insert(0, f"{_POD_PATH}.fsGroup")
    for index, (path, gid) in enumerate(zip(places, context.supplemental_groups, strict=True)):
        rule = "fs-group" if path.endswith("fsGroup") else "supplemental-groups"
        text = f"{path} is {gid}: supplemental_groups[{index}]"
        steps.append(_step(question, rule, "sent", text, path, gid=gid))
    for name in question.claims:
        text = f"the volume {name!r} may bring a group: annotation pv.beta.kubernetes.io/gid of its persistent volume"
        steps.append(TraceStep(rule="volume-groups", outcome="note", text=f"{text}, which is not at hand"))
    return steps


def _policy(question: IdentityQuestion, context: ContainerSecurityContext) -> TraceStep:
    path = f"{_POD_PATH}.supplementalGroupsPolicy"
    if question.pod.supplemental_groups_policy is None:
        text = "the manifest sets no supplementalGroupsPolicy, which means Merge"
        return TraceStep(rule="policy", outcome="sent", text=text)
    name = "Strict" if context.supplemental_groups_policy is GroupsPolicy.STRICT else "Merge"
    return _step(question, "policy", "sent", f"{path} is {name}", path)


def _decided(question: IdentityQuestion, name: str, own: _T | None, above: _T | None) -> tuple[str, str] | None:
    """What decides a field that container and pod may set, as text, and its path; None when neither sets it."""
    own_path, pod_path = f"{question.container_path}.securityContext.{name}", f"{_POD_PATH}.{name}"
    if own is not None:
        rest = "" if above is None else f"; it wins over {_shown(above)} of {pod_path}"
        return f"{own_path} is {_shown(own)}{rest}", own_path
    return None if above is None else (f"{pod_path} is {_shown(above)}", pod_path)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _step(
    question: IdentityQuestion,
    rule: str,
    outcome: Outcome,
    text: str,
    path: str,
    *,
    uid: int | None = None,
    gid: int | None = None,
) -> TraceStep:
    """A step that a field of the manifest decides."""
    places = question.places
    return TraceStep(
        rule=rule, outcome=outcome, text=text, file=places.file, line=places.lines.get(path), uid=uid, gid=gid
    )
