"""The images on the node: which names lead to which image, and what the CRI shows of them.

Rule 1: a name leads to one image. A tag that is pulled again and meanwhile means another image moves to it.
Rule 2: an image is one row, however many names it has. It goes when it is removed, or when its last name is; a name
that moves away leaves it, and with its last one an image without names.
Rule 3: every change of a row goes through `_changed`; between two of them `message` gives the same.

Mirrors containerd: internal/cri/store/image/image.go; CRI-O: internal/storage/image.go, buildImageResult; containers/
storage: images.go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from kubesim.cri import api
from kubesim.images.catalogue import repository
from kubesim.images.image import Image
from kubesim.policy.artifact_lookup import ArtifactEntry, find_artifact
from kubesim.policy.image_lookup import ImageKey, image_key
from kubesim.policy.image_pinning import is_pinned_name
from kubesim.policy.runtime_profile import ImageSwitches
from kubesim.runtime.id_index import IdIndex, Match
from kubesim.runtime.present_image import ImageMatch, ImageNames, LayersHeld, PresentImage
from kubesim.runtime.state_changes import StateChanges, StateKind

_ALGORITHM = "sha256:"
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
FOUND_MAX = 64
"""Texts whose images are remembered; more are looked up anew."""
_DIGITS_MAX = 4000
"""Below the length at which Python refuses to read a number."""


class ImageStore:
    """Images by id, in the order in which they came, and by name."""

    def __init__(self, switches: ImageSwitches, *, pause_image: str, changes: StateChanges | None = None) -> None:
        self._switches = switches
        self._pause_image = pause_image
        self._by_id: dict[str, PresentImage] = {}
        self._by_name: dict[str, PresentImage] = {}
        self._artifacts: dict[str, PresentImage] = {}
        """Artifacts by name, where they are apart from images: an image may have the same name."""
        self._changes = changes
        self._found: dict[str, ImageMatch] = {}
        """What texts lead to, until any image or name changes."""
        self._layers: LayersHeld | None = None
        """Those of all images, until one comes or goes."""
        self._encoded_list: bytes | None = None
        """The answer of ListImages about all of them, until any changes."""
        self._by_digest: dict[str, list[PresentImage]] = {}
        self._ids = IdIndex()
        self._blobs: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[PresentImage]:
        return iter(list(self._by_id.values()))

    def by_id(self, image_id: str) -> Image | None:
        """The image with this whole id, in the form of `Image.id`."""
        present = self._by_id.get(image_id)
        return None if present is None else present.image

    # -- names --------------------------------------------------------------------------------------------

    def add(self, image: Image, references: Iterable[str], *, keeps_digests: bool = True) -> PresentImage:
        """Put an image on the node under these names, as pulls of them would.

        Without `keeps_digests` no name by digest is added to them, as after a pull that failed in its last step.
        """
        present = self._by_id.get(image.id)
        if present is None:
            present = PresentImage(image=image)
            self._put(present)
        self._add_digest(present, image.digest)
        if image.instance_digest and self._switches.moved_tag_digests == "previous-name":
            # containers/storage keeps the manifest of the platform beside the index.
            self._add_digest(present, image.instance_digest)
        self._changed(present)
        for reference in references:
            self._name(present, reference)
            if keeps_digests and self._switches.moved_tag_digests == "kept" and "@" not in reference:
                self._name(present, f"{repository(reference)}@{image.digest}")
        return present

    def remove(self, present: PresentImage) -> None:
        """Take the image away with all its names."""
        for name in present.names:
            del self._named(present)[name]
        present.names.clear()
        del self._by_id[present.image.id]
        if not self.is_apart(present.image):
            self._ids.remove(present.image.id)
        for digest in present.digests:
            self._by_digest[digest].remove(present)
            if not self._by_digest[digest]:
                del self._by_digest[digest]
        self._blobs -= Counter(blob.digest for blob in present.image.blobs)
        self._changed(present)

    def restore(
        self, image: Image, names: Iterable[str], *, digests: Iterable[str], last_name: str, is_pinned: bool
    ) -> None:
        """Put an image back as it was kept; it comes after those that are here."""
        present = PresentImage(image=image, names=set(names), last_name=last_name, is_pinned=is_pinned)
        self._put(present)
        for digest in digests:
            self._add_digest(present, digest)
        self._named(present).update(dict.fromkeys(sorted(present.names), present))

    def _put(self, present: PresentImage) -> None:
        self._forget()
        self._by_id[present.image.id] = present
        if not self.is_apart(present.image):
            self._ids.add(present.image.id)
        self._blobs.update(blob.digest for blob in present.image.blobs)

    def _add_digest(self, present: PresentImage, digest: str) -> None:
        if digest not in present.digests:
            present.digests.add(digest)
            self._by_digest.setdefault(digest, []).append(present)

    def untag(self, present: PresentImage, name: str) -> None:
        """Take one name away, and the image with its last. A name that it does not have leaves it with the others."""
        if present.names <= {name}:
            self.remove(present)
        elif name in present.names:
            self._unname(present, name)

    def names_of_image(self, image: Image) -> frozenset[str]:
        """Every name of an image, as it was given; none when it is not here."""
        present = self._by_id.get(image.id)
        return frozenset() if present is None else frozenset(present.names)

    def names_of(self, image: Image) -> ImageNames:
        """Repo tags and repo digests of an image; none when it is not here any more. The lists are not the caller's."""
        present = self._by_id.get(image.id)
        return self._names(present) if present is not None else ([], [])

    def _name(self, present: PresentImage, name: str) -> None:
        named = self._named(present)
        before = named.get(name)
        if before is not None and before is not present:
            self._unname(before, name)
        present.names.add(name)
        present.last_name = name
        named[name] = present
        self._changed(present)

    def _unname(self, present: PresentImage, name: str) -> None:
        present.names.discard(name)
        del self._named(present)[name]
        self._changed(present)

    def is_apart(self, image: Image) -> bool:
        """Whether it is an artifact that is kept apart from images."""
        return image.artifact is not None and self._switches.artifact_lookup != "as-images"

    def _named(self, present: PresentImage) -> dict[str, PresentImage]:
        return self._artifacts if self.is_apart(present.image) else self._by_name

    def _changed(self, present: PresentImage) -> None:
        """Every change of what a row shows ends here: the row is made anew, and a restart must not lose it."""
        has_pinned_name = any(
            is_pinned_name(name, pause_image=self._pause_image, images=self._switches) for name in present.names
        )
        was_pinned = present.image.pinned or (self._switches.pinning == "at-pull" and present.is_pinned)
        present.is_pinned = was_pinned or has_pinned_name
        present.rows = present.shown_names = present.encoded_status = None
        self._forget()
        if self._changes is None:
            return
        if self._by_id.get(present.image.id) is present:
            self._changes.note(StateKind.IMAGE, present.image.id, present)
        else:
            self._changes.forget(StateKind.IMAGE, present.image.id)

    def _forget(self) -> None:
        """Some image changed, came or went: what was remembered of all of them may be wrong."""
        self._found.clear()
        self._encoded_list = self._layers = None

    def _names(self, present: PresentImage) -> ImageNames:
        if present.shown_names is None:
            present.shown_names = self._names_now(present)
        return present.shown_names

    def _names_now(self, present: PresentImage) -> ImageNames:
        tags = sorted(name for name in present.names if "@" not in name)
        digests = {name for name in present.names if "@" in name}
        if self._switches.moved_tag_digests == "previous-name":
            # Each repository with each digest, whether or not it was ever there under it.
            repositories = {repository(name) for name in present.names}
            digests |= {f"{name}@{digest}" for name in repositories for digest in present.digests}
        return tags, sorted(digests)

    # -- looking up ---------------------------------------------------------------------------------------

    def find(self, text: str) -> ImageMatch:
        """The image that a name, an id or the beginning of an id stands for."""
        match = self._found.get(text)
        if match is None:
            match = self._find(text)
            if len(self._found) < FOUND_MAX:
                self._found[text] = match
        return match

    def _find(self, text: str) -> ImageMatch:
        key = image_key(text, self._switches)
        if key.order == "references-first":
            by_name = self._find_name(key)
            return by_name if by_name.found is not None else self._find_id(key)
        by_id = self._find_id(key)
        if by_id.found is not None:
            return by_id
        # An ambiguous prefix is no id to CRI-O, and maybe a name.
        by_name = self._find_name(key)
        if by_name.found is not None:
            return by_name
        artifact = self._find_artifact(text, key)
        if artifact.found is not None:
            return artifact
        return ImageMatch(refusal=key.refusal, is_unknown_id=key.is_unknown_id)

    def artifact_with_id(self, text: str) -> PresentImage | None:
        """The artifact with this whole id, as this runtime shows it, where they are apart from images."""
        present = self._by_id.get(text if text.startswith(_ALGORITHM) else _ALGORITHM + text)
        return present if present is not None and self.is_apart(present.image) else None

    def find_artifact(self, text: str) -> ImageMatch:
        """The artifact that a text stands for, where they are apart from images; its refusal is of another kind."""
        return self._find_artifact(text, image_key(text, self._switches))

    def _find_artifact(self, text: str, key: ImageKey) -> ImageMatch:
        if not self._artifacts and self._switches.artifact_lookup != "full-names":
            return ImageMatch()
        names = list(self._artifacts)
        entries = [ArtifactEntry(name, _artifact_digest(self._artifacts[name].image)) for name in names]
        found = find_artifact(text, entries, self._switches.artifact_lookup, candidates=key.references)
        if found.position is None:
            return ImageMatch(refusal=found.refusal)
        name = names[found.position]
        return ImageMatch(found=self._artifacts[name], name=name)

    def _find_name(self, key: ImageKey) -> ImageMatch:
        for reference in key.references:
            present = self._by_name.get(reference) or self._find_digest(reference)
            if present is not None:
                return ImageMatch(found=present, name=reference)
        return ImageMatch()

    def _find_digest(self, reference: str) -> PresentImage | None:
        """An image whose digests are derived from its names."""
        name, at, digest = reference.partition("@")
        if not at or self._switches.moved_tag_digests == "kept":
            return None
        images = self._by_digest.get(digest, ())
        named = (present for present in images if name in map(repository, present.names))
        return next((present for present in named if not self.is_apart(present.image)), None)

    def _find_id(self, key: ImageKey) -> ImageMatch:
        if key.id_prefix is None:
            return ImageMatch()
        lookup = self._ids.resolve(_ALGORITHM + key.id_prefix)
        if lookup.match is Match.AMBIGUOUS:
            return ImageMatch(is_ambiguous=True)
        return ImageMatch(found=self._by_id.get(lookup.id))

    @property
    def layers(self) -> LayersHeld:
        """The layers of all images here, each once."""
        if self._layers is None:
            by_id = {layer.chain_id: layer for present in self._by_id.values() for layer in present.image.layers}
            self._layers = LayersHeld(
                chain_ids=frozenset(by_id),
                size_bytes=sum(layer.size_bytes for layer in by_id.values()),
                entries=sum(layer.entries for layer in by_id.values()),
            )
        return self._layers

    def has_blob(self, digest: str) -> bool:
        """Whether some image here has this manifest, config or layer."""
        return digest in self._blobs

    # -- showing ------------------------------------------------------------------------------------------

    def shown_id(self, image: Image) -> str:
        """The image's id in the form that this runtime shows."""
        return image.id.removeprefix(_ALGORITHM) if self._switches.id_form == "bare" else image.id

    def rows(self, present: PresentImage) -> tuple[api.Image, ...]:
        """Its rows in ListImages: one, or one for each name of an artifact that is kept apart.

        They are kept; a caller copies them (putting them into a message does).
        """
        if present.rows is None:
            names = [name for name, found in self._artifacts.items() if found is present]
            is_apart = self.is_apart(present.image)
            present.rows = (
                tuple(self.artifact_message(present, name) for name in names or ("",))
                if is_apart
                else (self.message(present),)
            )
        return present.rows

    def encoded_list(self, build: Callable[[], bytes]) -> bytes:
        """The answer of ListImages about all images, built when any has changed."""
        if self._encoded_list is None:
            self._encoded_list = build()
        return self._encoded_list

    def encoded_status(self, present: PresentImage) -> bytes:
        """The answer of ImageStatus about an image, without what is verbose."""
        if present.encoded_status is None:
            response = api.ImageStatusResponse(image=self.message(present, in_status=True))
            present.encoded_status = response.SerializeToString()
        return present.encoded_status

    def artifact_message(self, present: PresentImage, name: str) -> api.Image:
        """An artifact under one of its names. Mirrors CRI-O: internal/ociartifact/artifact.go, CRIImage."""
        entry = ArtifactEntry(name, _artifact_digest(present.image))
        is_pinned = self._switches.artifact_pinning == "always" or any(
            is_pinned_name(one, pause_image=self._pause_image, images=self._switches)
            for one in (name, entry.canonical_name)
        )
        return api.Image(
            id=self.shown_id(present.image),
            repo_tags=[name] if name and "@" not in name else [],
            repo_digests=[entry.canonical_name],
            size=present.image.size_bytes,
            pinned=is_pinned or present.image.pinned,
        )

    def message(self, present: PresentImage, *, in_status: bool = False) -> api.Image:
        """The image as ListImages shows it, or as ImageStatus does.

        Where the runtime has it so, the status has the annotations of the manifest, and the list the digest of an
        image without names.
        """
        tags, digests = self._names(present)
        image, switches = present.image, self._switches
        if not digests and not in_status and switches.moved_tag_digests == "previous-name":
            # CRI-O cuts the name at its first colon, be that the port of the registry.
            digests = [f"{present.last_name.partition(':')[0]}@{image.digest}"]
        message = api.Image(
            id=self.shown_id(image),
            repo_tags=tags,
            repo_digests=digests,
            size=image.size_bytes if switches.size == "compressed" else image.unpacked_bytes,
            pinned=present.is_pinned,
        )
        uid, username = split_user(image.config.user)
        message.username = username
        if uid is not None:
            message.uid.value = uid
        if in_status and switches.spec_annotations and image.artifact is None:
            message.spec.SetInParent()
            message.spec.annotations.update(image.annotations)
        return message


def _artifact_digest(artifact: Image) -> str:
    """Of its manifest, which an index may have led to."""
    return artifact.instance_digest or artifact.digest


def split_user(user: str) -> tuple[int | None, str]:
    """USER of an image as the CRI shows it: a number as the uid, anything else as the name; the group is dropped.

    Mirrors containerd: internal/cri/server/images/image_status.go, getUserFromImage; CRI-O has the same.

    >>> split_user("1000:dev"), split_user("app:dev"), split_user("")
    ((1000, ''), (None, 'app'), (None, ''))
    """
    name = user.partition(":")[0]
    digits = name[1:] if name[:1] in ("+", "-") else name
    # Long enough for leading zeros; a number of any length is an int64 or it is none.
    if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX and _INT64_MIN <= int(name) <= _INT64_MAX:
        return int(name), ""
    return None, name
