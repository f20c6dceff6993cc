"""Sizes on the command line of a benchmark: whole numbers from 1 on, each with a default."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def sizes(doc: str | None, arguments: Sequence[str] | None = None, **defaults: int) -> list[int]:
    """The values of positional arguments named as `defaults`; what is wrong with them ends the process, and `--help`.

    `doc` is the script's, `arguments` those of the process unless others are given.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(name, nargs="?", type=size, default=default, help=f"default: {default}")
    found = parser.parse_args(arguments)
    return [getattr(found, name) for name in defaults]


def size(text: str) -> int:
    """A whole number from 1 on. Raises ArgumentTypeError that says so."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
