"""The local store: an OCI image layout, so skopeo, umoci, podman and containerd read it too.

Rule 1: index.json says what is in the store, and is replaced as a whole. An image is entered there only after all of
its bytes are there and were found good; whatever stops an addition before, the store has the images that it had.
Rule 2: whoever changes the store holds its lock from the first byte to the new index.json. What no index.json names
is removed then: the rest of an addition that was stopped, or blobs that no image needs any more.
Rule 3: readers take no lock. A blob is never changed under its name.

Formats: opencontainers/image-spec: image-layout.md, annotations.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubesim.errors import InputError
from kubesim.images.archives.files import DirectoryFiles
from kubesim.images.archives.layout import INDEX_FILE, LAYOUT_FILE, LAYOUT_VERSION, read_layout
from kubesim.images.archives.names import CONTAINERD_NAME_ANNOTATION, REF_NAME_ANNOTATION
from kubesim.images.blobs.blob import Blob, BlobSource, chunks, whole
from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.catalogue import repository
from kubesim.images.documents import (
    INDEX_MEDIA_TYPE,
    ConfigDocument,
    Descriptor,
    is_index,
    parse_config,
    parse_index,
    parse_manifest,
)
from kubesim.images.image import Image
from kubesim.images.json_text import JSON_BYTES_MAX
from kubesim.images.loading import (
    NESTING_MAX,
    OpenedLayers,
    Resolved,
    find_blob,
    is_artifact,
    load_image,
    placed,
    read_document,
    resolve_manifest,
)
from kubesim.policy.image_platform import LINUX_AMD64, Platform, matching_platforms

LOCK_FILE = ".kubesim-lock"
TEMPORARY_PREFIX = ".kubesim-new-"

OnProgress = Callable[[int, int], object]
"""Is told how many bytes are in the store, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """What the store says about an image without opening its layers."""

    descriptor: Descriptor
    references: tuple[str, ...]
    """Normalised names; empty for an image without any."""

    @property
    def digest(self) -> str:
        """Of the manifest, or of the index, that was added."""
        return self.descriptor.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSummary:
    """An image of the store as a list shows it."""

    stored: StoredImage
    id: str
    config: ConfigDocument | None
    """None for an artifact."""
    size_bytes: int


class ImageStore:
    """The images below a directory, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blobs = BlobDirectory(path)
        self._opened: OpenedLayers = {}
        self._loaded: dict[str, Image] = {}

    def __repr__(self) -> str:
        return f"ImageStore({str(self.path)!r})"

    # -- reading ------------------------------------------------------------------------------------------

    def images(self) -> list[StoredImage]:
        """What is in the store, in the order of adding. Raises InputError for a directory that is no store."""
        if not (self.path / LAYOUT_FILE).exists():
            if self.path.exists() and not self.path.is_dir():
                raise InputError("no image store", where=str(self.path), hint="expected a directory, new or a layout")
            return []
        entries = read_layout(DirectoryFiles(self.path))
        found: dict[str, tuple[Descriptor, list[str]]] = {}
        for entry in entries:
            _, names = found.setdefault(entry.descriptor.digest, (entry.descriptor, []))
            if entry.name.reference and entry.name.reference not in names:
                names.append(entry.name.reference)
        return [StoredImage(descriptor=one, references=tuple(names)) for one, names in found.values()]

    def references(self) -> tuple[str, ...]:
        """Every name in the store, sorted."""
        return tuple(sorted(name for image in self.images() for name in image.references))

    def find(self, reference: str) -> Image | None:
        """The image of a normalised reference, with its layers opened; None when the store has none.

        Raises InputError for an image whose bytes were damaged.
        """
        name, _, digest = reference.partition("@")
        for image in self.images():
            is_named = reference in image.references
            if is_named or (digest == image.digest and name in map(repository, image.references)):
                return self.load(image)
        return None

    def find_content(self, image_id: str) -> Image | None:
        """The image with an id; None when the store has none."""
        found = next((image for image in self.images() if self._id_of(image) == image_id), None)
        return None if found is None else self.load(found)

    def match(self, word: str, images: Sequence[StoredImage] | None = None) -> list[StoredImage]:
        """The images, of the store or of those given, whose id or digest begins with a word of three digits or more."""
        digits = word.removeprefix("sha256:")
        if len(digits) < 3 or digits.strip("0123456789abcdef"):
            return []
        return [
            image
            for image in (self.images() if images is None else images)
            if any(one.partition(":")[2].startswith(digits) for one in (self._id_of(image), image.digest))
        ]

    def summary(self, image: StoredImage) -> StoredSummary:
        """What a list shows of an image. Raises InputError for one whose documents were damaged."""
        with placed(str(self.path)):
            resolved = self._resolved(image.descriptor, LINUX_AMD64)
            blobs = (*resolved.documents, *resolved.blobs)
            if is_artifact(resolved.manifest):
                size_bytes = sum(layer.size for layer in resolved.manifest.layers)
                return StoredSummary(stored=image, id=resolved.descriptor.digest, config=None, size_bytes=size_bytes)
            content = read_document(self._blobs, resolved.manifest.config, where=str(self.path))
            config = parse_config(content, where=f"{self.path}: {resolved.manifest.config.digest}")
        return StoredSummary(
            stored=image, id=resolved.manifest.config.digest, config=config, size_bytes=sum(one.size for one in blobs)
        )

    def _id_of(self, image: StoredImage) -> str:
        """The id of an image; "" for a damaged one, which must not keep the others from being found."""
        try:
            return self.summary(image).id
        except InputError:
            return ""

    def load(self, image: StoredImage) -> Image:
        """An image of the store with its layers opened. Raises InputError for one whose bytes were damaged."""
        # Once: two pulls of one name must give one image.
        key = json.dumps([image.digest, *image.references])
        if key not in self._loaded:
            self._loaded[key] = load_image(
                self._blobs,
                image.descriptor,
                references=image.references,
                where=str(self.path),
                opened=self._opened,
            )
        return self._loaded[key]

    def _resolved(self, descriptor: Descriptor, platform: Platform) -> Resolved:
        return resolve_manifest(self._blobs, descriptor, platform=platform, where=str(self.path))

    # -- changing -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def changing(self) -> Iterator[StoreChange]:
        """Hold the lock; what the block enters and removes is in the store when it ends well, and nothing else is.

        Raises InputError when the directory cannot be written.
        """
        self._check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(
                error.strerror or str(error), where=str(self.path), hint="name a store with --store"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._prepare()
            change = StoreChange(self, self._blobs, self.images())
            try:
                yield change
                self._write(INDEX_FILE, _index(change.images))
            finally:
                # Whatever happened: what index.json does not name is nobody's.
                self._sweep()
        finally:
            os.close(lock)

    def _check(self) -> None:
        """Refuse a directory that is no store before anything is written there."""
        self.images()
        # A directory with our lock is a store that somebody makes just now, or was stopped from making.
        if not self.path.is_dir() or any((self.path / name).exists() for name in (LOCK_FILE, LAYOUT_FILE)):
            return
        others = sorted(one.name for one in self.path.iterdir())
        if others:
            what = f"no image store: it holds {others[0]!r}"
            raise InputError(what, where=str(self.path), hint="expected an empty directory, or an OCI layout")

    def _prepare(self) -> None:
        if not (self.path / LAYOUT_FILE).exists():
            self._write(INDEX_FILE, _index([]))
            self._write(LAYOUT_FILE, {"imageLayoutVersion": LAYOUT_VERSION})

    def _write(self, name: str, value: Any) -> None:
        """Replace a document as a whole."""
        try:
            fd, temporary = tempfile.mkstemp(dir=self.path, prefix=TEMPORARY_PREFIX)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
                    os.fchmod(file.fileno(), 0o644)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self.path / name)
            finally:
                Path(temporary).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(error.strerror or str(error), where=str(self.path / name)) from error

    def _sweep(self) -> None:
        """Remove what no entry of index.json leads to."""
        needed: set[str] = set()
        for image in self.images():
            needed |= set(_reachable(self._blobs, image.descriptor, NESTING_MAX + 1))
        for digest in self._blobs.digests():
            if digest not in needed:
                self._blobs.remove(digest)
        for left in (*self.path.glob("blobs/*/.incoming-*"), *self.path.glob(f"{TEMPORARY_PREFIX}*")):
            left.unlink(missing_ok=True)
        for left in self.path.glob(".incoming-*"):  # of a pull that was killed: whoever pulls holds the lock
            shutil.rmtree(left, ignore_errors=True)


class StoreChange:
    """The store while somebody holds its lock."""

    def __init__(self, store: ImageStore, blobs: BlobDirectory, images: list[StoredImage]) -> None:
        self._store = store
        self.blobs = blobs
        """Where the blobs of what is added go: `enter` takes what is there."""
        self.images = images

    def copy(
        self,
        source: BlobSource,
        descriptor: Descriptor,
        *,
        platform: Platform = LINUX_AMD64,
        where: str,
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> Descriptor:
        """Bring in what a descriptor leads to on a platform; what is to be entered then.

        That is the descriptor itself; of an index the image alone, when it is not for the platform of the emulated
        nodes: they would look for another in it. Raises InputError for bytes that are not what they should be.
        """
        with placed(where):
            resolved = resolve_manifest(source, descriptor, platform=platform, where=where)
            is_for_nodes = matching_platforms(platform) == matching_platforms(LINUX_AMD64)
            documents = resolved.documents if is_for_nodes else (resolved.descriptor,)
            wanted = {named.digest: named for named in (*documents, *resolved.blobs)}
            total_bytes = sum(named.size for named in wanted.values())
            done_bytes = 0
            for named in wanted.values():
                blob = find_blob(source, named, where=where)
                there = self.blobs.find(named.digest)
                if there is None or there.size_bytes != named.size:
                    told = _telling(blob, on_progress, done_bytes, total_bytes)
                    self.blobs.write(named.digest, told, size_bytes=named.size)
                done_bytes += named.size
                on_progress(done_bytes, total_bytes)
            return documents[0]

    def enter(
        self, descriptor: Descriptor, references: Sequence[str], *, platform: Platform = LINUX_AMD64, where: str
    ) -> Image:
        """Enter an image whose blobs are all there; its names are taken from the images that had them.

        Every digest is checked, and every layer is opened. Raises InputError for what cannot be used.
        """
        image = load_image(self.blobs, descriptor, references=references, platform=platform, where=where)
        media_type = descriptor.media_type or _media_type(self.blobs, descriptor, where)
        bare = Descriptor(digest=descriptor.digest, size=descriptor.size, media_type=media_type)
        same = next((one for one in self.images if one.digest == descriptor.digest), None)
        names = tuple(dict.fromkeys((*(same.references if same else ()), *references)))
        self._take_names(references)
        self.images = [one for one in self.images if one.digest != descriptor.digest]
        self.images.append(StoredImage(descriptor=bare, references=names))
        return image

    def match(self, word: str) -> list[StoredImage]:
        """As `ImageStore.match`, of what would be in the store."""
        return self._store.match(word, self.images)

    def remove_name(self, reference: str) -> None:
        """Take a name away; an image without any other is gone."""
        for image in self.images:
            if image.references == (reference,):
                self.remove(image)
                return
        self._take_names((reference,))

    def remove(self, image: StoredImage) -> None:
        """Take an image away with all its names."""
        self.images = [one for one in self.images if one.digest != image.digest]

    def _take_names(self, references: Iterable[str]) -> None:
        taken = set(references)
        self.images = [
            StoredImage(
                descriptor=one.descriptor, references=tuple(name for name in one.references if name not in taken)
            )
            for one in self.images
        ]


def _reachable(blobs: BlobDirectory, descriptor: Descriptor, nesting_left: int) -> Iterator[str]:
    """The digests that a descriptor leads to, on every platform that is there. A damaged document leads nowhere."""
    yield descriptor.digest
    blob = blobs.find(descriptor.digest)
    if blob is None or not nesting_left:
        return
    try:
        content = whole(blob, bytes_max=JSON_BYTES_MAX)
        if is_index(content, where="", media_type=descriptor.media_type):
            below = parse_index(content, where="").manifests
        else:
            manifest = parse_manifest(content, where="")
            yield from (named.digest for named in (manifest.config, *manifest.layers))
            return
    except InputError:
        return
    for entry in below:
        yield from _reachable(blobs, entry, nesting_left - 1)


def _index(images: Sequence[StoredImage]) -> dict[str, Any]:
    entries = []
    for image in images:
        one = image.descriptor
        entry: dict[str, Any] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
        entries += [
            {**entry, "annotations": {CONTAINERD_NAME_ANNOTATION: name, REF_NAME_ANNOTATION: name}}
            for name in image.references
        ] or [entry]
    return {"schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": entries}


def _media_type(blobs: BlobDirectory, descriptor: Descriptor, where: str) -> str:
    """What a document is that was named without a media type, as umoci and others may leave it out."""
    content = read_document(blobs, descriptor, where=where)
    if is_index(content, where=where):
        return parse_index(content, where=where).media_type
    return parse_manifest(content, where=where).media_type


def _telling(blob: Blob, on_progress: OnProgress, done_bytes: int, total_bytes: int) -> Iterator[bytes]:
    for chunk in chunks(blob):
        yield chunk
        done_bytes += len(chunk)
        on_progress(done_bytes, total_bytes)
