"""`kubesim images`: what there is, what one image holds, and the store that keeps images of other tools."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from kubesim.cli.image_options import add_image_options, add_store_option
from kubesim.cli.pull_options import add_pull_options

MODULES = {
    "ls": "kubesim.cli.images_ls",
    "inspect": "kubesim.cli.images_inspect",
    "add": "kubesim.cli.images_add",
    "rm": "kubesim.cli.images_rm",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `images`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    ls = actions.add_parser("ls", help="list the images")
    add_image_options(ls)
    inspect = actions.add_parser("inspect", help="what one image is and holds")
    inspect.add_argument("names", nargs="+", metavar="IMAGE", help="a name, or the id of an image of the store")
    add_image_options(inspect)
    add = actions.add_parser("add", help="keep images in the store")
    add.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="PATH or PATH:REF of a layout, archive, document; or, with --pull, a name",
    )
    add.add_argument("--name", metavar="REF", help="the name of the image, in place of those that it has")
    add.add_argument(
        "--platform", default="linux/amd64", metavar="OS/ARCH[/VARIANT]", help="which image of an index (%(default)s)"
    )
    add_pull_options(add)
    add_store_option(add)
    rm = actions.add_parser("rm", help="remove images from the store")
    rm.add_argument(
        "names", nargs="+", metavar="IMAGE", help="a name, or the id or digest of an image with all its names"
    )
    add_store_option(rm)
    for action in (ls, inspect, add, rm):
        action.add_argument("-o", "--output", choices=["table", "json"], default="table")


def run(options: argparse.Namespace) -> int:
    """Do what is asked for."""
    code: int = import_module(MODULES[options.action]).run(options)
    return code


def normalised(name: str) -> str:
    """A name as it is kept; "" for what is no name, such as an id."""
    from kubesim.policy.image_reference import InvalidReference, parse_reference

    try:
        return parse_reference(name).normalised
    except InvalidReference:
        return ""


def shown_path(path: Path) -> str:
    """A path for people: short where it is below their home."""
    home = Path("~").expanduser()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
