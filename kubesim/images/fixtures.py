"""Image documents in YAML files -> Catalogue.

`load_catalogue` is the door for whatever a user names with `--images`: today a YAML or JSON file, or a directory of
them. The built-in fixtures ship with the package; a document of the user's wins over a built-in one of the same name.
"""

from __future__ import annotations

import functools
import importlib.resources
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue
from kubesim.images.host_directory import host_entries
from kubesim.images.image import (
    Artifact,
    ArtifactBlob,
    Credential,
    Declared,
    Image,
    PullBehaviour,
    PullError,
    make_artifact,
    make_image,
)
from kubesim.images.oci import ImageConfig
from kubesim.images.programs import PROGRAMS, SCRIPT_PREFIX, USERLANDS, program_node, userland_nodes
from kubesim.images.tree import NodeKind, TreeNode, directory_node, file_node, symlink_node
from kubesim.model.image_fixture import FileEntry, FileKind, ImageFixture, image_fixtures
from kubesim.model.mistakes import nearest, one_of
from kubesim.model.program_script import ProgramSpec, encoded_script
from kubesim.model.yaml_text import load_documents
from kubesim.policy.image_reference import InvalidReference, Reference, parse_reference

FIXTURE_SUFFIXES = (".json", ".yaml", ".yml")
"""Names of fixture files in a directory end so."""


def load_catalogue(paths: Iterable[str | Path], *, builtin: bool = True) -> Catalogue:
    """A new catalogue of the built-in images (unless `builtin` is false) and of every fixture that `paths` name.

    Each path is a fixture file or a directory of them; a directory is not searched in depth. Raises InputError for a
    path that is not there or holds no image, for text that is no fixture, and for two documents of `paths` with one
    name.
    """
    catalogue = Catalogue(_builtin_images() if builtin else ())
    for image in load_images(paths):
        catalogue.add(image)
    return catalogue


def load_images(paths: Iterable[str | Path]) -> tuple[Image, ...]:
    """The images of the fixtures that `paths` name, in order. Raises InputError as `load_catalogue` does."""
    images: list[Image] = []
    places: dict[str, str] = {}
    for path in map(Path, paths):
        count_before = len(images)
        for fixture, directory in _fixtures(path):
            image = image_from_fixture(fixture, directory=directory)
            for name in image.references:
                if name in places:
                    raise InputError(
                        f"image {name!r} is already defined at {places[name]}",
                        where=fixture.where,
                        hint="give each name to one document",
                    )
                places[name] = fixture.where
            images.append(image)
        # Per path and not per file: a directory may keep an empty file beside others.
        if len(images) == count_before:
            raise InputError("no image in it", where=str(path), hint=_EXPECTED)
    return tuple(images)


def _fixtures(path: Path) -> Iterator[tuple[ImageFixture, Path]]:
    """The checked documents of a file or directory, and where the relative paths of each start."""
    for file in _fixture_files(path):
        for fixture in image_fixtures(load_documents(_content(file), name=str(file))):
            yield fixture, file.parent


def builtin_fixtures_dir() -> Path:
    """The directory that holds the built-in `images/` and `pods/`.

    An installed wheel has it as `kubesim/_fixtures`; a checkout, and an editable install of one, as `fixtures` beside
    the package. Raises InputError when there is neither.
    """
    package = Path(str(importlib.resources.files("kubesim")))
    packaged, checkout = package / "_fixtures", package.parent / "fixtures"
    for directory in (packaged, checkout):
        if (directory / "images").is_dir():
            return directory
    raise InputError(
        f"the built-in fixtures are in neither {packaged} nor {checkout}",
        hint="install kubesim again from a wheel, or run it from its checkout",
    )


@functools.cache
def _builtin_images() -> tuple[Image, ...]:
    # Images never change, so every catalogue of a process can share them.
    return load_images([builtin_fixtures_dir() / "images"])


def image_from_fixture(fixture: ImageFixture, *, directory: Path) -> Image:
    """The image that a checked document describes; `directory` is where its relative paths start.

    Raises InputError for a host directory that cannot be read, an unknown userland or program, and paths that
    contradict each other.
    """
    spec = fixture.spec
    names = [_reference(name, fixture) for name in fixture.references]
    if names[0].digest and spec.digest not in (None, names[0].digest):
        raise InputError(
            f"the name has digest {names[0].digest}, the spec {spec.digest}",
            where=fixture.where,
            hint="leave `spec.digest` out",
        )
    declared = Declared(
        references=tuple(name.normalised for name in names),
        id=spec.id,
        digest=spec.digest or names[0].digest or None,
        size_bytes=fixture.size_bytes,
        unpacked_bytes=fixture.unpacked_bytes,
        pinned=spec.pinned,
        is_present=spec.present,
        pull=_pull(fixture),
        annotations=tuple(spec.annotations.items()),
    )
    if spec.artifact is not None:
        blobs = tuple(ArtifactBlob(blob.title, content, blob.media_type) for blob, content in fixture.blobs)
        return make_artifact(declared, Artifact(artifact_type=spec.artifact.type, blobs=blobs))
    config = ImageConfig(
        user=spec.user,
        exposed_ports=tuple(spec.exposed_ports),
        env=tuple(spec.env.items()),
        entrypoint=tuple(spec.entrypoint),
        cmd=tuple(spec.cmd),
        working_dir=spec.working_dir,
        stop_signal=spec.stop_signal,
        labels=tuple(spec.labels.items()),
    )
    try:
        layers = _layers(fixture, directory)
        return make_image(declared, config=config, layers=layers, architecture=spec.architecture, os=spec.os)
    except InputError as error:
        place = fixture.places.get(error.where, fixture.where)
        raise InputError(f"{error.where}: {error.what}", where=place, hint=error.hint) from error


def _reference(name: str, fixture: ImageFixture) -> Reference:
    try:
        return parse_reference(name)
    except InvalidReference as error:
        raise InputError(
            f"{name!r} is no image name: {error}", where=fixture.where, hint="expected e.g. registry.k8s.io/pause:3.10"
        ) from error


def _fixture_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / "oci-layout").exists():
        raise InputError("an OCI image layout cannot be read yet", where=str(path), hint=_EXPECTED)
    files = sorted(file for file in path.iterdir() if file.suffix in FIXTURE_SUFFIXES and not file.is_dir())
    if not files:
        raise InputError("no image fixture in this directory", where=str(path), hint=_EXPECTED)
    return files


_EXPECTED = "expected a YAML file of kind Image or ImageList, or a directory of such files"


def _content(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise InputError("no such file", where=str(file), hint=_EXPECTED) from error
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(file), hint=_EXPECTED) from error
    if content[257:262] == b"ustar" or content.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        raise InputError("an image archive cannot be read yet", where=str(file), hint=_EXPECTED)
    return content


def _pull(fixture: ImageFixture) -> PullBehaviour:
    pull = fixture.spec.pull
    error = pull.error if pull is not None else None
    wanted = pull.credentials if pull is not None else None
    return PullBehaviour(
        duration_ns=fixture.pull_duration_ns,
        bandwidth_bytes_per_second=fixture.pull_bytes_per_second,
        stall_after_bytes=fixture.pull_stall_bytes,
        error=None
        if error is None
        else PullError(message=error.message or "", code=error.code, kind=error.kind, times=error.times),
        credentials=None if wanted is None else Credential(wanted.username, wanted.password),
    )


def _layers(fixture: ImageFixture, directory: Path) -> list[list[tuple[str, TreeNode]]]:
    layers: list[list[tuple[str, TreeNode]]] = [[] for _ in range(1 + len(fixture.spec.layers))]
    # What a document names itself wins over what a whole directory brings, wherever it is written.
    for entry in sorted(fixture.entries, key=lambda entry: not _is_bulk(entry)):
        layers[entry.layer].extend(_entry_nodes(entry, directory))
    for path, program in fixture.spec.programs.items():
        layers[0].append((path, _program(path, program, dict(layers[0]).get(path))))
    return layers if layers[0] else layers[1:]


def _is_bulk(entry: FileEntry) -> bool:
    return entry.kind in {FileKind.USERLAND, FileKind.HOST_DIRECTORY}


def _entry_nodes(entry: FileEntry, directory: Path) -> Iterator[tuple[str, TreeNode]]:
    if entry.kind is FileKind.FILE:
        yield entry.path, file_node(entry.content, mode=entry.mode, uid=entry.uid, gid=entry.gid)
        return
    if entry.kind is FileKind.LINK:
        yield entry.path, symlink_node(entry.source, uid=entry.uid, gid=entry.gid)
        return
    top = directory_node(mode=entry.mode, uid=entry.uid, gid=entry.gid)
    if entry.kind is FileKind.HOST_DIRECTORY:
        yield from host_entries(directory / entry.source, path=entry.path, top=top)
        return
    yield entry.path, top
    if entry.kind is FileKind.USERLAND:
        if entry.source not in USERLANDS:
            raise InputError(
                f"unknown userland {entry.source!r}", where=entry.path, hint=_known(entry.source, USERLANDS)
            )
        prefix = entry.path.rstrip("/")
        for name, node in userland_nodes(entry.source).items():
            yield f"{prefix}/{name}", replace(node, uid=entry.uid, gid=entry.gid)


def _program(path: str, spec: str | ProgramSpec, there: TreeNode | None) -> TreeNode:
    """The file at `path` made to run a program; a new executable when the document has no file there."""
    program = spec if isinstance(spec, str) else f"{SCRIPT_PREFIX}{encoded_script(spec.script)}"
    if posixpath.normpath(path) != path or not path.startswith("/") or path.startswith("//"):
        raise InputError("no clean absolute path", where=path, hint="expected e.g. /usr/bin/server")
    if program == spec and program not in PROGRAMS:
        raise InputError(f"unknown program {program!r}", where=path, hint=_known(program, PROGRAMS))
    if there is None:
        return program_node(program)
    if there.kind is not NodeKind.FILE:
        named = repr(spec) if isinstance(spec, str) else "a script"
        raise InputError(f"a {there.kind} cannot run {named}", where=path, hint="only a file is executed")
    if there.program:
        return program_node(program, mode=there.mode, uid=there.uid, gid=there.gid)
    return replace(there, program=program)


def _known(word: str, choices: Iterable[str]) -> str:
    return f"expected {one_of(sorted(choices))}{nearest(word, sorted(choices))}"
