"""The images on the node: which names lead to which image, and what the CRI shows of them.

Rule 1: a name leads to one image. A tag that is pulled again and meanwhile means another image moves to it.
Rule 2: an image is one row, however many names it has; it goes when the last of them is taken away.

Mirrors containerd: internal/cri/store/image/image.go; CRI-O: internal/storage/image.go, buildImageResult.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kubesim.cri import api
from kubesim.images.catalogue import repository
from kubesim.images.image import Image
from kubesim.policy.image_lookup import ImageKey, image_key
from kubesim.policy.runtime_profile import ImageSwitches
from kubesim.runtime.state_changes import StateChanges, StateKind

_ALGORITHM = "sha256:"
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


@dataclass(slots=True, kw_only=True, eq=False)
class PresentImage:
    """An image on the node with the names it has there."""

    image: Image
    names: set[str] = field(default_factory=set)
    """Normalised references: tags, and `repository@digest` where the runtime keeps those."""
    last_repository: str = ""
    """Of the tag that was taken away last; CRI-O shows the digest under it when no tag is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMatch:
    """The answer to a look-up."""

    found: PresentImage | None = None
    is_ambiguous: bool = False
    """Several ids begin with what was asked for."""
    name: str = ""
    """The name that led there; "" when it was an id."""
    refusal: str = ""
    """Why the text can be no image name at all; "" for one that is just not there."""


class ImageStore:
    """Images by id, in the order in which they came, and by name."""

    def __init__(self, switches: ImageSwitches, *, pause_image: str, changes: StateChanges | None = None) -> None:
        self._switches = switches
        self._pause_image = pause_image
        self._by_id: dict[str, PresentImage] = {}
        self._by_name: dict[str, PresentImage] = {}
        self._changes = changes

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[PresentImage]:
        return iter(list(self._by_id.values()))

    def has(self, image: Image) -> bool:
        """Whether the image is here under any name."""
        return image.id in self._by_id

    def by_id(self, image_id: str) -> Image | None:
        """The image with this whole id, in the form of `Image.id`."""
        present = self._by_id.get(image_id)
        return None if present is None else present.image

    # -- names --------------------------------------------------------------------------------------------

    def add(self, image: Image, references: Iterable[str]) -> PresentImage:
        """Put an image on the node under these names, as pulls of them would."""
        present = self._by_id.get(image.id)
        if present is None:
            present = self._by_id[image.id] = PresentImage(image=image)
            self._note(present)
        for reference in references:
            self._name(present, reference)
            if self._switches.moved_tag_digests == "kept" and "@" not in reference:
                self._name(present, f"{repository(reference)}@{image.digest}")
        return present

    def remove(self, present: PresentImage) -> None:
        """Take the image away with all its names."""
        for name in present.names:
            del self._by_name[name]
        present.names.clear()
        del self._by_id[present.image.id]
        self._note(present)

    def untag(self, present: PresentImage, name: str) -> None:
        """Take one name away, and the image with its last."""
        self._unname(present, name)
        if not present.names:
            del self._by_id[present.image.id]
            self._note(present)

    def restore(self, image: Image, names: Iterable[str], *, last_repository: str) -> None:
        """Put an image back as it was kept; it comes after those that are here."""
        present = PresentImage(image=image, names=set(names), last_repository=last_repository)
        self._by_id[image.id] = present
        self._by_name.update(dict.fromkeys(present.names, present))

    def names_of(self, image: Image) -> tuple[list[str], list[str]]:
        """Repo tags and repo digests of an image, each sorted; none when it is not here any more."""
        present = self._by_id.get(image.id)
        return self._names(present) if present is not None else ([], [])

    def _name(self, present: PresentImage, name: str) -> None:
        before = self._by_name.get(name)
        if before is not None and before is not present:
            self._unname(before, name)
        present.names.add(name)
        self._by_name[name] = present
        self._note(present)

    def _unname(self, present: PresentImage, name: str) -> None:
        present.names.discard(name)
        present.last_repository = repository(name)
        del self._by_name[name]
        self._note(present)

    def _note(self, present: PresentImage) -> None:
        """The image came, went, or has other names: a change that a restart must not lose."""
        if self._changes is None:
            return
        if self._by_id.get(present.image.id) is present:
            self._changes.note(StateKind.IMAGE, present.image.id, present)
        else:
            self._changes.forget(StateKind.IMAGE, present.image.id)

    def _names(self, present: PresentImage) -> tuple[list[str], list[str]]:
        tags = sorted(name for name in present.names if "@" not in name)
        digests = {name for name in present.names if "@" in name}
        if self._switches.moved_tag_digests == "previous-name":
            digests |= {f"{repository(tag)}@{present.image.digest}" for tag in tags}
            if not digests and present.last_repository:
                digests = {f"{present.last_repository}@{present.image.digest}"}
        return tags, sorted(digests)

    # -- looking up ---------------------------------------------------------------------------------------

    def find(self, text: str) -> ImageMatch:
        """The image that a name, an id or the beginning of an id stands for."""
        key = image_key(text, self._switches)
        if key.order == "references-first":
            by_name = self._find_name(key)
            return by_name if by_name.found is not None else self._find_id(key)
        by_id = self._find_id(key)
        if by_id.found is not None:
            return by_id
        # An ambiguous prefix is no id to CRI-O, and maybe a name.
        by_name = self._find_name(key)
        return by_name if by_name.found is not None else ImageMatch(refusal=key.refusal)

    def _find_name(self, key: ImageKey) -> ImageMatch:
        for reference in key.references:
            present = self._by_name.get(reference) or self._find_digest(reference)
            if present is not None:
                return ImageMatch(found=present, name=reference)
        return ImageMatch()

    def _find_digest(self, reference: str) -> PresentImage | None:
        """An image whose digests are derived from its tags."""
        if "@" not in reference or self._switches.moved_tag_digests == "kept":
            return None
        return next((present for present in self if reference in self._names(present)[1]), None)

    def _find_id(self, key: ImageKey) -> ImageMatch:
        if key.id_prefix is None:
            return ImageMatch()
        whole = self._by_id.get(_ALGORITHM + key.id_prefix)
        if whole is not None:
            return ImageMatch(found=whole)
        prefix = _ALGORITHM + key.id_prefix
        found = [present for image_id, present in self._by_id.items() if image_id.startswith(prefix)]
        if len(found) > 1:
            return ImageMatch(is_ambiguous=True)
        return ImageMatch(found=found[0] if found else None)

    # -- showing ------------------------------------------------------------------------------------------

    def shown_id(self, image: Image) -> str:
        """The image's id in the form that this runtime shows."""
        return image.id.removeprefix(_ALGORITHM) if self._switches.id_form == "bare" else image.id

    def message(self, present: PresentImage, *, has_spec: bool = False) -> api.Image:
        """The image as the CRI shows it; `has_spec` adds the annotations of the manifest, where the runtime does."""
        tags, digests = self._names(present)
        image = present.image
        message = api.Image(
            id=self.shown_id(image),
            repo_tags=tags,
            repo_digests=digests,
            size=image.size_bytes,
            pinned=self.is_pinned(present),
        )
        uid, username = split_user(image.config.user)
        message.username = username
        if uid is not None:
            message.uid.value = uid
        if has_spec and self._switches.spec_annotations and image.artifact is None:
            message.spec.SetInParent()
            message.spec.annotations.update(image.annotations)
        return message

    def is_pinned(self, present: PresentImage) -> bool:
        """Whether garbage collection must keep the image: the fixture says so, or it is the pause image."""
        return present.image.pinned or self._pause_image in present.names

    @property
    def used_bytes(self) -> int:
        """What all images take on the disk."""
        return sum(present.image.size_bytes for present in self._by_id.values())


def split_user(user: str) -> tuple[int | None, str]:
    """USER of an image as the CRI shows it: a number as the uid, anything else as the name; the group is dropped.

    Mirrors containerd: internal/cri/server/images/image_status.go, getUserFromImage; CRI-O has the same.

    >>> split_user("1000:dev"), split_user("app:dev"), split_user("")
    ((1000, ''), (None, 'app'), (None, ''))
    """
    name = user.partition(":")[0]
    digits = name[1:] if name[:1] in ("+", "-") else name
    if digits.isascii() and digits.isdecimal() and len(digits) < 20 and _INT64_MIN <= int(name) <= _INT64_MAX:
        return int(name), ""
    return None, name
