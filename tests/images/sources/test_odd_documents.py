"""Every field of every document of an image, with every kind of value that does not belong there."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.images.archives.sources import open_source

from .writing import CONFIG, MANIFEST, busybox, json_of, layout_files, named, saved_files, write_directory, write_tar

ODD: tuple[Any, ...] = (None, True, -1, 5, 2**70, 1.5, "", "x", "\x00", "../x", [], ["x"], [[]], [None], {}, {"x": []})

PARTS = busybox(
    run={
        "User": "app",
        "Env": ["A=b"],
        "Entrypoint": ["x"],
        "Cmd": ["sh"],
        "Labels": {"a": "b"},
        "ExposedPorts": {"80/tcp": {}},
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
    },
    history=[{"created_by": "x", "empty_layer": True}],
)


def changed(value: Any) -> Iterator[Any]:
    """The value with each of its parts, one after another, in each odd form; and without it."""
    for path in paths(value):
        for odd in ODD:
            twin = copy.deepcopy(value)
            parent = twin
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = odd
            yield twin
        twin = copy.deepcopy(value)
        parent = twin
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        yield twin
    yield from ODD


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield (*above, step)
        yield from paths(below, (*above, step))


def outcome(path: Path) -> str:
    """`read`, or the refusal, which names the file."""
    try:
        source = open_source(path)
        for image in source.images:
            source.load(image)
    except InputError as error:
        return str(error)
    return "read"


def files_with(manifest: bytes, *more: bytes) -> dict[str, bytes]:
    return layout_files([named(manifest, MANIFEST)], [manifest, *PARTS.blobs, *more])


def test_odd_configs_are_read_or_refused_with_their_field(tmp_path: Path) -> None:
    manifest = json.loads(PARTS.manifest)
    answers = set()
    for number, config in enumerate(changed(json.loads(PARTS.config))):
        content = json_of(config)
        document = json_of({**manifest, "config": named(content, CONFIG)})
        path = write_directory(tmp_path / str(number), files_with(document, content))
        answers.add(checked(path))
    assert len(answers) > 50


def test_odd_manifests_are_read_or_refused_with_their_field(tmp_path: Path) -> None:
    answers = set()
    for number, manifest in enumerate(changed(json.loads(PARTS.manifest))):
        path = write_directory(tmp_path / str(number), files_with(json_of(manifest)))
        answers.add(checked(path))
    assert len(answers) > 50


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_odd_layouts_are_read_or_refused_with_their_field(tmp_path: Path, name: str) -> None:
    files = layout_files([PARTS.entry(name="registry.example/a:1", ref="1")], PARTS.blobs)
    answers = set()
    for number, document in enumerate(changed(json.loads(files[name]))):
        answers.add(checked(write_directory(tmp_path / str(number), files | {name: json_of(document)})))
    assert len(answers) > 4


def test_odd_saves_are_read_or_refused_with_their_field(tmp_path: Path) -> None:
    files = saved_files((PARTS, ["a:1"]))
    answers = set()
    for number, document in enumerate(changed(json.loads(files["manifest.json"]))):
        path = write_tar(tmp_path / f"{number}.tar", files | {"manifest.json": json_of(document)})
        answers.add(checked(path))
    assert len(answers) > 10


def checked(path: Path) -> str:
    """What is said of a file, without its path, which begins whatever is said."""
    answer = outcome(path)
    assert answer == "read" or answer.startswith(str(path)), answer
    assert "\n" not in answer
    return answer.replace(str(path), "")
