"""`kubesim images ls`."""

from __future__ import annotations

import argparse

from kubesim.cli.not_available import add_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `images`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    ls = actions.add_parser("ls", help="list the images")
    ls.add_argument("--images", nargs="+", default=[], metavar="PATH", help="image fixtures: files or folders")
    ls.add_argument("-o", "--output", choices=["table", "json"], default="table")
    add_command(actions, "inspect", hint="kubesim images ls -o json says what is known of each image")
    add_command(actions, "add", hint="name image fixtures with --images")


def run(options: argparse.Namespace) -> int:
    """Print the images that can be pulled, and those that are on a node from the start."""
    import json

    from kubesim.cli.tables import table
    from kubesim.images.fixtures import load_catalogue
    from kubesim.node.sources import image_paths

    images = load_catalogue(image_paths(options.images)).images()
    rows = [
        {
            "references": list(image.references),
            "id": image.id,
            "digest": image.digest,
            "user": image.config.user,
            "sizeBytes": image.size_bytes,
            "present": image.is_present,
        }
        for image in images
    ]
    if options.output == "json":
        print(json.dumps(rows, indent=2))
        return 0
    cells = [
        (
            reference,
            image.id.removeprefix("sha256:")[:13],
            image.config.user or "-",
            image.size_bytes,
            "yes" if image.is_present else "no",
        )
        for image in images
        for reference in image.references
    ]
    print(table(("REFERENCE", "ID", "USER", "BYTES", "PRESENT"), cells))
    return 0
