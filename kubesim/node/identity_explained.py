"""The way of an identity from pod and image to the runtime's answer, without running anything.

The kubelet's part is policy/pod_identity.py and policy/admission.py, the runtime's policy/identity.py; the files of the
image come from its tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace as replace_fields

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue, repository
from kubesim.images.image import Image
from kubesim.kubelet.security_config import container_security, pod_security
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path, field_path
from kubesim.node.arguments import check_operating_system
from kubesim.node.disabled_fields import without_disabled_fields
from kubesim.node.explained_container import (
    ContainerKind,
    ExplainedContainer,
    ExplainedNode,
    ImageNotAtHand,
    Refusal,
    StrictAnswer,
)
from kubesim.node.known_environment import known_environment
from kubesim.node.pod_templates import pod_of
from kubesim.policy.admission import AdmissionNode, AdmissionPod, admit
from kubesim.policy.identity import IdentityError, IdentityRequest, TraceStep, resolve
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.policy.pod_identity import (
    IdentityAnswer,
    IdentityQuestion,
    ManifestPlaces,
    ask_identity,
    ask_windows_identity,
)
from kubesim.policy.pod_security import ContainerSecurityContext, GroupsPolicy, ImageUser
from kubesim.policy.pull_policy import ImageFailure, invalid_image_name
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.unseen_identity import unseen_identity
from kubesim.runtime.account_files import account_files
from kubesim.runtime.image_store import split_user

AnyContainer = v1.Container | v1.EphemeralContainer

WRITTEN_FIELDS = (
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "windowsOptions.runAsUserName",
    "windowsOptions.hostProcess",
)
"""Fields that both the pod's and a container's security context have."""


def explain_identities(
    manifest: Manifest | v1.Pod, node: ExplainedNode, catalogue: Catalogue
) -> list[ExplainedContainer]:
    """The identities of all containers of a pod: init containers, containers, ephemeral containers.

    Raises InputError for an image that is not at hand, and for a runtime that was never built for the pod's system.
    """
    pod = pod_of(manifest)
    return [explain_container(manifest, path, node, catalogue) for path, _ in containers_of(pod)]


def containers_of(pod: v1.Pod) -> Iterator[tuple[Path, AnyContainer]]:
    """Every container of a pod with its path, in the order in which they start."""
    lists: tuple[tuple[str, Sequence[AnyContainer]], ...] = (
        ("initContainers", pod.spec.init_containers),
        ("containers", pod.spec.containers),
        ("ephemeralContainers", pod.spec.ephemeral_containers),
    )
    for name, containers in lists:
        for index, container in enumerate(containers):
            yield ("spec", name, index), container


def explain_container(
    manifest: Manifest | v1.Pod, path: Path, node: ExplainedNode, catalogue: Catalogue
) -> ExplainedContainer:
    """The identity of the container at `path`; see `containers_of`.

    Raises:
        ImageNotAtHand: no fixture holds its image.
        InputError: its image is an artifact, or the runtime has no build for the node's system.
    """
    written = pod_of(manifest)
    container = dict(containers_of(written))[path]
    named = _named_image(container.image, catalogue)
    image = named if isinstance(named, Image) else None
    pod = without_disabled_fields(written, node.gates)
    os = node.os_for(pod)
    check_operating_system(os, node.profile, where=f"{pod.metadata.namespace}/{pod.metadata.name}")
    image_user = image.config.user if image is not None else ""
    uid, username = split_user(image_user)
    question = IdentityQuestion(
        pod=pod_security(pod),
        container=container_security(container),
        image=ImageUser(uid=uid, username=username),
        image_user=image_user,
        pod_display_name=f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})",
        container_name=container.name,
        container_path=field_path(path),
        claims=tuple(one.name for one in pod.spec.volumes if one.persistent_volume_claim is not None),
        places=_places(manifest, path),
    )
    about = ExplainedContainer(
        pod=f"{pod.metadata.namespace}/{pod.metadata.name}",
        container=container.name,
        kind=kind_of(path),
        image=container.image,
        profile=node.profile.name,
        kubelet_version=node.kubelet_version,
        os=os,
        policy="" if os == "windows" else question.pod.supplemental_groups_policy or "Merge",
    )
    steps, refusal = _admitted(written, pod, question, node)
    if refusal is not None:
        return replace(about, kubelet_steps=steps, refusal=refusal)
    if isinstance(named, ImageFailure):
        steps = (*steps, TraceStep(rule="image", outcome="refused", text="the name of the image is none"))
        waiting = named.waiting
        refusal = Refusal(by="kubelet", reason=waiting.reason, message=waiting.message)
        return replace(about, kubelet_steps=steps, refusal=refusal)
    image = named
    answer = ask_windows_identity(question) if os == "windows" else ask_identity(question)
    about = replace(about, kubelet_steps=(*steps, *answer.steps))
    if answer.refusal:
        return replace(about, refusal=Refusal(by="kubelet", reason=answer.reason, message=answer.refusal))
    if os == "windows":
        return _on_windows(about, answer, image)
    assert answer.context is not None, "the kubelet did not refuse"
    request = _request(pod, container, image, answer.context, node.profile.identity)
    return _on_linux(about, question, request, node.profile)


def _admitted(
    written: v1.Pod, pod: v1.Pod, question: IdentityQuestion, node: ExplainedNode
) -> tuple[tuple[TraceStep, ...], Refusal | None]:
    """What becomes of the pod before its containers are looked at."""
    steps: list[TraceStep] = []
    path = "spec.securityContext.supplementalGroupsPolicy"
    place = (question.places.file, question.places.lines.get(path))
    asked = written.spec.security_context.supplemental_groups_policy if written.spec.security_context else None
    if asked is not None and question.pod.supplemental_groups_policy is None:
        text = f"{path} is {asked}, but the feature gate SupplementalGroupsPolicy is off: the API server drops it"
        steps.append(TraceStep(rule="feature-gate", outcome="left-out", text=text, file=place[0], line=place[1]))
    feature = node.profile.status.supplemental_groups_policy
    rejection = admit(
        AdmissionPod(
            os_name=pod.spec.os.name if pod.spec.os is not None else None,
            supplemental_groups_policy=question.pod.supplemental_groups_policy,
        ),
        AdmissionNode(os=node.os_for(pod), supplemental_groups_policy=feature, allocatable={"pods": 1}),
        kubelet_version=node.kubelet_version,
    )
    says = {
        True: "the runtime has the feature supplementalGroupsPolicy",
        False: "the runtime says that it lacks the feature supplementalGroupsPolicy",
        None: "the runtime says nothing of a feature supplementalGroupsPolicy",
    }[feature]
    if rejection is not None:
        text = "the node has another operating system"
        if rejection.reason == "SupplementalGroupsPolicyNotSupported":
            text = f"{path} is Strict, and {says}"
        steps.append(TraceStep(rule="admission", outcome="refused", text=text, file=place[0], line=place[1]))
        refusal = Refusal(by="kubelet", reason=rejection.reason, message=rejection.status_message)
        return tuple(steps), refusal
    if question.pod.supplemental_groups_policy == "Strict":
        text = says if feature else f"{says}; a kubelet {node.kubelet_version} does not ask for it"
        steps.append(TraceStep(rule="admission", outcome="note", text=text))
    return tuple(steps), None


def _on_windows(about: ExplainedContainer, answer: IdentityAnswer, image: Image) -> ExplainedContainer:
    """containerd's part on Windows: internal/cri/server/container_create.go, buildWindowsSpec."""
    name = answer.username or image.config.user
    if answer.username:
        text = f"the process gets the user name {name!r} as it is; whether the image has it shows at the start"
    elif name:
        text = f"the request has no run_as_username, so it is USER of the image: {name!r}"
    else:
        text = "nobody names a user: it is the default of the Windows base image"
    step = TraceStep(rule="user-name", outcome="note", text=text, file="" if answer.username else "image config")
    return replace(about, username=name, runtime_steps=(step,))


def _on_linux(
    about: ExplainedContainer, question: IdentityQuestion, request: IdentityRequest, profile: RuntimeProfile
) -> ExplainedContainer:
    strict = _strict(request, profile.identity)
    try:
        identity = resolve(request, profile.identity)
    except IdentityError as error:
        refusal = Refusal(by="runtime", reason="CreateContainerError", message=str(error))
        return replace(about, runtime_steps=error.trace, refusal=refusal, strict=strict)
    if strict.identity is not None:
        kept = set(strict.identity.supplemental_groups)
        removed = tuple(gid for gid in identity.supplemental_groups if gid not in kept)
        strict = replace(strict, removed=removed)
    return replace(
        about,
        runtime_steps=identity.trace,
        identity=identity,
        unseen=unseen_identity(question.pod, question.container, identity),
        strict=strict,
    )


def _strict(request: IdentityRequest, dialect: IdentityDialect) -> StrictAnswer:
    knowing = replace_fields(dialect, knows_policy=True)
    try:
        identity = resolve(replace(request, policy="Strict"), knowing)
    except IdentityError:
        return StrictAnswer(is_known=dialect.knows_policy)
    return StrictAnswer(is_known=dialect.knows_policy, identity=identity)


def _request(
    pod: v1.Pod,
    container: AnyContainer,
    image: Image,
    context: ContainerSecurityContext,
    dialect: IdentityDialect,
) -> IdentityRequest:
    files = account_files(image.tree, dialect)
    return IdentityRequest(
        passwd=files.passwd,
        group=files.group,
        image_user=image.config.user,
        run_as_user=context.run_as_user,
        run_as_username=context.run_as_username,
        run_as_group=context.run_as_group,
        supplemental_groups=context.supplemental_groups,
        policy="Strict" if context.supplemental_groups_policy is GroupsPolicy.STRICT else "Merge",
        home=_home(pod, image, container),
    )


def _home(pod: v1.Pod, image: Image, container: AnyContainer) -> str:
    """HOME of the process; a value that comes from elsewhere in the cluster counts as unset."""
    return known_environment(pod, container).values.get("HOME") or dict(image.config.env).get("HOME", "")


def _named_image(name: str, catalogue: Catalogue) -> Image | ImageFailure:
    """The image that a manifest names, or what the kubelet says of a name that is none.

    Raises:
        ImageNotAtHand: no fixture holds it.
        InputError: it is an artifact.
    """
    try:
        reference = parse_reference(name).normalised
    except InvalidReference as error:
        return invalid_image_name(name, str(error))
    image = catalogue.find(reference)
    if image is None:
        near = [one for one in catalogue.references() if repository(one) == repository(reference)]
        hint = "give it with --images" + (f"; at hand: {', '.join(near)}" if near else "")
        raise ImageNotAtHand("no fixture holds this image", where=name, hint=hint)
    if image.artifact is not None:
        raise InputError("this is an artifact, no container image", where=name, hint="it can be an image volume")
    return image


def kind_of(path: Path) -> ContainerKind:
    """What kind of container is at a path."""
    kinds: dict[object, ContainerKind] = {
        "initContainers": "init container",
        "ephemeralContainers": "ephemeral container",
    }
    return kinds.get(path[1], "container")


def _places(manifest: Manifest | v1.Pod, container: Path) -> ManifestPlaces:
    """The lines of the fields that may decide; those that are not written get the line of what is around them."""
    if isinstance(manifest, v1.Pod) or manifest.document.root is None:
        return ManifestPlaces()
    pod: Path = ("spec", "securityContext")
    paths: list[Path] = [(*pod, "fsGroup"), (*pod, "supplementalGroupsPolicy")]
    for name in WRITTEN_FIELDS:
        paths += [(*pod, *name.split(".")), (*container, "securityContext", *name.split("."))]
    context = pod_of(manifest).spec.security_context
    groups = context.supplemental_groups if context is not None else []
    paths += [(*pod, "supplementalGroups", index) for index in range(len(groups))]
    lines = {}
    for path in paths:
        at = manifest.document.position((*manifest.path, *path))
        if at is not None:
            lines[field_path(path)] = at[0]
    return ManifestPlaces(file=manifest.document.name, lines=lines)
