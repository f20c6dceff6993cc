"""`kubesim profiles`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import zip_longest

VALUE_WIDTH = 60
"""Where the value of a switch is wrapped, in characters."""

DIFFERENCE_WIDTH = 34
"""Where each of two values side by side is wrapped."""

REASON_WIDTH = 60
"""Where the reason beside two values is wrapped."""

NOTHING = "-"
"""Stands in a table for a deviation that one of two profiles does not have."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `profiles`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("name", nargs="?", metavar="NAME", help="a profile such as containerd-2.0.3, or a path")
    what.add_argument(
        "--diff", nargs=2, metavar=("A", "B"), help="what changes from profile A to profile B; names or paths"
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")


def run(options: argparse.Namespace) -> int:
    """Print the names, or one profile with its reasons, or what differs between two."""
    if options.diff is not None:
        return _difference(options)
    return _all(options) if options.name is None else _one(options)


def _all(options: argparse.Namespace) -> int:
    from kubesim.cli.tables import table
    from kubesim.runtime.profiles import load_profile, patch_levels, profile_names

    rows = []
    for name in profile_names():
        profile = load_profile(name)
        levels = patch_levels(name)
        patches = f"{name}.0 to {name}.{levels[-1]}" if levels else ""
        rows.append((name, profile.runtime_name, profile.runtime_version, profile.cri_api_version, patches))
    if options.output == "json":
        print(_json(rows, ("name", "runtime", "version", "criApi", "patches")))
    else:
        print(table(("NAME", "RUNTIME", "VERSION", "CRI API", "PATCH LEVELS"), rows))
    return 0


def _one(options: argparse.Namespace) -> int:
    from kubesim.cli.tables import table
    from kubesim.policy.runtime_profile_report import describe_profile
    from kubesim.runtime.profiles import load_profile

    rows = [(row.key, row.value, row.why) for row in describe_profile(load_profile(options.name))]
    if options.output == "json":
        print(_json(rows, ("key", "value", "why")))
    else:
        print(table(("SWITCH", "VALUE", "WHY"), [line for row in rows for line in _wrapped(row, (0, VALUE_WIDTH, 0))]))
    return 0


def _difference(options: argparse.Namespace) -> int:
    from kubesim.cli.tables import table
    from kubesim.policy.runtime_profile_report import compare_profiles
    from kubesim.runtime.profiles import load_profile

    before, after = options.diff
    rows = [
        (row.key, row.before, row.after, row.why) for row in compare_profiles(load_profile(before), load_profile(after))
    ]
    if options.output == "json":
        print(_json(rows, ("key", "before", "after", "why")))
    elif not rows:
        print(f"{before} and {after} have the same switches and deviations")
    else:
        widths = (0, DIFFERENCE_WIDTH, DIFFERENCE_WIDTH, REASON_WIDTH)
        shown = [(key, old or NOTHING, new or NOTHING, why) for key, old, new, why in rows]
        print(table(("SWITCH", before, after, "WHY"), [line for row in shown for line in _wrapped(row, widths)]))
    return 0


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """A row as one or more lines, so that a long value does not push the rest off the screen; 0 is no width."""
    import textwrap

    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) if width else [cell]
        for cell, width in zip(row, widths, strict=True)
    ]
    return zip_longest(*cells, fillvalue="")


def _json(rows: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> str:
    import json

    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2)
