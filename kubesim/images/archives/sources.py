"""From a path to the images in it: an OCI layout, an archive of one, or what `docker save` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubesim.images.archives.docker_save import LEGACY_FILE, MANIFEST_FILE, check_agreement, read_docker_save
from kubesim.images.archives.files import ArchiveError, ArchiveFiles, DirectoryFiles, LayoutBlobs, TarFiles
from kubesim.images.archives.layout import INDEX_FILE, LAYOUT_FILE, Entry, read_layout
from kubesim.images.archives.names import WrittenName, local_repository, named_reference
from kubesim.images.blobs.blob import BlobSource
from kubesim.images.documents import Descriptor
from kubesim.images.image import Image
from kubesim.images.loading import OpenedLayers, load_image, placed
from kubesim.model.mistakes import nearest
from kubesim.policy.image_platform import LINUX_AMD64, Platform
from kubesim.policy.image_reference import InvalidReference, parse_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One image in a file."""

    descriptor: Descriptor
    names: tuple[WrittenName, ...]
    """Without repetitions; empty for an image without any name."""
    where: str
    """The entry that names it first."""

    def references(self, repository: str) -> tuple[str, ...]:
        """Its names in full; `repository` is for those that have none."""
        names = self.names or (WrittenName(),)
        found = [named_reference(name, digest=self.descriptor.digest, repository=repository) for name in names]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """A file or directory with images."""

    path: Path
    blobs: BlobSource
    images: tuple[SourceImage, ...]

    @property
    def repository(self) -> str:
        """The repository of images that have none."""
        return local_repository(self.path)

    def load(
        self,
        image: SourceImage,
        *,
        references: Sequence[str] | None = None,
        platform: Platform = LINUX_AMD64,
        opened: OpenedLayers | None = None,
    ) -> Image:
        """One of the images, under its own names unless others are given. Raises InputError."""
        names = image.references(self.repository) if references is None else references
        return load_image(
            self.blobs, image.descriptor, references=names, platform=platform, where=str(self.path), opened=opened
        )

    def choose(self, name: str, *, where: str) -> SourceImage:
        """The image with a name, tag or digest; with "" the only one. Raises ArchiveError."""
        found = [image for image in self.images if not name or self._answers(image, name)]
        if len({image.descriptor.digest for image in found}) == 1:
            return found[0]
        known = [reference for image in self.images for reference in image.references(self.repository)]
        listed = ", ".join(known[:16]) + (", ..." if len(known) > 16 else "")
        if found:
            raise ArchiveError(f"{self.path} has {len(found)} images", where=where, hint=f"name one of: {listed}")
        what = f"no image {name!r} in {self.path}" if name else f"no image in {self.path}"
        raise ArchiveError(what, where=where, hint=f"there are: {listed}{nearest(name, known)}" if known else "")

    def _answers(self, image: SourceImage, name: str) -> bool:
        if name in (image.descriptor.digest, *(written.tag for written in image.names)):
            return True
        try:
            return parse_reference(name).normalised in image.references(self.repository)
        except InvalidReference:
            return False


def open_source(path: Path) -> ImageSource:
    """The images of a layout directory or an archive. Raises ArchiveError, DocumentError, LayerError, BlobError."""
    with placed(str(path)):
        files: ArchiveFiles = DirectoryFiles(path) if path.is_dir() else TarFiles(path)
        return _opened(path, files)


def _opened(path: Path, files: ArchiveFiles) -> ImageSource:
    has_layout, has_manifest = (files.find(name) is not None for name in (LAYOUT_FILE, MANIFEST_FILE))
    blobs: BlobSource = LayoutBlobs(files)
    if has_layout:
        entries = read_layout(files)
        if has_manifest:
            entries = check_agreement(files, entries)
    elif has_manifest:
        blobs, entries = read_docker_save(files)
    else:
        raise _unknown(files)
    return ImageSource(path=path, blobs=blobs, images=_grouped(entries))


def _unknown(files: ArchiveFiles) -> ArchiveError:
    if files.find(INDEX_FILE) is not None:
        return ArchiveError(f"{INDEX_FILE} without {LAYOUT_FILE}", where=files.where, hint="a layout has both")
    if files.find(LEGACY_FILE) is not None:
        hint = "save the image again with a newer one"
        return ArchiveError(
            f"{LEGACY_FILE} without {MANIFEST_FILE}: of Docker before 1.10", where=files.where, hint=hint
        )
    hint = f"expected an OCI layout ({LAYOUT_FILE}, {INDEX_FILE}) or what docker save writes ({MANIFEST_FILE})"
    return ArchiveError("no image archive", where=files.where, hint=hint)


def split_source(text: str, directory: Path) -> tuple[Path, str] | None:
    """`PATH` or `PATH:REF` as a path that is there and a name in it; None when none is there. Both may hold colons."""
    parts = text.split(":")
    for count in range(len(parts), 0, -1):
        path = directory / ":".join(parts[:count])
        if parts[0] and path.exists():
            return path, ":".join(parts[count:])
    return None


def _grouped(entries: list[Entry]) -> tuple[SourceImage, ...]:
    """One image for each digest, with all its names."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.descriptor.digest, []).append(entry)
    return tuple(
        SourceImage(
            descriptor=group[0].descriptor,
            names=tuple(dict.fromkeys(entry.name for entry in group if entry.name != WrittenName())),
            where=group[0].where,
        )
        for group in found.values()
    )
