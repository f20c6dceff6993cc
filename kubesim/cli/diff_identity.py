"""`kubesim diff-identity`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubesim.cli.explain_options import add_node_options, explained_node
from kubesim.cli.identity_json import COMPARED_KEYS
from kubesim.cli.pull_options import add_pull_options

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kubesim.images.catalogue import Catalogue
    from kubesim.node.explained_container import ExplainedNode
    from kubesim.node.fleet import Fleet
    from kubesim.node.fleet_identity import FleetRow, FleetSummary

DIFFERENT = 1

HELP = f"""\
Paths are pod manifests, image fixtures, image layouts and archives, or folders of them, which are searched in depth. A
document's kind tells which it is; the template of a Deployment or its like counts as a pod. An image that no pod runs
is compared as a pod without any security context would run it.

JSON (-o json): an object
  from, to                 the profiles
  containers               for each that differs or could not be compared an object (for all with --all): pod,
                           container, image, where (all but image null for an image alone), problem (null, or why
                           nothing could be compared), and comparison (null with a problem, else as below)
  summary                  compared, equal, reordered, different, refusedBefore, refusedAfter, failing (which could
                           not be compared), otherObjects (which are no pods, and were left alone)

{COMPARED_KEYS.replace("JSON with two profiles: a list with an object for each container", "A comparison")}\
                           (these three are empty for the same groups in another order)

Exit code: 0, a difference is no error; with --exit-code 1 when something differs or could not be compared.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `diff-identity`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HELP
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="manifests, images, and folders of them")
    parser.add_argument("--from", dest="before", required=True, metavar="PROFILE", help="the runtime as it is")
    parser.add_argument("--to", dest="after", required=True, metavar="PROFILE", help="the runtime after the upgrade")
    parser.add_argument("--all", action="store_true", help="list the containers that do not change as well")
    parser.add_argument("--exit-code", action="store_true", help="1 when something differs or could not be compared")
    add_node_options(parser, has_profile=False)
    add_pull_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print what differs, and how many were compared."""
    import contextlib
    import json
    from dataclasses import replace

    from kubesim.cli.image_options import store_of
    from kubesim.cli.located import profile_of
    from kubesim.cli.progress import working
    from kubesim.images.fixtures import load_catalogue
    from kubesim.node.account_files import check_account_files
    from kubesim.node.fleet import read_fleet
    from kubesim.node.fleet_identity import compare_fleet, summary_of
    from kubesim.node.sources import image_paths

    before = explained_node(options, profile=options.before, option="--from")
    after = replace(before, profile=profile_of("--to", options.after))
    paths = image_paths(options.images)
    check_account_files(paths)
    fleet = read_fleet(options.paths, kubelet_version=options.kubelet_version)
    catalogue = load_catalogue(paths, more=store_of(options))
    for image in fleet.images:
        catalogue.add(image)
    with contextlib.ExitStack() as pulled:
        refusals = _pull(options, fleet, before, catalogue, pulled)
        with working("comparing identities"):
            rows = list(compare_fleet(fleet, before, after, catalogue))
    rows = [replace(row, problem=refusals[row.image]) if row.problem and row.image in refusals else row for row in rows]
    summary = summary_of(rows)
    shown = [row for row in rows if options.all or row.compared is None or row.compared.is_different]
    if options.output == "json":
        print(json.dumps(_json(options, shown, summary, fleet), indent=2))
    else:
        print("\n\n".join([*map(_text, shown), _summary_text(options, summary, fleet)]))
    return DIFFERENT if options.exit_code and (summary.different or summary.failing) else 0


def _pull(
    options: argparse.Namespace, fleet: Fleet, node: ExplainedNode, catalogue: Catalogue, pulled: ExitStack
) -> dict[str, str]:
    """Have the images of the pods in the catalogue until `pulled` is closed; what registries say of those that fail.

    One image that cannot be had is no reason to leave a fleet alone.
    """
    from kubesim.cli.pull_options import pulled_images
    from kubesim.images.registry.errors import RegistryError
    from kubesim.node.pod_templates import pod_of
    from kubesim.node.pulled_images import image_names

    refusals = {}
    os_name = options.os or "linux"
    for name in image_names(pod_of(manifest) for manifest in fleet.pods):
        try:
            images = pulled_images(options, [name], catalogue=catalogue, profile=node.profile, os_name=os_name)
            for image in pulled.enter_context(images):
                catalogue.add(image)
        except RegistryError as error:
            refusals[name] = str(error)
    return refusals


def _json(options: argparse.Namespace, rows: list[FleetRow], summary: FleetSummary, fleet: Fleet) -> dict[str, Any]:
    from kubesim.cli.identity_json import compared_json

    return {
        "from": options.before,
        "to": options.after,
        "containers": [
            {
                "pod": row.pod or None,
                "container": row.container or None,
                "image": row.image,
                "where": row.where or None,
                "problem": row.problem or None,
                "comparison": None if row.compared is None else compared_json(row.compared),
            }
            for row in rows
        ],
        "summary": {
            "compared": summary.compared,
            "equal": summary.equal,
            "reordered": summary.reordered,
            "different": summary.different,
            "refusedBefore": summary.refused_before,
            "refusedAfter": summary.refused_after,
            "failing": summary.failing,
            "otherObjects": fleet.others_count,
        },
    }


def _text(row: FleetRow) -> str:
    from kubesim.cli.identity_text import answer_text, switch_lines

    who = f"{row.pod} {row.container}, image {row.image} ({row.where})"
    if not row.pod:
        who = f"image {row.image}, no pod, as with no security context"
    if row.compared is None:
        return f"{who}: not compared\n  {row.problem}"
    one = row.compared
    width = max(len(one.before.profile), len(one.after.profile))
    lines = [f"{who}: {_CHANGES[one.change]}"]
    lines += [f"  {side.profile.ljust(width)}  {answer_text(side)}" for side in (one.before, one.after)]
    if one.is_different:
        lines += [f"  {line}" for line in switch_lines(one.switches, one.before.profile, one.after.profile)]
    return "\n".join(lines)


_CHANGES = {
    "same": "the same",
    "order": "the same groups in another order",
    "identity": "another identity",
    "refused": "refused from then on",
    "allowed": "no longer refused",
    "message": "refused in other words",
}


def _summary_text(options: argparse.Namespace, summary: FleetSummary, fleet: Fleet) -> str:
    order = f" ({summary.reordered} with the groups in another order)" if summary.reordered else ""
    parts = [
        f"{options.before} to {options.after}: compared {summary.compared}: {summary.equal} equal{order}",
        f"{summary.different} different",
        f"refused {summary.refused_before} before and {summary.refused_after} after",
        f"not compared {summary.failing}",
    ]
    text = ", ".join(parts)
    count = fleet.others_count
    return f"{text}; {count} object{'s' if count > 1 else ''} of other kinds left alone" if count else text
