"""The options that say which images there are: `--images` and `--store`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.images.store import ImageStore

STORE_VARIABLE = "KUBESIM_STORE"
DATA_VARIABLE = "XDG_DATA_HOME"


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """`--images`, and the store in which a name is looked for that neither they nor the built-in images have."""
    parser.add_argument(
        "--images",
        nargs="+",
        default=[],
        metavar="PATH",
        help="image documents, OCI layouts, archives, folders of them",
    )
    add_store_option(parser)


def add_store_option(parser: argparse.ArgumentParser) -> None:
    """`--store` alone."""
    parser.add_argument(
        "--store",
        type=_path,
        metavar="DIR",
        help=f"what kubesim images add keeps (${STORE_VARIABLE}, else kubesim/images in ${DATA_VARIABLE})",
    )


def _path(text: str) -> Path:
    if not text:
        # An unset variable in a script: the working directory is not what was meant.
        raise argparse.ArgumentTypeError("a path is empty; name one, or leave the option out")
    return Path(text)


def store_of(options: argparse.Namespace, *, must_exist: bool = True) -> ImageStore:
    """The store of the options; raises as `store_path`."""
    from kubesim.images.store import ImageStore

    return ImageStore(store_path(options, must_exist=must_exist))


def store_path(options: argparse.Namespace, *, must_exist: bool = True) -> Path:
    """Where the store is. Raises InputError for a `--store` that is not there, unless it may be made."""
    from kubesim.errors import InputError

    if options.store is None:
        return _default_path()
    path: Path = options.store
    if must_exist and not path.is_dir():
        what = "is not a directory" if path.exists() else "no such directory"
        raise InputError(what, where=f"--store {path}", hint="kubesim images add --store DIR makes one")
    return path


def _default_path() -> Path:
    import os

    named = os.environ.get(STORE_VARIABLE, "")
    if named:
        return Path(named)
    data = os.environ.get(DATA_VARIABLE, "")
    # What is no absolute path counts as not set. Mirrors freedesktop: basedir-spec.
    base = Path(data) if data.startswith("/") else Path("~/.local/share").expanduser()
    return base / "kubesim" / "images"
