"""`kubesim images inspect`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubesim.images.image import Image

ROWS_MAX = 50
"""Rows of a table of accounts or blobs; JSON has them all."""


def run(options: argparse.Namespace) -> int:
    """Print what each image is called, what it is made of, and which accounts it has."""
    import json

    found = [_description(image) for image in _images(options)]
    print(json.dumps(found, indent=2) if options.output == "json" else "\n\n".join(_text(one) for one in found))
    return 0


def _images(options: argparse.Namespace) -> list[Image]:
    from kubesim.cli.image_options import store_of
    from kubesim.cli.images import normalised
    from kubesim.errors import InputError
    from kubesim.images.fixtures import load_catalogue
    from kubesim.model.mistakes import nearest
    from kubesim.node.sources import image_paths

    store = store_of(options)
    catalogue = load_catalogue(image_paths(options.images), more=store)
    images: list[Image] = []
    for word in options.names:
        name = normalised(word)
        image = catalogue.find(name) if name else None
        if image is None:
            matches = store.match(word)
            if len(matches) > 1:
                raise InputError(f"{len(matches)} images begin with {word}", hint="name one by more of its digits")
            image = store.load(matches[0]) if matches else None
        if image is None:
            hint = f"see kubesim images ls{nearest(name or word, catalogue.references())}"
            raise InputError(f"no image {word!r}", hint=hint)
        images.append(image)
    return images


def _description(image: Image) -> dict[str, Any]:
    import json

    config = json.loads(image.config_json)
    described: dict[str, Any] = {
        "references": list(image.references),
        "id": image.id,
        "digest": image.digest,
        "sizeBytes": image.size_bytes,
        "unpackedBytes": image.unpacked_bytes,
        "annotations": dict(image.annotations),
    }
    if image.artifact is not None:
        blobs = [
            {"title": blob.title, "mediaType": blob.media_type, "sizeBytes": blob.size_bytes}
            for blob in image.artifact.blobs
        ]
        return {**described, "artifactType": image.artifact.artifact_type, "blobs": blobs}
    run = image.config
    return {
        **described,
        "os": config.get("os", ""),
        "architecture": config.get("architecture", ""),
        "config": {
            "user": run.user,
            "env": [f"{name}={value}" for name, value in run.env],
            "entrypoint": list(run.entrypoint),
            "cmd": list(run.cmd),
            "workingDir": run.working_dir,
            "exposedPorts": list(run.exposed_ports),
            "stopSignal": run.stop_signal,
            "labels": dict(run.labels),
        },
        "layers": [
            {
                "digest": blob.digest,
                "sizeBytes": blob.size_bytes,
                "diffId": layer.diff_id,
                "unpackedBytes": layer.size_bytes,
                "entries": layer.entries,
            }
            for blob, layer in zip(image.blobs[-len(image.layers) :], image.layers, strict=True)
        ]
        if image.layers
        else [],
        "passwd": _lines(image, "/etc/passwd"),
        "group": _lines(image, "/etc/group"),
    }


def _lines(image: Image, path: str) -> list[str] | None:
    """The lines of an account file as they are, without empty ones and comments; None for an image without it."""
    from kubesim.images.tree import LinkRule, NodeKind

    node = image.tree.resolve(path, link_rule=LinkRule.IN_ROOT).node
    if node is None or node.kind is not NodeKind.FILE:
        return None
    lines = node.content.decode(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _text(one: dict[str, Any]) -> str:
    from kubesim.cli.tables import table

    rows = [*_facts(one)]
    width = max(len(name) for name, _ in rows)
    parts = ["\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)]
    if "blobs" in one:
        cells = [(blob["title"] or "-", blob["mediaType"], blob["sizeBytes"]) for blob in one["blobs"]]
        parts.append(table(("FILE", "MEDIA TYPE", "BYTES"), cells[:ROWS_MAX]) + _more(cells))
        return "\n\n".join(parts)
    layers = [
        (layer["digest"], layer["sizeBytes"], layer["unpackedBytes"], layer["entries"]) for layer in one["layers"]
    ]
    parts.append(table(("LAYER", "BYTES", "UNPACKED", "ENTRIES"), layers))
    for key, path in (("passwd", "/etc/passwd"), ("group", "/etc/group")):
        lines = one[key]
        if lines is None:
            parts.append(f"no {path}")
            continue
        shown = "\n".join(f"  {_printable(line)}" for line in lines[:ROWS_MAX])
        parts.append(f"{path}, {len(lines)} lines\n{shown}{_more(lines)}".rstrip())
    return "\n\n".join(parts)


def _facts(one: dict[str, Any]) -> list[tuple[str, object]]:
    names = one["references"] or ["<none>"]
    rows: list[tuple[str, object]] = [("name", name) for name in names]
    rows += [("id", one["id"]), ("digest", one["digest"])]
    rows.append(("size", f"{one['sizeBytes']} bytes, unpacked {one['unpackedBytes']}"))
    rows += [("annotation", f"{name}={_printable(value)}") for name, value in one["annotations"].items()]
    if "blobs" in one:
        return [*rows, ("artifact type", one["artifactType"])]
    rows.append(("platform", f"{one['os'] or 'unknown'}/{one['architecture'] or 'unknown'}"))
    config = one["config"]
    rows.append(("user", _printable(config["user"]) or "root, as there is none"))
    rows += [("env", _printable(entry)) for entry in config["env"]]
    rows += [(key, _words(config[key])) for key in ("entrypoint", "cmd") if config[key]]
    rows += [
        (name, _printable(config[key]))
        for key, name in (("workingDir", "working dir"), ("stopSignal", "stop signal"))
        if config[key]
    ]
    rows += [("port", _printable(port)) for port in config["exposedPorts"]]
    rows += [("label", f"{_printable(name)}={_printable(value)}") for name, value in config["labels"].items()]
    return rows


def _words(words: list[str]) -> str:
    import json

    return json.dumps(words, ensure_ascii=True)


def _printable(text: str) -> str:
    """Text of an image, which may be anybody's, without what could move the cursor of a terminal."""
    return text if text.isprintable() else repr(text)[1:-1]


def _more(rows: list[Any]) -> str:
    return f"\n... and {len(rows) - ROWS_MAX} more" if len(rows) > ROWS_MAX else ""
