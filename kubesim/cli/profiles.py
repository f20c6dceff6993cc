"""`kubesim profiles`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `profiles`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a profile such as containerd-2.0.3, or a path")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")


def run(options: argparse.Namespace) -> int:
    """Print the names, or one profile with its reasons."""
    from kubesim.cli.tables import table
    from kubesim.runtime.profiles import load_profile, patch_levels, profile_names

    if options.name is None:
        rows = []
        for name in profile_names():
            profile = load_profile(name)
            levels = patch_levels(name)
            patches = f"{name}.0 to {name}.{levels[-1]}" if levels else ""
            rows.append((name, profile.runtime_name, profile.runtime_version, patches))
        print(_json(rows, ("name", "runtime", "version", "patches")) if options.output == "json" else "", end="")
        if options.output == "table":
            print(table(("NAME", "RUNTIME", "VERSION", "PATCH LEVELS"), rows))
        return 0
    from kubesim.policy.runtime_profile_report import describe_profile

    described = [(row.key, row.value, row.why) for row in describe_profile(load_profile(options.name))]
    if options.output == "json":
        print(_json(described, ("key", "value", "why")), end="")
    else:
        print(table(("SWITCH", "VALUE", "WHY"), described))
    return 0


def _json(rows: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> str:
    import json

    return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2) + "\n"
