"""What registries hold: every image by every name it can be pulled by.

Names are normalised references, as `kubesim.policy.image_reference` makes them: `docker.io/library/busybox:latest`,
`quay.io/crio/artifact@sha256:...`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kubesim.images.image import Image


def repository(reference: str) -> str:
    """A normalised reference without its tag and digest.

    >>> repository("localhost:5000/app:v1")
    'localhost:5000/app'
    """
    name = reference.partition("@")[0]
    path_at = name.rfind("/") + 1
    return name[:path_at] + name[path_at:].partition(":")[0]


class Catalogue:
    """Images by name. A name that is added again moves to the new image, as a tag moves in a registry.

    The image that loses a name stays reachable by digest, in every repository that had it.
    """

    def __init__(self, images: Iterable[Image] = ()) -> None:
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
        twin = Catalogue()
        twin._images = dict(self._images)
        twin._numbers = dict(self._numbers)
        twin._digests = dict(self._digests)
        twin._added_count = self._added_count
        return twin

    def find(self, reference: str) -> Image | None:
        """The image of a normalised reference with a tag or a digest; None when no registry has it."""
        number = self._numbers.get(reference)
        if number is None:
            number = self._digests.get(reference)
        return None if number is None else self._images[number]

    def images(self) -> tuple[Image, ...]:
        """Every image that still has a name, in the order of adding."""
        return tuple(image for image in self._images.values() if image.references)

    def contents(self) -> tuple[Image, ...]:
        """Every image, those that have lost all their names as well, in the order of adding."""
        return tuple(self._images.values())

    def references(self) -> tuple[str, ...]:
        """Every name, sorted; for messages that name the nearest."""
        return tuple(sorted(self._numbers))

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
