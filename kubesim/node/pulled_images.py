"""Images of pods that no fixture holds, from their registries before the world of the pods begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Image
from kubesim.images.registry.errors import RegistryError
from kubesim.model import k8s_v1 as v1
from kubesim.node.identity_explained import containers_of
from kubesim.policy.image_lookup import pull_candidates
from kubesim.policy.image_reference import InvalidReference, Reference, parse_reference
from kubesim.policy.runtime_profile import ImageSwitches

PullOne = Callable[[Reference], Image]
"""Fetches an image. Raises RegistryError."""


def image_names(pods: Iterable[v1.Pod]) -> list[str]:
    """The images of containers of every kind and of volumes, each once, in the order of the manifests."""
    return list(dict.fromkeys(name for pod in pods for name in _names(pod) if name))


def _names(pod: v1.Pod) -> Iterator[str]:
    for _, container in containers_of(pod):
        yield container.image
    for volume in pod.spec.volumes:
        if volume.image is not None:
            yield volume.image.reference


def pull_missing(names: Sequence[str], *, catalogue: Catalogue, switches: ImageSwitches, pull: PullOne) -> list[Image]:
    """The images of those names that the catalogue does not hold, in order.

    A name that no grammar accepts is passed over: the emulated kubelet says what it makes of it. Raises RegistryError
    for the last registry that a name may be of.
    """
    pulled: dict[str, Image] = {}
    for name in names:
        candidates = _candidates(name, switches)
        if not candidates or any(one in pulled or catalogue.find(one) is not None for one in candidates):
            continue
        image = _first(candidates, pull)
        pulled.update(dict.fromkeys(image.references, image))
    return list(pulled.values())


def _candidates(name: str, switches: ImageSwitches) -> tuple[str, ...]:
    try:
        return pull_candidates(name, switches)
    except InvalidReference:
        return ()


def _first(candidates: Sequence[str], pull: PullOne) -> Image:
    for candidate in candidates[:-1]:
        try:
            return pull(parse_reference(candidate))
        except RegistryError:
            continue  # as the runtime does, which only logs it
    return pull(parse_reference(candidates[-1]))
