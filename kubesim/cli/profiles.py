"""`kubesim profiles`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

VALUE_WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `profiles`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a profile such as containerd-2.0.3, or a path")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")


def run(options: argparse.Namespace) -> int:
    """Print the names, or one profile with its reasons."""
    return _all(options) if options.name is None else _one(options)


def _all(options: argparse.Namespace) -> int:
    from kubesim.cli.tables import table
    from kubesim.runtime.profiles import load_profile, patch_levels, profile_names

    rows = []
    for name in profile_names():
        profile = load_profile(name)
        levels = patch_levels(name)
        patches = f"{name}.0 to {name}.{levels[-1]}" if levels else ""
        rows.append((name, profile.runtime_name, profile.runtime_version, patches))
    if options.output == "json":
        print(_json(rows, ("name", "runtime", "version", "patches")))
    else:
        print(table(("NAME", "RUNTIME", "VERSION", "PATCH LEVELS"), rows))
    return 0


def _one(options: argparse.Namespace) -> int:
    from kubesim.cli.tables import table
    from kubesim.policy.runtime_profile_report import describe_profile
    from kubesim.runtime.profiles import load_profile

    rows = [(row.key, row.value, row.why) for row in describe_profile(load_profile(options.name))]
    if options.output == "json":
        print(_json(rows, ("key", "value", "why")))
    else:
        print(table(("SWITCH", "VALUE", "WHY"), [line for row in rows for line in _wrapped(*row)]))
    return 0


def _wrapped(key: str, value: str, why: str) -> list[tuple[str, str, str]]:
    """A row as one or more lines, so that a long list does not push the reasons off the screen."""
    import textwrap

    first, *rest = textwrap.wrap(value, VALUE_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    return [(key, first, why), *(("", line, "") for line in rest)]


def _json(rows: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> str:
    import json

    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2)
