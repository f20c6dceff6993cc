"""Checked image fixtures: Image and ImageList documents with their files decoded and their numbers measured.

The format is described in `kubesim.model.image_document`. Text in, values out: host directories are only named here,
and read in `kubesim.images`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from kubesim.errors import InputError
from kubesim.model.convert import convert, convert_all_errors, error_at, join_errors
from kubesim.model.duration import parse_duration
from kubesim.model.image_document import (
    DEFAULT_ARCHITECTURE,
    DEFAULT_OS,
    BlobSpec,
    FileSpec,
    ImageDocument,
    ImageListDocument,
    ImageListItem,
    ImageSpec,
    PullSpec,
)
from kubesim.model.image_name import parse_image_name
from kubesim.model.mistakes import nearest, one_of
from kubesim.model.paths import Path
from kubesim.model.program_script import read_script
from kubesim.model.quantity import parse_quantity
from kubesim.model.yaml_text import Document

FILE_MODE = 0o644
DIRECTORY_MODE = 0o755
MODE_MAX = 0o7777
HOST_MODE = -1
"""Stands for a mode that is taken from a host file."""
TITLE_ANNOTATION = "org.opencontainers.image.title"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CODES = (
    "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated",
)  # fmt: skip
"""gRPC status codes as Go names them, without OK."""

_SOURCES = ("text", "base64", "file", "directory", "userland", "link")


class FileKind(StrEnum):
    """What an entry of an image's tree is made from."""

    FILE = "file"
    EMPTY_DIRECTORY = "empty directory"
    HOST_FILE = "host file"
    HOST_DIRECTORY = "host directory"
    USERLAND = "userland"
    LINK = "link"


_KINDS = {
    "": FileKind.EMPTY_DIRECTORY,
    "text": FileKind.FILE,
    "base64": FileKind.FILE,
    "file": FileKind.HOST_FILE,
    "directory": FileKind.HOST_DIRECTORY,
    "userland": FileKind.USERLAND,
    "link": FileKind.LINK,
}
_DEFAULT_MODES = {FileKind.FILE: FILE_MODE, FileKind.HOST_FILE: HOST_MODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One entry of an image's tree, decoded."""

    path: str
    """Absolute and clean: no trailing slash, no `..`."""
    kind: FileKind
    content: bytes = b""
    source: str = ""
    """The host file or directory, the userland's name, or the link's target."""
    mode: int = FILE_MODE
    """HOST_MODE is that of the host file."""
    uid: int = 0
    gid: int = 0
    layer: int = 0
    """0 for `files`, then one more for each entry of `layers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFixture:
    """A checked Image document."""

    name: str
    spec: ImageSpec
    entries: tuple[FileEntry, ...]
    blobs: tuple[tuple[BlobSpec, bytes], ...]
    """The artifact's blobs with their content; empty for an ordinary image."""
    size_bytes: int | None
    unpacked_bytes: int | None
    pull_duration_ns: int
    pull_bytes_per_second: int | None
    pull_stall_bytes: int | None
    where: str
    """`file:line:column` of the document, for messages."""
    places: Mapping[str, str]
    """The same of each program and each entry of `files`, by path; and of `from`, by that word."""

    @property
    def references(self) -> tuple[str, ...]:
        """All names of the image, the first one first."""
        return (self.name, *self.spec.references)


def image_fixtures(documents: list[Document]) -> list[ImageFixture]:
    """Every image of the Image and ImageList documents given.

    Raises one InputError with all mistakes, a line each.
    """
    errors: list[InputError] = []
    fixtures: list[ImageFixture] = []
    for document in documents:
        for path, type_ in _items(document, errors):
            found = convert_all_errors(document, type_, path=path)
            if found:
                errors.extend(found)
                continue
            image = convert(document, type_, path=path)
            reader = _Reader(document, path)
            fixture = reader.fixture(image)
            errors.extend(reader.errors)
            fixtures.append(fixture)
    errors.extend(_name_clashes(fixtures))
    if errors:
        raise join_errors(errors)
    return fixtures


def listed_fixtures(
    document: Document, path: Path, items: Iterable[ImageListItem], errors: list[InputError]
) -> list[ImageFixture]:
    """The images of a list that another document holds at `path`, already typed; mistakes go to `errors`."""
    fixtures = []
    for index, item in enumerate(items):
        reader = _Reader(document, (*path, index))
        fixtures.append(reader.fixture(item))
        errors.extend(reader.errors)
    errors.extend(_name_clashes(fixtures))
    return fixtures


def is_image_document(document: Document) -> bool:
    """Whether the document is of this module's kinds; used to route documents of a mixed file."""
    value = document.value
    return isinstance(value, dict) and value.get("kind") in ("Image", "ImageList")


def _items(document: Document, errors: list[InputError]) -> Iterator[tuple[Path, type[ImageDocument | ImageListItem]]]:
    value = document.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "ImageList":
        items = value.get("items")
        outer = Document(value={**value, "items": []}, name=document.name, root=document.root)
        errors.extend(convert_all_errors(outer, ImageListDocument))
        if isinstance(items, list):
            for index in range(len(items)):
                yield ("items", index), ImageListItem
        else:
            errors.append(error_at(document, ("items",), "expected a list of images"))
    elif kind == "Image":
        yield (), ImageDocument
    else:
        shown = "no kind" if kind is None else f"kind {kind!r}"
        errors.append(
            InputError(
                f"{shown} in an image fixture", where=document.where(("kind",)), hint="expected Image or ImageList"
            )
        )


def _name_clashes(fixtures: list[ImageFixture]) -> Iterator[InputError]:
    seen: dict[str, str] = {}
    for fixture in fixtures:
        for name in fixture.references:
            if name in seen:
                yield InputError(f"image {name!r} is already defined at {seen[name]}", where=fixture.where)
            else:
                seen[name] = fixture.where


class _Reader:
    """Checks what types cannot say, and collects the mistakes."""

    def __init__(self, document: Document, base: Path) -> None:
        self.errors: list[InputError] = []
        self._document = document
        self._base = base

    def fixture(self, image: ImageDocument | ImageListItem) -> ImageFixture:
        spec, name = image.spec, image.metadata.name
        self._names(name, spec)
        pull = spec.pull or PullSpec()
        duration_ns = self._measure(("spec", "pull", "duration"), pull.duration, parse_duration)
        bandwidth = self._bytes(("spec", "pull", "bandwidth"), pull.bandwidth)
        if bandwidth == 0:
            self._error(("spec", "pull", "bandwidth"), "0 bytes per second", "for a pull that hangs: stallsAfter: 0")
        self._pull_error(pull)
        self._scripts(spec)
        self._base_image(spec)
        return ImageFixture(
            name=name,
            spec=spec,
            entries=tuple(self._entries(spec)),
            blobs=tuple(self._blobs(spec)),
            size_bytes=self._bytes(("spec", "size"), spec.size),
            unpacked_bytes=self._bytes(("spec", "unpackedSize"), spec.unpacked_size),
            pull_duration_ns=duration_ns or 0,
            pull_bytes_per_second=bandwidth,
            pull_stall_bytes=self._bytes(("spec", "pull", "stallsAfter"), pull.stalls_after),
            where=self._document.where(self._base),
            places=self._places(spec),
        )

    def _places(self, spec: ImageSpec) -> dict[str, str]:
        paths: list[tuple[str, Path]] = [
            *((written.rstrip("/"), ("spec", "files", written)) for written in spec.files),
            *((written, ("spec", "programs", written)) for written in spec.programs),
            *([("from", ("spec", "from"))] if spec.base is not None else []),
        ]
        return {named: self._document.where((*self._base, *path)) for named, path in paths}

    def _error(self, path: Path, what: str, hint: str = "", *, at_key: bool = False) -> None:
        self.errors.append(error_at(self._document, (*self._base, *path), what, hint=hint, at_key=at_key))

    def _measure(self, path: Path, value: str | int | None, parse: Callable[[str], int]) -> int | None:
        if value is None:
            return None
        try:
            number = parse(str(value))
        except InputError as error:
            self._error(path, error.what, error.hint)
            return None
        if number < 0:
            self._error(path, f"{value} is negative")
        return number

    def _bytes(self, path: Path, value: str | int | None) -> int | None:
        return self._measure(path, value, lambda text: parse_quantity(text).value)

    def _pull_error(self, pull: PullSpec) -> None:
        error = pull.error
        if error is None:
            return
        path = ("spec", "pull", "error")
        if (error.message is None) == (error.kind is None):
            self._error(path, "an error needs either a message or a kind")
        elif error.kind is not None and error.code != "Unknown":
            self._error((*path, "code"), "a kind has the code of the runtime", "leave out code")
        elif error.code not in _CODES:
            hint = f"expected {one_of(_CODES)}{nearest(error.code, _CODES)}"
            self._error((*path, "code"), f"{error.code!r} is no gRPC status code of an error", hint)

    def _scripts(self, spec: ImageSpec) -> None:
        for program_path, program in spec.programs.items():
            if not isinstance(program, str):
                read_script(program.script, partial(self._script_error, program_path))

    def _script_error(self, program_path: str, path: Path, what: str, hint: str) -> None:
        self._error(("spec", "programs", program_path, "script", *path), what, hint)

    def _base_image(self, spec: ImageSpec) -> None:
        if spec.base is None:
            return
        for key, is_given in (
            ("artifact", spec.artifact is not None),
            ("architecture", spec.architecture != DEFAULT_ARCHITECTURE),
            ("os", spec.os != DEFAULT_OS),
        ):
            if is_given:
                self._error(
                    ("spec", key), f"an image `from` another has no {key} of its own", "leave it out", at_key=True
                )

    def _names(self, name: str, spec: ImageSpec) -> None:
        for path, text in [
            (("metadata", "name"), name),
            *((("spec", "references", index), text) for index, text in enumerate(spec.references)),
        ]:
            if parse_image_name(text) is None:
                self._error(path, f"{text!r} is no image name", "expected e.g. registry.k8s.io/pause:3.10")
        for key, digest in (("digest", spec.digest), ("id", spec.id)):
            if digest is not None and not _DIGEST.fullmatch(digest):
                self._error(("spec", key), f"{digest!r} is no digest", "expected sha256: and 64 hex digits")

    def _entries(self, spec: ImageSpec) -> Iterator[FileEntry]:
        layers: list[tuple[Path, dict[str, str | FileSpec]]] = [(("spec", "files"), spec.files)]
        layers += [(("spec", "layers", index, "files"), layer.files) for index, layer in enumerate(spec.layers)]
        for number, (base, files) in enumerate(layers):
            seen: dict[str, str] = {}
            for written, value in files.items():
                path = (*base, written)
                clean = self._clean_path(path, written)
                if clean in seen:
                    self._error(path, f"{written!r} is the same path as {seen[clean]!r}", at_key=True)
                seen[clean] = written
                file = FileSpec(text=value) if isinstance(value, str) else value
                entry = self._entry(path, written, clean, file, number)
                if entry is not None:
                    yield entry

    def _clean_path(self, path: Path, written: str) -> str:
        clean = "/" + written.strip("/")
        parts = clean[1:].split("/") if len(clean) > 1 else []
        if (
            written.rstrip("/") != clean.rstrip("/")
            or any(part in ("", ".", "..") for part in parts)
            or "\0" in written
        ):
            self._error(path, f"{written!r} is no clean absolute path", "expected e.g. /etc/passwd", at_key=True)
        return clean

    def _entry(self, path: Path, written: str, clean: str, file: FileSpec, layer: int) -> FileEntry | None:
        given = [source for source in _SOURCES if getattr(file, source) is not None]
        if len(given) > 1:
            self._error(path, f"more than one source: {', '.join(given)}", "keep one of them")
            return None
        if not given and not written.endswith("/"):
            hint = f"expected one of {', '.join(_SOURCES)}, or a path that ends in / for an empty directory"
            self._error(path, "no source", hint)
            return None
        source = given[0] if given else ""
        if source in ("text", "base64", "file", "link") and written.endswith("/"):
            self._error(path, f"{source} makes no directory, but the path ends in /", at_key=True)
        kind = _KINDS[source]
        default_mode = _DEFAULT_MODES.get(kind, DIRECTORY_MODE)
        content = b"" if kind is not FileKind.FILE else self._content(path, file.text, file.base64)
        return FileEntry(
            path=clean,
            kind=kind,
            content=content,
            source=file.file or file.directory or file.userland or file.link or "",
            mode=self._mode(path, file.mode, default_mode),
            uid=file.uid,
            gid=file.gid,
            layer=layer,
        )

    def _mode(self, path: Path, mode: int | str | None, default: int) -> int:
        if mode is None:
            return default
        plain = self._document.plain_text((*self._base, *path, "mode"))
        try:
            # 755 without a zero in front is a decimal number, which nobody means here.
            bits = int(mode, 8) if isinstance(mode, str) else mode if plain is None or plain.startswith("0") else -1
        except ValueError:
            bits = -1
        if not 0 <= bits <= MODE_MAX:
            what = f"{mode if plain is None else plain!r} is no file mode"
            self._error((*path, "mode"), what, 'expected octal permission bits, e.g. "0755"')
            return default
        return bits

    def _content(self, path: Path, text: str | None, encoded: str | None) -> bytes:
        if encoded is None:
            return (text or "").encode()
        try:
            return base64.b64decode("".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            self._error((*path, "base64"), f"not base64: {error}")
            return b""

    def _blobs(self, spec: ImageSpec) -> Iterator[tuple[BlobSpec, bytes]]:
        if spec.artifact is None:
            return
        if spec.files or spec.layers:
            self._error(("spec", "artifact"), "an artifact has blobs and no files", "leave out files and layers")
        for index, blob in enumerate(spec.artifact.blobs):
            path = ("spec", "artifact", "blobs", index)
            if (blob.text is None) == (blob.base64 is None):
                self._error(path, "a blob needs either text or base64")
            if blob.title is not None and TITLE_ANNOTATION in blob.annotations:
                self._error(path, f"the title twice: as title, and as {TITLE_ANNOTATION}", "keep one of them")
            yield blob, self._content(path, blob.text, blob.base64)
