"""`kubesim images ls`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any


def run(options: argparse.Namespace) -> int:
    """Print the images that can be pulled, and those that are on a node from the start."""
    import json

    from kubesim.cli.tables import table

    rows = [*_rows_of_catalogue(options), *_rows_of_store(options)]
    if options.output == "json":
        print(json.dumps(rows, indent=2))
        return 0
    cells = [
        (
            reference,
            row["id"].removeprefix("sha256:")[:13],
            row["user"] or "-",
            row["sizeBytes"],
            row["source"],
            "yes" if row["present"] else "no",
        )
        for row in rows
        for reference in row["references"] or ("<none>",)
    ]
    print(table(("REFERENCE", "ID", "USER", "BYTES", "SOURCE", "PRESENT"), cells))
    return 0


def _rows_of_catalogue(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from kubesim.images.fixtures import load_catalogue
    from kubesim.node.sources import image_paths

    built_in = set(map(id, load_catalogue(()).images()))
    for image in load_catalogue(image_paths(options.images)).images():
        yield {
            "references": list(image.references),
            "id": image.id,
            "digest": image.digest,
            "user": image.config.user,
            "sizeBytes": image.size_bytes,
            "source": "built-in" if id(image) in built_in else "--images",
            "present": image.is_present,
        }


def _rows_of_store(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    import sys

    from kubesim.cli.image_options import store_of
    from kubesim.errors import InputError

    store = store_of(options)
    for image in store.images():
        try:
            summary = store.summary(image)
        except InputError as error:
            print(f"kubesim: damaged: {error}; remove it: kubesim images rm {image.digest}", file=sys.stderr)
            continue
        yield {
            "references": list(image.references),
            "id": summary.id,
            "digest": image.digest,
            "user": summary.config.config.user if summary.config is not None else "",
            "sizeBytes": summary.size_bytes,
            "source": "store",
            "present": False,
        }
