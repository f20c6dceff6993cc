"""What registries hold: every image by every name it can be pulled by.

Names are normalised references, as `kubesim.policy.image_reference` makes them: `docker.io/library/busybox:latest`,
`quay.io/crio/artifact@sha256:...`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from kubesim.images.image import Image


def repository(reference: str) -> str:
    """A normalised reference without its tag and digest.

    >>> repository("localhost:5000/app:v1")
    'localhost:5000/app'
    """
    name = reference.partition("@")[0]
    path_at = name.rfind("/") + 1
    return name[:path_at] + name[path_at:].partition(":")[0]


@runtime_checkable
class MoreImages(Protocol):
    """Images that a catalogue does not hold: each is found when somebody asks for it, and is the same every time."""

    def find(self, reference: str) -> Image | None:
        """The image of a normalised reference; None for none. Raises InputError for one that cannot be used."""

    def find_content(self, image_id: str) -> Image | None:
        """The image with an id; None for none. Raises InputError for one that cannot be used."""

    def references(self) -> tuple[str, ...]:
        """Every name, sorted, as far as they are known."""


class Catalogue:
    """Images by name. A name that is added again moves to the new image, as a tag moves in a registry.

    The image that loses a name stays reachable by digest, in every repository that had it. `more` is asked for what is
    not in here.
    """

    def __init__(self, images: Iterable[Image] = (), *, more: MoreImages | None = None) -> None:
        self._more = more
        self._images: dict[int, Image] = {}
        self._numbers: dict[str, int] = {}  # of names as given
        self._digests: dict[str, int] = {}  # of repository@digest
        self._added_count = 0
        for image in images:
            self.add(image)

    def __repr__(self) -> str:
        return f"Catalogue({len(self.images())} images, {len(self._numbers)} references)"

    def copy(self) -> Catalogue:
        """The same images under the same names; what is added to one is not in the other."""
        twin = Catalogue(more=self._more)
        twin._images = dict(self._images)
        twin._numbers = dict(self._numbers)
        twin._digests = dict(self._digests)
        twin._added_count = self._added_count
        return twin

    def find(self, reference: str) -> Image | None:
        """The image of a normalised reference with a tag or a digest; None when no registry has it.

        Raises InputError for an image among `more` that cannot be used.
        """
        number = self._numbers.get(reference)
        if number is None:
            number = self._digests.get(reference)
        if number is not None:
            return self._images[number]
        return None if self._more is None else self._more.find(reference)

    def find_content(self, image_id: str, digest: str = "") -> Image | None:
        """The image with an id, and with a digest if any of them has it; None when there is none. Raises as `find`."""
        found = [image for image in self._images.values() if image.id == image_id]
        if not found:
            return None if self._more is None else self._more.find_content(image_id)
        return next((image for image in reversed(found) if image.digest == digest), found[-1])

    def images(self) -> tuple[Image, ...]:
        """Every image that still has a name, in the order of adding."""
        return tuple(image for image in self._images.values() if image.references)

    def contents(self) -> tuple[Image, ...]:
        """Every image, those that have lost all their names as well, in the order of adding."""
        return tuple(self._images.values())

    def references(self) -> tuple[str, ...]:
        """Every name, sorted; for messages that name the nearest."""
        return tuple(sorted({*self._numbers, *(() if self._more is None else self._more.references())}))

    def add(self, image: Image) -> None:
        """Put an image in; its names are taken from the images that had them."""
        number = self._added_count
        self._added_count += 1
        self._images[number] = image
        for name in image.references:
            before = self._numbers.get(name)
            if before is not None:
                self._take(name, before)
            self._numbers[name] = number
            self._digests[f"{repository(name)}@{image.digest}"] = number

    def _take(self, name: str, number: int) -> None:
        image = self._images[number]
        self._images[number] = replace(image, references=tuple(kept for kept in image.references if kept != name))
