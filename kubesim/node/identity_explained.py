"""The way of an identity from pod and image to the runtime's answer, without running anything.

The kubelet's part is policy/pod_security.py, the runtime's policy/identity.py; the image's files come from its tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue
from kubesim.images.fixtures import load_catalogue
from kubesim.images.image import Image
from kubesim.kubelet.security_config import container_security, non_root_problem, pod_security
from kubesim.model import k8s_v1 as v1
from kubesim.policy.identity import Identity, IdentityError, resolve_identity
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.policy.pod_security import GroupsPolicy, ImageUser, container_security_context
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.runtime.profiles import load_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedIdentity:
    """The identity of one container, or the refusal in `error`.

    `hidden_groups` are those that the manifest does not name; `removed_by_strict` those that Strict would not give.
    """

    pod: str
    container: str
    image: str
    profile: str
    policy: str
    identity: Identity | None = None
    error: str = ""
    hidden_groups: tuple[int, ...] = ()
    removed_by_strict: tuple[int, ...] = ()


def explain_identities(pod: v1.Pod, *, profile: str, images: Sequence[Path] = ()) -> list[ExplainedIdentity]:
    """The identities of all containers of a pod. Raises InputError for an image that no fixture holds."""
    catalogue = load_catalogue(images)
    loaded = load_profile(profile)
    return [_explain(pod, one, loaded, catalogue) for one in (*pod.spec.init_containers, *pod.spec.containers)]


def _explain(pod: v1.Pod, container: v1.Container, profile: RuntimeProfile, catalogue: Catalogue) -> ExplainedIdentity:
    image = _image(container, catalogue)
    user = image_user(image.config.user)
    context = container_security_context(pod_security(pod), container_security(container), user)
    strict = context.supplemental_groups_policy is GroupsPolicy.STRICT
    about = ExplainedIdentity(
        pod=f"{pod.metadata.namespace}/{pod.metadata.name}",
        container=container.name,
        image=container.image,
        profile=profile.name,
        policy="Strict" if strict else "Merge",
    )
    problem = non_root_problem(pod, container, image_uid=user.uid, image_username=user.username, os="linux")
    if problem:
        return replace(about, error=problem)

    def resolve(policy: str) -> Identity:
        return resolve_identity(
            passwd=_file(image, "/etc/passwd"),
            group=_file(image, "/etc/group"),
            image_user=image.config.user,
            run_as_user=context.run_as_user,
            run_as_username=context.run_as_username,
            run_as_group=context.run_as_group,
            supplemental_groups=context.supplemental_groups,
            policy=policy,
            dialect=profile.identity,
        )

    try:
        identity = resolve(about.policy)
        under_strict = set(resolve("Strict").supplemental_groups)
    except IdentityError as error:
        return replace(about, error=str(error))
    named = {*context.supplemental_groups, *([] if context.run_as_group is None else [context.run_as_group])}
    return replace(
        about,
        identity=identity,
        hidden_groups=tuple(gid for gid in identity.supplemental_groups if gid not in named),
        removed_by_strict=tuple(gid for gid in identity.supplemental_groups if gid not in under_strict),
    )


def image_user(text: str) -> ImageUser:
    """What ImageStatus says about USER: the part before the colon, a number or a name."""
    name = text.partition(":")[0]
    digits = name.removeprefix("-").removeprefix("+")
    if digits.isdecimal() and digits.isascii():
        return ImageUser(uid=int(name))
    return ImageUser(username=name)


def _image(container: v1.Container, catalogue: Catalogue) -> Image:
    try:
        reference = parse_reference(container.image).normalised
    except InvalidReference as error:
        raise InputError(str(error), where=f"image {container.image!r}") from error
    image = catalogue.find(reference)
    if image is None:
        known = ", ".join(name for one in catalogue.images() for name in one.references)
        raise InputError(
            "no fixture holds this image", where=container.image, hint=f"give it with --images; known: {known}"
        )
    return image


def _file(image: Image, path: str) -> bytes | None:
    found = image.tree.resolve(path)
    return found.node.content if found.node is not None else None
